"""How sure is a date? Spans for what was dated by a clock that did not know the time."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from pawon_contract.clocks import FIRST_UTC_MS
from pawon_contract.messages import TRUSTED_CLOCKS

from ..projections.boot_times import Boot, Span, span
from ..projections.boots import boot_of
from ..store.tables import boot

NO_SPAN: Span = (None, None)


class Dates:
    """The boots that dated the rows at hand."""

    def __init__(self, boots: Iterable[Boot]) -> None:
        self._boots = {(known.gateway, known.boot): known for known in boots}

    @classmethod
    def of(cls, connection: Connection, kitchen: str, names: Iterable[str | None]) -> Dates:
        """The boots of these names."""
        wanted = {name for name in names if name is not None}
        found = connection.execute(select(boot).where(boot.c.kitchen == kitchen, boot.c.boot.in_(wanted)))
        return cls([boot_of(row._mapping) for row in found])

    def span(self, gateway: str, name: str | None, clock: str | None, at: int) -> Span:
        """Between which times UTC the moment ``at`` of a boot lies; nothing where its clock knew the time then, or was
        the server's own."""
        known = None if clock is None or clock in TRUSTED_CLOCKS else self._boots.get((gateway, name or ""))
        return NO_SPAN if known is None else span(known, at)

    def estimate(self, gateway: str, name: str | None, clock: str | None, at: int) -> Span:
        """The same, only where the time was never known, in the way people are told: ``None`` also where nothing but
        the age of this program bounds it."""
        known = self._boots.get((gateway, name or ""))
        if known is None or known.known:
            return NO_SPAN
        earliest_ms, latest_ms = self.span(gateway, name, clock, at)
        return None if known.earliest_ms is None or known.earliest_ms <= FIRST_UTC_MS else earliest_ms, latest_ms
