"""What is known of each boot's time, kept in the order of its spool: the table around ``boot_times``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, select

from pawon_contract.messages import ClockQuality

from ..store.rows import put_rows
from ..store.tables import boot
from . import boot_times
from .boot_times import Boot, Sending
from .context import Arrival

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(Boot))


def boot_of(row: Mapping[Any, Any]) -> Boot:
    """A row of the table; what an older version did not keep has its default."""
    return Boot(**{name: row[name] for name in _COLUMNS if row[name] is not None})


class Boots:
    """Projection of ``boot``; buffers until ``flush``."""

    def __init__(self, kitchen: str) -> None:
        self._kitchen = kitchen
        self._boots: dict[tuple[str, str], Boot] = {}
        self._spools: dict[tuple[str, str], list[str]] = {}  # of (gateway, spool): its boots in order
        self._changed: dict[tuple[str, str], int] = {}  # by which entry

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        self._changed.clear()
        self._boots.clear()
        self._spools.clear()
        # A boot of a store from before its order was kept has no number, and is in no sequence until it speaks again.
        query = select(boot).where(boot.c.kitchen == self._kitchen).order_by(boot.c.number)
        for row in connection.execute(query):
            self._boots[row.gateway, row.boot] = boot_of(row._mapping)
            if row.number is not None:
                self._spools.setdefault((row.gateway, row.spool), []).append(row.boot)

    def take(self, arrival: Arrival, newest_at: int) -> list[Boot]:
        """A batch came in whose newest row is of ``newest_at``; which boots of its spool are to be dated anew."""
        sending = Sending(
            offset_ms=arrival.offset_ms, error_ms=arrival.error_ms, clock=arrival.clock, newest_at=newest_at,
            sent_at=arrival.sender_ms, own=arrival.sent_ms is not None, received_ms=arrival.received_ms,
        )  # fmt: skip
        known = self._boots.get((arrival.gateway, arrival.boot))
        if known is not None and known.spool == arrival.spool:
            new = boot_times.hear(known, sending)
        else:
            new = self._append(known, arrival, sending)
        self._put(new, arrival.journal_id)
        if not sending.own:
            self._hear_sender(arrival, sending)
        news = known is None or known.spool != new.spool or (new.known_at is not None and known.known_at is None)
        return self._settle(arrival.gateway, arrival.spool, arrival.journal_id) if news else []

    def fix(
        self, arrival: Arrival, boot_id: str, offset_ms: int, error_ms: int, source: Literal["synced", "server"],
        at_ms: int,
    ) -> list[Boot]:  # fmt: skip
        """A boot's time became known: the boots to be dated anew, itself first; none when that is no news."""
        known = self._boots.get((arrival.gateway, boot_id))
        if known is None:
            known = Boot(gateway=arrival.gateway, boot=boot_id, offset_ms=offset_ms, error_ms=error_ms, clock=source)
        if known.fixed or known.settled:
            return []
        fixed = boot_times.fix(known, offset_ms, error_ms, source, at_ms if boot_id == arrival.boot else None)
        self._put(fixed, arrival.journal_id)
        settled = [] if fixed.spool is None else self._settle(arrival.gateway, fixed.spool, arrival.journal_id)
        return [fixed, *settled]

    def dated(self, gateway: str, boot_id: str) -> tuple[int, int, ClockQuality] | None:
        """Offset, error and clock quality of a boot that was dated for good."""
        known = self._boots.get((gateway, boot_id))
        if known is None or not (known.fixed or known.settled):
            return None
        return known.offset_ms, known.error_ms, known.clock

    def knows(self, gateway: str, boot_id: str | None) -> bool:
        """Whether the gateway ever knew the time in that boot."""
        known = self._boots.get((gateway, boot_id or ""))
        return known is not None and known.known

    def flush(self, connection: Connection) -> None:
        """Write what was buffered."""
        rows = [
            {"kitchen": self._kitchen, "journal_id": journal_id, **msgspec.structs.asdict(self._boots[key])}
            for key, journal_id in sorted(self._changed.items())
        ]
        put_rows(connection, boot, rows)
        self._changed.clear()

    def _append(self, known: Boot | None, arrival: Arrival, sending: Sending) -> Boot:
        """A boot that is the newest of its spool now: new, or its gateway began another spool in the middle of it."""
        order = self._spools.setdefault((arrival.gateway, arrival.spool), [])
        before = self._boots[arrival.gateway, order[-1]] if order else None
        number = 0 if before is None else (before.number or 0) + 1
        order.append(arrival.boot)
        if known is None:
            known = self._unheard(arrival, arrival.boot)
        elif known.spool is not None:
            self._spools[arrival.gateway, known.spool].remove(arrival.boot)
        return boot_times.begin(
            msgspec.structs.replace(known, spool=arrival.spool, number=number), before, sending
        )  # fmt: skip

    def _hear_sender(self, arrival: Arrival, sending: Sending) -> None:
        """Of the boot that sent rows of another one, perhaps before any of its own."""
        known = self._boots.get((arrival.gateway, arrival.sender_boot)) or self._unheard(arrival, arrival.sender_boot)
        self._put(boot_times.hear_sender(known, sending), arrival.journal_id)

    @staticmethod
    def _unheard(arrival: Arrival, boot_id: str) -> Boot:
        return Boot(gateway=arrival.gateway, boot=boot_id, offset_ms=0, error_ms=0, clock="guess")

    def _settle(self, gateway: str, spool: str, journal_id: int) -> list[Boot]:
        order = self._spools[gateway, spool]
        first = len(order) - 1
        while first > 0:
            first -= 1
            if (known := self._boots[gateway, order[first]]).fixed or known.settled:
                break
        settled = boot_times.settle([self._boots[gateway, name] for name in order[first:]]) if order else []
        for one in settled:
            self._put(one, journal_id)
        return settled

    def _put(self, known: Boot, journal_id: int) -> None:
        key = (known.gateway, known.boot)
        self._boots[key] = known
        self._changed[key] = journal_id
