"""The same rows at a server that never had a fault: one row a batch, one transaction, no restart, no duplicate.

Rules fire exactly once when the tortured server has the same incidents: same ids (they name the row that opened them),
rules, worst values, and times on the gateway's own clock. Silence is left out: it is the server's clock that declares
it, and while programs are killed there is some. So is ``late``, which is about when a row came in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, select

from pawon_contract import codec
from pawon_contract.messages import Envelope
from pawon_server.ingest.acceptance import Acceptance, Incoming, OwnEntry
from pawon_server.projections.context import Changes
from pawon_server.store.database import open_store
from pawon_server.store.journal import entries
from pawon_server.store.tables import incident


def compare_incidents(
    tortured: Engine, folder: Path, kitchen: str, gateway: str, differs: Callable[[str], None]
) -> int:
    """Tell what differs; the number of incidents that limits opened."""
    folder.mkdir()
    store = open_store(folder / "pawon.db")
    try:
        acceptance = Acceptance(kitchen, store.epoch, lambda: 0)
        with tortured.connect() as source, store.writer.begin() as target:
            acceptance.load(target)
            for entry in entries(source, kitchen):
                if entry.kind in ("config", "profile"):
                    acceptance.own(target, OwnEntry(kind=entry.kind, payload=entry.payload), Changes())
                elif entry.kind == "batch" and entry.gateway == gateway:
                    assert entry.first is not None
                    assert entry.chain_before is not None
                    _one_by_one(target, acceptance, entry.payload, entry.first, entry.chain_before, gateway)
            acceptance.flush(target)
        with tortured.connect() as source, store.reader.connect() as target:
            found, wanted = _limits(source, kitchen), _limits(target, kitchen)
    finally:
        store.close()
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            differs(f"incident {name} is {found.get(name)}, without faults {wanted.get(name)}")
    return len(found)


def _one_by_one(
    target: Connection, acceptance: Acceptance, payload: bytes, first: int, before: bytes, gateway: str
) -> None:
    envelope = codec.decode(payload, Envelope)
    assert isinstance(envelope, Envelope)
    for row in codec.rows(envelope, before, after=first - 1):
        single = msgspec.structs.replace(
            envelope, first=row.sequence, items=[msgspec.Raw(row.raw)], hash=row.chain.hex()
        )
        message = Incoming(gateway=gateway, payload=codec.encode(single), received_ms=0)
        acceptance.incoming(target, message, Changes(), project=True)


def _limits(connection: Connection, kitchen: str) -> dict[str, tuple[object, ...]]:
    rows = connection.execute(select(incident).where(incident.c.kitchen == kitchen, incident.c.kind == "limit"))
    return {
        row.id: (row.sensor, row.rule, row.boot, row.worst, row.began_ms - row.offset_ms, row.opened_ms - row.offset_ms,
                 row.closed_ms is None)
        for row in rows
    }  # fmt: skip
