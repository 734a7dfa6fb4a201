"""How far each spool is stored, and how each gateway does; and what was refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select

from pawon_contract.codec import Row

from ..ingest.batches import SpoolState, beginning
from ..store.rows import put_rows, storable
from ..store.tables import gateway, quarantine, spool
from .context import Arrival

# What names a row within its kitchen.
_KEYS: dict[Table, tuple[str, ...]] = {spool: ("gateway", "spool"), gateway: ("gateway",)}


class Gateways:
    """Projection of ``spool``, ``gateway`` and ``quarantine``; buffers until ``flush``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._rows: dict[Table, dict[tuple[str, ...], dict[str, Any]]] = {spool: {}, gateway: {}}
        self._dirty: dict[Table, set[tuple[str, ...]]] = {spool: set(), gateway: set()}
        self._quarantined: list[dict[str, Any]] = []
        self._refused_rows = 0  # of the batch at hand

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._quarantined.clear()
        self._refused_rows = 0
        for table in self._rows:
            self._dirty[table].clear()
            found = connection.execute(select(table).where(table.c.kitchen == self._kitchen))
            self._rows[table] = {self._key(table, row._mapping): dict(row._mapping) for row in found}

    def stored(self, name: str, spool_id: str) -> SpoolState:
        """How far this spool is stored."""
        row = self._rows[spool].get((name, spool_id))
        return beginning(spool_id) if row is None else SpoolState(upto=row["upto"], chain=row["chain"])

    def newest_spool(self, name: str) -> tuple[str, int]:
        """The spool a gateway last sent from, and how far it is stored; ("", 0) before its first row."""
        row = self._rows[gateway].get((name,))
        return ("", 0) if row is None else (row["spool"], row["upto"])

    def heard_ms(self, name: str) -> int | None:
        """When rows of a gateway were last stored, by the server's clock."""
        row = self._rows[gateway].get((name,))
        return None if row is None else int(row["received_ms"])

    def take(self, arrival: Arrival, state: SpoolState, newest_at_ms: int | None) -> None:
        """A batch was stored up to ``state``."""
        self._put(
            spool,
            kitchen=self._kitchen, gateway=arrival.gateway, spool=arrival.spool, upto=state.upto, chain=state.chain,
            journal_id=arrival.journal_id,
        )  # fmt: skip
        before = self._rows[gateway].get((arrival.gateway,))
        refused = self._refused_rows + (0 if before is None else before["refused"])
        delay = None if newest_at_ms is None else arrival.age_ms(newest_at_ms)
        self._put(
            gateway,
            kitchen=self._kitchen, gateway=arrival.gateway, boot=arrival.boot, spool=arrival.spool, upto=state.upto,
            received_ms=arrival.received_ms, clock=arrival.clock, offset_ms=arrival.offset_ms,
            error_ms=arrival.error_ms, delay_ms=delay or 0, refused=refused,
            journal_id=arrival.journal_id,
        )  # fmt: skip
        self._refused_rows = 0

    def refuse_row(self, arrival: Arrival, row: Row, reason: str) -> None:
        """A row that could not be used keeps its number, its bytes and the reason."""
        self._quarantined.append(
            {
                "kitchen": self._kitchen, "journal_id": arrival.journal_id, "sequence": row.sequence,
                "gateway": arrival.gateway, "spool": arrival.spool, "received_ms": arrival.received_ms,
                "reason": storable(reason), "raw": row.raw,
            }
        )  # fmt: skip
        self._refused_rows += 1

    def refuse_payload(self, name: str, journal_id: int, received_ms: int, reason: str, payload: bytes) -> None:
        """A payload that was no batch."""
        self._quarantined.append(
            {
                "kitchen": self._kitchen, "journal_id": journal_id, "sequence": 0, "gateway": name, "spool": None,
                "received_ms": received_ms, "reason": storable(reason), "raw": payload,
            }
        )  # fmt: skip
        self._count_refused(name)

    def is_kept(self, connection: Connection, journal_id: int, sequence: int) -> bool:
        """Whether this row lies in quarantine."""
        self._flush_quarantine(connection)
        return (
            connection.execute(select(quarantine.c.sequence).where(*self._kept(journal_id, sequence))).first()
            is not None
        )

    def release(self, connection: Connection, name: str, journal_id: int, sequence: int) -> None:
        """A row leaves quarantine; the journal keeps its bytes."""
        connection.execute(delete(quarantine).where(*self._kept(journal_id, sequence)))
        self._count_refused(name, -1)

    def flush(self, connection: Connection) -> None:
        """Write what was buffered."""
        self._flush_quarantine(connection)
        for table, keys in self._dirty.items():
            put_rows(connection, table, [self._rows[table][key] for key in sorted(keys)])
            keys.clear()

    def _flush_quarantine(self, connection: Connection) -> None:
        if self._quarantined:
            connection.execute(insert(quarantine), self._quarantined)
            self._quarantined = []

    def _kept(self, journal_id: int, sequence: int) -> tuple[ColumnElement[bool], ...]:
        return (
            quarantine.c.kitchen == self._kitchen,
            quarantine.c.journal_id == journal_id,
            quarantine.c.sequence == sequence,
        )

    def _count_refused(self, name: str, count: int = 1) -> None:
        row = self._rows[gateway].get((name,))
        if row is not None:
            self._put(gateway, **{**row, "refused": max(0, row["refused"] + count)})

    def _put(self, table: Table, **row: Any) -> None:
        key = self._key(table, row)
        self._rows[table][key] = row
        self._dirty[table].add(key)

    def _key(self, table: Table, row: Any) -> tuple[str, ...]:
        return tuple([row[name] for name in _KEYS[table]])
