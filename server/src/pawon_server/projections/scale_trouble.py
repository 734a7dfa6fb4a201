"""The incidents of kind ``scale``: a check weight that failed (rule ``scale-check``), an empty scale that is off by
more than it may (``scale-zero``).

Sensor trouble, one incident for each scale and rule: from the first bad result after the last good one until a good
one, by the results' own times. What is told so late that a newer good result is known opens nothing; it stands in the
record. Reads the tables of ``scales``, writes incidents only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from sqlalchemy import Connection, select

from ..rulebook import Rulebook
from ..stock.scale import ZERO_ACCEPTED_E, zero_state
from ..store.stock_tables import scale_check, scale_zero
from ..store.tables import incident
from ..words import mass
from .context import Arrival, Changes
from .incident_rows import IncidentRows, is_news

KIND = "scale"
Rule = Literal["scale-check", "scale-zero"]
# The worst of a trouble is looked for among so many of its newest results.
MAX_RUN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A check weight or an empty scale, as far as it decides: ``off_g`` may be up to ``limit_g``."""

    at_ms: int
    id: str
    bad: bool
    off_g: float
    limit_g: float
    nominal_g: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What told a result: an act, or a weighing (``arrival``, at the monotonic ``at``)."""

    incident: str
    journal_id: int
    received_ms: int
    arrival: Arrival | None = None
    at: int = 0

    @property
    def late(self) -> bool:
        """Whether it is news of the past."""
        return self.arrival is not None and not is_news(self.arrival, self.at)


class ScaleTrouble:
    """What is wrong with scales now."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows
        self._open: dict[tuple[str, Rule], str] = {}  # scale, rule -> incident that lasts
        self._unpaged: set[str] = set()

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        still_open = connection.execute(
            select(incident.c.sensor, incident.c.rule, incident.c.id).where(
                incident.c.kitchen == self._kitchen, incident.c.kind == KIND, incident.c.closed_ms.is_(None)
            )
        )
        self._open = {(row.sensor, row.rule): row.id for row in still_open}
        self._unpaged = self._rows.unpaged(connection, KIND)

    def lasts(self, scale: str, rule: Rule) -> bool:
        """Whether such trouble of a scale is told and not over."""
        return (scale, rule) in self._open

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration: trouble of what is no scale any more, or has no plate to judge it by, ends, for nothing
        could ever end it."""
        judged = {sensor.id for sensor in book.settings.scales if sensor.division_g is not None}
        for scale, rule in sorted(key for key in self._open if key[0] not in judged):
            self._rows.retire(connection, self._open.pop((scale, rule)), scale, at_ms, journal_id)
            changes.incidents = changes.alerts = True

    def watch(
        self, connection: Connection, book: Rulebook, scale: str, rule: Rule, cause: Cause, changes: Changes
    ) -> None:
        """Begin, go on with or end the trouble of a scale, by its newest results."""
        sensor, known = book.settings.sensor(scale), self._open.get((scale, rule))
        newest = self._results(connection, scale, rule)
        run = list(takewhile(lambda one: one.bad, newest))
        if not run:
            if known is not None:
                self._close(connection, scale, rule, newest[0] if newest else None, cause, book)
                changes.incidents = changes.alerts = True
            return
        if sensor is None:
            return  # withdrawn from a scale that is none any more
        worst = max(run, key=lambda one: abs(one.off_g))
        began_ms, text = run[-1].at_ms, _text(rule, sensor.name, run[0])
        if known is not None:
            self._rows.change(
                connection, known, worst=worst.off_g, limit_value=worst.limit_g, began_ms=began_ms,
                journal_id=cause.journal_id,
            )  # fmt: skip
            if known in self._unpaged and not cause.late:
                self._unpaged.discard(known)
                self._rows.page(connection, known, cause.received_ms, text)
                changes.alerts = True
        else:
            arrival = cause.arrival
            self._open[scale, rule] = cause.incident
            if cause.late:
                self._unpaged.add(cause.incident)
            self._rows.open(
                connection, book, cause.incident, kind=KIND, severity="warning", sensor=scale, point=sensor.point,
                rule=rule, began_ms=began_ms, worst=worst.off_g, limit_value=worst.limit_g, quantity="mass_g",
                opened_ms=cause.received_ms if arrival is None else arrival.utc_ms(cause.at), late=cause.late,
                boot=None if arrival is None else arrival.boot, clock=None if arrival is None else arrival.clock,
                offset_ms=None if arrival is None else arrival.offset_ms, journal_id=cause.journal_id,
                created_ms=cause.received_ms, text=text,
            )  # fmt: skip
            changes.alerts = True
        changes.incidents = True

    def _close(
        self, connection: Connection, scale: str, rule: Rule, good: Result | None, cause: Cause, book: Rulebook
    ) -> None:
        name = self._open.pop((scale, rule))
        tell = name not in self._unpaged
        self._unpaged.discard(name)
        sensor = book.settings.sensor(scale)
        called = scale if sensor is None else sensor.name
        text = f"Timbangan baik lagi: {called}." if good is not None else f"Catatan timbangan dibatalkan: {called}."
        if cause.arrival is not None:
            self._rows.close(connection, name, cause.arrival, cause.at, text, tell=tell)
            return
        opened_ms = connection.execute(
            select(incident.c.opened_ms).where(incident.c.kitchen == self._kitchen, incident.c.id == name)
        ).scalar_one()
        closed_ms = cause.received_ms if good is None else max(good.at_ms, opened_ms)
        self._rows.change(connection, name, closed_ms=closed_ms, journal_id=cause.journal_id)
        if tell:
            self._rows.alert(connection, name, "closed", cause.received_ms, text)

    def _results(self, connection: Connection, scale: str, rule: Rule) -> list[Result]:
        """The newest results that decide, the newest first."""
        of_rule = scale_check.c.nominal_g > 0 if rule == "scale-check" else scale_check.c.nominal_g == 0
        told = connection.execute(
            select(scale_check)
            .where(
                scale_check.c.kitchen == self._kitchen, scale_check.c.scale == scale,
                scale_check.c.withdrawn.is_(False), scale_check.c.mpe_g.is_not(None), of_rule,
            )
            .order_by(scale_check.c.at_ms.desc(), scale_check.c.id.desc())
            .limit(MAX_RUN)
        )  # fmt: skip
        found = [
            Result(at_ms=row.at_ms, id=row.id, bad=row.verdict != "good", off_g=row.error_g, limit_g=row.mpe_g,
                   nominal_g=row.nominal_g)
            for row in told
        ]  # fmt: skip
        if rule == "scale-zero":
            seen = connection.execute(
                select(scale_zero)
                .where(
                    scale_zero.c.kitchen == self._kitchen, scale_zero.c.scale == scale,
                    scale_zero.c.division_g.is_not(None),
                )
                .order_by(scale_zero.c.at_ms.desc(), scale_zero.c.id.desc())
                .limit(MAX_RUN)
            )  # fmt: skip
            found += [
                Result(at_ms=row.at_ms, id=row.id, bad=zero_state(row.zero_g, row.division_g) == "off",
                       off_g=row.zero_g, limit_g=ZERO_ACCEPTED_E * row.division_g, nominal_g=0.0)
                for row in seen
            ]  # fmt: skip
        return sorted(found, key=lambda one: (one.at_ms, one.id), reverse=True)


def _text(rule: Rule, name: str, newest: Result) -> str:
    limit = f"(batas {mass(newest.limit_g)})"
    if rule == "scale-zero":
        return f"Timbangan tidak nol: {name} {mass(newest.off_g)} saat kosong {limit}. Bersihkan, lalu tekan nol."
    shown = f"{mass(newest.nominal_g)} terbaca {mass(newest.nominal_g + newest.off_g)}"
    return (
        f"Timbangan salah: {name}, {shown} {limit}. Bersihkan, nolkan, uji lagi. "
        "Masih salah: jangan dipakai, panggil petugas tera."
    )
