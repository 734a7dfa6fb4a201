"""Tries quarantined rows again with today's code and configuration, each as a journal entry of its own.

What can be tried again: rows of a batch (a sensor that was not configured, a decoder or a projection that was wrong).
What cannot: payloads refused as a whole; their gateway sends the rows again in smaller batches, and for a row that
cannot be taken at all it sends a gap and keeps the bytes. A row that still cannot be used stays, and nothing is
journalled, so that trying twice changes nothing.

Rows of the past page nobody as if they were now and are only proposed to the stock book. They are judged by the rules
where nothing newer is known of their sensor; otherwise they are recorded and shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, tuple_

from pawon_contract import codec
from pawon_contract.messages import Envelope

from ..ingest.acceptance import Acceptance, OwnEntry
from ..projections.context import Changes
from ..projections.projector import Replay
from ..rulebook import Rulebook
from ..store.database import Store, is_to_blame
from ..store.journal import entry_at
from ..store.tables import quarantine
from ..store.turn import be_alone

log = logging.getLogger(__name__)

# Rows in one transaction; one that fails by a bug sends its group one by one.
AT_ONCE = 200
# So many of the rows that stay are told; all are counted.
MAX_TOLD = 20
WHOLE = "a payload refused as a whole: its gateway sends its rows again in smaller batches, or a gap for what is lost"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A row or payload that stays in quarantine, and why."""

    id: str
    gateway: str
    reason: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows are used now and how many stay; the first of these."""

    used: int
    kept: int
    first_kept: list[Kept]


def parse_id(name: str) -> tuple[int, int | None]:
    """``12`` for all that journal entry 12 brought into quarantine, ``12.3`` for its row 3. Raises ``ValueError``."""
    entry, _, sequence = name.partition(".")
    if not entry.isdecimal() or (sequence and not sequence.isdecimal()):
        raise ValueError(f"{name!r} is no id of /api/v1/quarantine: give 12 or 12.3")
    return int(entry), int(sequence) if sequence else None


def replay_quarantine(
    store: Store, book: Rulebook, utc_ms: Callable[[], int], wanted: tuple[int, int | None] | None = None
) -> Replayed:
    """Try again what is quarantined, or what ``wanted`` (``parse_id``) names of it, by ``book``, which takes effect.

    The caller holds the store for itself.
    """
    return _Replay(store, book, utc_ms, wanted).run()


class _Replay:
    def __init__(
        self, store: Store, book: Rulebook, utc_ms: Callable[[], int], wanted: tuple[int, int | None] | None
    ) -> None:
        self._store, self._book, self._wanted = store, book, wanted
        self._kitchen = book.settings.kitchen
        self._acceptance = Acceptance(self._kitchen, store.epoch, utc_ms)
        self._batch: tuple[int, Envelope | None] = (0, None)
        self._used = 0
        self._kept: dict[str, Kept] = {}
        self._kept_count = 0

    def run(self) -> Replayed:
        with self._store.writer.begin() as connection:
            be_alone(connection, self._kitchen)
            self._acceptance.load(connection)
            self._acceptance.adopt(connection, self._book, Changes())
            self._acceptance.flush(connection)
        after = (0, -1)
        while rows := self._portion(after):
            after = (rows[-1].journal_id, rows[-1].sequence)
            if not self._try(rows):
                for row in rows:
                    if not self._try([row]):
                        self._keep(row, "its projection fails; see the log")
        return Replayed(used=self._used, kept=self._kept_count, first_kept=list(self._kept.values()))

    def _portion(self, after: tuple[int, int]) -> list[Row[Any]]:
        keys = tuple_(quarantine.c.journal_id, quarantine.c.sequence)
        where = [quarantine.c.kitchen == self._kitchen, keys > after]
        if self._wanted is not None:
            where.append(quarantine.c.journal_id == self._wanted[0])
            if self._wanted[1] is not None:
                where.append(quarantine.c.sequence == self._wanted[1])
        query = select(quarantine).where(*where).order_by(quarantine.c.journal_id, quarantine.c.sequence)
        with self._store.reader.connect() as connection:
            return list(connection.execute(query.limit(AT_ONCE)))

    def _try(self, rows: list[Row[Any]]) -> bool:
        """Rows in one transaction; whether none of them failed by a bug. A store that refuses raises its error."""
        used, stay = 0, []
        try:
            with self._store.writer.begin() as connection:
                if self._store.shared:  # nothing but this keeps a server from having worked in between
                    be_alone(connection, self._kitchen)
                    self._acceptance.load(connection)
                for row in rows:
                    replay = self._replay(connection, row)
                    reason = WHOLE if replay is None else self._acceptance.projector.why_kept(connection, replay)
                    if replay is None or reason is not None:
                        stay.append((row, reason or WHOLE))
                        continue
                    entry = OwnEntry(kind="replay", payload=msgspec.json.encode(replay))
                    self._acceptance.own(connection, entry, Changes())
                    used += 1
                self._acceptance.flush(connection)
        except Exception as error:
            if is_to_blame(error):
                raise
            log.exception("a row of the quarantine cannot be projected")
            with self._store.reader.connect() as connection:
                self._acceptance.load(connection)
            return False
        self._used += used
        for row, reason in stay:
            self._keep(row, reason)
        return True

    def _keep(self, row: Row[Any], reason: str) -> None:
        self._kept_count += 1
        if len(self._kept) < MAX_TOLD:
            name = f"{row.journal_id}.{row.sequence}"
            self._kept[name] = Kept(id=name, gateway=row.gateway, reason=reason)

    def _replay(self, connection: Connection, row: Row[Any]) -> Replay | None:
        """The row with what its batch said; ``None`` for a payload that was refused as a whole."""
        if row.sequence == 0:
            return None
        if self._batch[0] != row.journal_id:
            stored = entry_at(connection, self._kitchen, row.journal_id)
            envelope = codec.decode(b"" if stored is None else stored.payload, Envelope)
            self._batch = (row.journal_id, None if isinstance(envelope, codec.Unreadable) else envelope)
        batch = self._batch[1]
        if batch is None:
            return None
        return Replay(
            entry=row.journal_id, sequence=row.sequence, gateway=row.gateway, spool=batch.spool, boot=batch.boot,
            offset_ms=batch.offset_ms, clock=batch.clock, error_ms=batch.error_ms, received_ms=row.received_ms,
            raw=row.raw,
        )  # fmt: skip
