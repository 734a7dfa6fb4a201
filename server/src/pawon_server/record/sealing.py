"""Prepares the next segment: reads a run of old entries, proves it, packs it, unpacks it and compares.

This is the costly part, so the server has it done by a process of its own (``python -m pawon_server.record.sealing``,
a job on its input, the answer on its output): the one that takes readings shares no interpreter with it. It only reads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, select

from ..ingest.acceptance import Acceptance, OwnEntry
from ..ingest.batches import SpoolState
from ..projections.context import Changes
from ..store.database import open_to_read
from ..store.journal import MAX_ID, Entry, Sealed, link_origin, raw_entries, sealed_upto
from ..store.segments import Head, digest_of, open_run, pack_run, text_of
from ..store.tables import journal, segment, segment_spool
from .findings import FROM_BACKUP, Bad, Finding
from .verify import continued

# A segment is opened as a whole: so many rows and so much text take about 20 MB of memory and half a second.
MAX_ROWS = 25_000
MAX_TEXT_BYTES = 12 << 20
# A payload holds no more rows than this, whatever its gap claims.
_ROWS_A_BATCH = 2_000
READ_AT_ONCE = 500
NICE = 19


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to seal: entries received before ``before_ms``; if they fill no segment only when the first of them came
    before ``patience_ms``."""

    store: str
    kitchen: str
    before_ms: int
    patience_ms: int


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, proven and ready to be put in."""

    head: Head
    content: bytes
    link_before: bytes
    link_after: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A segment, or why the run cannot be sealed; neither while there is nothing to seal."""

    prepared: Prepared | None = None
    finding: Finding | None = None


def prepare(reader: Engine, job: Job, *, max_rows: int = MAX_ROWS) -> Answer:
    """The next segment of the journal."""
    try:
        return Answer(prepared=_prepare(reader, job, max_rows))
    except Bad as bad:
        return Answer(finding=bad.finding)


def _prepare(reader: Engine, job: Job, max_rows: int) -> Prepared | None:
    with reader.begin() as connection:
        last_id = sealed_upto(connection, job.kitchen)
        link_before = _link_after(connection, job.kitchen, last_id)
        states = _states(connection, job.kitchen)
    take, link = continued(job.kitchen, last_id, link_before, states)
    run: list[Entry] = []
    rows = size = 0
    full = False
    after = last_id
    while not full:
        with reader.begin() as connection:
            portion = raw_entries(connection, job.kitchen, after=after, upto=MAX_ID, limit=READ_AT_ONCE)
        for entry in portion:
            full = rows >= max_rows or size >= MAX_TEXT_BYTES
            if full or not isinstance(entry.received_ms, int) or entry.received_ms >= job.before_ms:
                portion = []
                break
            take(entry)
            run.append(entry)
            if entry.kind == "batch":
                rows += min(_ROWS_A_BATCH, (entry.last or 0) - (entry.first or 0) + 1)
                size += len(text_of(entry.payload))
        if not portion:
            break
        after = portion[-1].id
    batches = [entry for entry in run if entry.kind == "batch"]
    if not batches or not (full or run[0].received_ms < job.patience_ms):
        return None
    content, head = pack_run(last_id + 1, run[-1].id, batches)
    _compare(content, head, batches)
    return Prepared(head=head, content=content, link_before=link_before, link_after=link())


def _link_after(connection: Connection, kitchen: str, last_id: int) -> bytes:
    if last_id == 0:
        return link_origin(kitchen)
    payload = connection.execute(
        select(journal.c.payload)
        .join(segment, (segment.c.kitchen == journal.c.kitchen) & (segment.c.journal_id == journal.c.id))
        .where(segment.c.kitchen == kitchen, segment.c.last_id == last_id)
    ).scalar_one()
    return bytes.fromhex(msgspec.json.decode(payload, type=Sealed).link_after)


def _states(connection: Connection, kitchen: str) -> dict[tuple[str, str], SpoolState]:
    found = connection.execute(
        select(segment_spool).where(segment_spool.c.kitchen == kitchen).order_by(segment_spool.c.last)
    )
    return {(row.gateway, row.spool): SpoolState(upto=row.last, chain=row.chain) for row in found}


def _compare(content: bytes, head: Head, batches: list[Entry]) -> None:
    """What was packed comes back as it was. Raises ``Bad``."""
    run = open_run(content)
    same = run.head == head and len(run.batches) == len(batches)
    for sealed, entry in zip(run.batches, batches, strict=False):
        back = sealed.entry
        same = same and text_of(entry.payload) == back.payload and all(
            getattr(entry, name) == getattr(back, name)
            for name in ("id", "received_ms", "gateway", "spool", "first", "last", "chain_before", "chain")
        )  # fmt: skip
        if not same:
            break
    if not same:
        raise Bad(
            Finding(
                journal_id=head.first_id, what=f"the run {head.first_id}..{head.last_id} does not come back as it was",
                expected="the same batches", found="others",
                remedy=f"a bug of this version: nothing was changed and the run stays as it is; tell us. {FROM_BACKUP}",
            )
        )  # fmt: skip


def put_in(prepared: Prepared) -> Callable[[Connection, Acceptance], None]:
    """The step that makes a prepared segment part of the record: its entry in the journal, and the segment."""

    def step(connection: Connection, acceptance: Acceptance) -> None:
        head, kitchen = prepared.head, acceptance.kitchen
        if sealed_upto(connection, kitchen) != head.first_id - 1:
            return  # it is there already
        digest = digest_of(prepared.content)
        sealed = Sealed(
            first_id=head.first_id, last_id=head.last_id, batches=head.batches, rows=head.rows, digest=digest,
            link_before=prepared.link_before.hex(), link_after=prepared.link_after.hex(),
        )  # fmt: skip
        acceptance.own(connection, OwnEntry(kind="sealed", payload=msgspec.json.encode(sealed)), Changes())
        acceptance.flush(connection)
        connection.execute(
            segment.insert().values(
                kitchen=kitchen, first_id=head.first_id, last_id=head.last_id, batches=head.batches, rows=head.rows,
                first_ms=head.first_ms, last_ms=head.last_ms, digest=digest, journal_id=acceptance.last_id,
                content=prepared.content,
            )
        )  # fmt: skip
        for one in head.spools:
            connection.execute(
                segment_spool.insert().values(
                    kitchen=kitchen, gateway=one.gateway, spool=one.spool, first=one.first, last=one.last,
                    first_id=head.first_id, chain=bytes.fromhex(one.after),
                )
            )  # fmt: skip

    return step


def main() -> int:
    """One job from the input, its answer to the output."""
    os.nice(NICE)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    reader = open_to_read(Path(job.store))
    sys.stdout.buffer.write(msgspec.msgpack.encode(prepare(reader, job)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
