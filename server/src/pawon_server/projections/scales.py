"""Scales: check weights, marks of legal verification and zeros that were seen; and the incidents of kind ``scale``.

A failed check weight (rule ``scale-check``) or an empty scale that is off by more than it may (``scale-zero``) is
sensor trouble: one incident for each scale and rule, from the first bad result after the last good one until a good
one. What is told so late that a newer good result is known opens nothing; it stands in the record. That a check is
overdue or a mark is missing opens nothing either: it is told beside every weight (``scale_states``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from pawon_contract.ids import row_id
from pawon_contract.messages import Weighing
from pawon_contract.units import implausible

from ..rulebook import Rulebook, Sensor
from ..stock.scale import ZERO_ACCEPTED_E, judge_weight, least_g, zero_state
from ..stock.scale_acts import CheckScale, ScaleAct, VerifyScale
from ..stock.scale_state import day_of
from ..store.journal import Entry
from ..store.rows import storable
from ..store.tables import ZERO_TO_DATE, incident, scale_check, scale_tera, scale_zero
from ..words import mass
from .context import Arrival, Changes
from .incident_rows import IncidentRows, is_news
from .lots import untimely

KIND = "scale"
Rule = Literal["scale-check", "scale-zero"]
# The worst of a trouble is looked for among so many of its newest results.
MAX_RUN = 50
# A mark is good for about a year (Permendag 68/2018); what is typed as longer than this is a slip of the finger.
MAX_MARK_DAYS = 731


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


class Scales:
    """Projection of ``scale_check``, ``scale_tera`` and ``scale_zero``."""

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

    # --- what people write ------------------------------------------------------------------------------------------

    def refuse(self, connection: Connection, book: Rulebook, act: ScaleAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        if isinstance(act, CheckScale | VerifyScale):
            sensor = book.settings.sensor(act.scale)
            if sensor is None or sensor.quantity != "mass_g":
                return "Timbangan ini tidak terdaftar"
            if isinstance(act, CheckScale):
                return _unfit_check(sensor, act) or untimely(act.at_ms, now_ms)
            return _unfit_mark(act, day_of(now_ms, book.settings.timezone))
        _, row = self._record(connection, act.record)
        if row is None or row.scale != act.scale:
            return "Catatan ini tidak dikenal"
        return "Catatan ini sudah dibatalkan" if row.withdrawn else None

    def take(self, connection: Connection, book: Rulebook, act: ScaleAct, entry: Entry, changes: Changes) -> None:
        """A scale was checked or carries a mark, or it was not so."""
        changes.stock = True  # what is shown of a weight says how far its scale is believed
        cause = Cause(
            incident=f"{KIND}.{entry.id}.{act.id}", journal_id=entry.id, received_ms=entry.received_ms
        )  # fmt: skip
        if isinstance(act, CheckScale):
            self._add_check(connection, book, act, entry)
            self._watch(connection, book, act.scale, _rule(act.nominal_g), cause, changes)
        elif isinstance(act, VerifyScale):
            connection.execute(
                insert(scale_tera),
                {
                    "kitchen": self._kitchen, "id": act.id, "scale": act.scale, "verified": act.verified,
                    "valid_until": act.valid_until, "mark": act.mark, "office": act.office,
                    "entered_ms": entry.received_ms, "withdrawn": False, "person": act.by, "journal_id": entry.id,
                },
            )  # fmt: skip
        else:
            table, row = self._record(connection, act.record)
            assert row is not None, "it was asked for when the act was written"
            connection.execute(
                update(table)
                .where(table.c.kitchen == self._kitchen, table.c.id == act.record)
                .values(withdrawn=True, journal_id=entry.id)
            )
            if table is scale_check:
                self._watch(connection, book, row.scale, _rule(row.nominal_g), cause, changes)

    def _add_check(self, connection: Connection, book: Rulebook, act: CheckScale, entry: Entry) -> None:
        sensor = book.settings.sensor(act.scale)
        assert sensor is not None, "it was asked for when the act was written"
        division_g = sensor.division_g
        tested = judge_weight(sensor.accuracy_class, division_g, act.nominal_g, act.shown_g)
        verdict, limit_g = str(tested.verdict), tested.mpe_g
        if act.nominal_g == 0:
            verdict, limit_g = zero_state(act.shown_g, division_g), _zero_limit_g(division_g)
        connection.execute(
            insert(scale_check),
            {
                "kitchen": self._kitchen, "id": act.id, "scale": act.scale, "nominal_g": act.nominal_g,
                "shown_g": act.shown_g, "at_ms": act.at_ms, "division_g": division_g, "verdict": verdict,
                "error_g": tested.error_g, "mpe_g": limit_g, "note": storable(act.note), "withdrawn": False,
                "person": act.by, "journal_id": entry.id,
            },
        )  # fmt: skip

    def _record(self, connection: Connection, name: str) -> tuple[Any, Row[Any] | None]:
        """A check or a mark by the act that wrote it, and its table."""
        for table in (scale_check, scale_tera):
            row = connection.execute(
                select(table).where(table.c.kitchen == self._kitchen, table.c.id == name)
            ).first()  # fmt: skip
            if row is not None:
                return table, row
        return scale_check, None

    # --- what gateways see ------------------------------------------------------------------------------------------

    def take_zero(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Weighing,
        changes: Changes,
    ) -> None:  # fmt: skip
        """A weighing tells where the empty scale came to rest; most tell a zero that an earlier one told already."""
        if item.zero_g is None or item.zero_at_ms is None or item.zero_at_ms > item.end_ms:
            return
        if implausible("mass_g", item.zero_g) is not None:
            return  # the weighing counts nevertheless, and its bytes are in the journal
        name = f"{sensor.id}.{arrival.boot}.{item.zero_at_ms}"
        known = select(scale_zero.c.id).where(scale_zero.c.kitchen == self._kitchen, scale_zero.c.id == name)
        if connection.execute(known).first() is not None:
            return
        connection.execute(
            insert(scale_zero),
            {
                "kitchen": self._kitchen, "id": name, "scale": sensor.id, "gateway": arrival.gateway,
                "boot": arrival.boot, "at": item.zero_at_ms, "at_ms": arrival.utc_ms(item.zero_at_ms),
                "first_at_ms": None, "clock": arrival.clock, "zero_g": item.zero_g, "division_g": sensor.division_g,
                "journal_id": arrival.journal_id,
            },
        )  # fmt: skip
        if (sensor.id, "scale-zero") not in self._open and zero_state(item.zero_g, sensor.division_g) != "off":
            return  # nothing could begin or end
        cause = Cause(
            incident=f"{row_id(arrival.gateway, arrival.spool, sequence)}.{KIND}", journal_id=arrival.journal_id,
            received_ms=arrival.received_ms, arrival=arrival, at=item.end_ms,
        )  # fmt: skip
        self._watch(connection, book, sensor.id, "scale-zero", cause, changes)

    def fix_clock(self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int) -> None:
        """Date a boot's guessed zeros by its now known offset, once; incidents follow with the next result."""
        connection.execute(
            update(scale_zero)
            .where(
                scale_zero.c.kitchen == self._kitchen, scale_zero.c.gateway == gateway, scale_zero.c.boot == boot,
                ZERO_TO_DATE,
            )
            .values(first_at_ms=scale_zero.c.at_ms, at_ms=scale_zero.c.at + offset_ms, journal_id=journal_id)
        )  # fmt: skip

    # --- incidents --------------------------------------------------------------------------------------------------

    def retire(self, connection: Connection, book: Rulebook, at_ms: int, journal_id: int, changes: Changes) -> None:
        """A new configuration: trouble of what is no scale any more, or has no plate to judge it by, ends, for nothing
        could ever end it."""
        judged = {sensor.id for sensor in book.settings.scales if sensor.division_g is not None}
        for scale, rule in sorted(key for key in self._open if key[0] not in judged):
            self._rows.retire(connection, self._open.pop((scale, rule)), scale, at_ms, journal_id)
            changes.incidents = changes.alerts = True

    def _watch(
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


def _rule(nominal_g: float) -> Rule:
    return "scale-check" if nominal_g > 0 else "scale-zero"


def _zero_limit_g(division_g: float | None) -> float | None:
    return None if division_g is None else ZERO_ACCEPTED_E * division_g


def _text(rule: Rule, name: str, newest: Result) -> str:
    limit = f"(batas {mass(newest.limit_g)})"
    if rule == "scale-zero":
        return f"Timbangan tidak nol: {name} {mass(newest.off_g)} saat kosong {limit}. Bersihkan, lalu tekan nol."
    shown = f"{mass(newest.nominal_g)} terbaca {mass(newest.nominal_g + newest.off_g)}"
    return (
        f"Timbangan salah: {name}, {shown} {limit}. Bersihkan, nolkan, uji lagi. "
        "Masih salah: jangan dipakai, panggil petugas tera."
    )


def _unfit_check(sensor: Sensor, act: CheckScale) -> str | None:
    if implausible("mass_g", act.nominal_g) is not None or implausible("mass_g", act.shown_g) is not None:
        return "Angka tidak masuk akal"
    if sensor.max_g is not None and act.nominal_g > sensor.max_g:
        return f"Terlalu berat: timbangan ini hanya sampai {mass(sensor.max_g)}"
    if sensor.accuracy_class is None or sensor.division_g is None:
        return None
    least = least_g(sensor.accuracy_class, sensor.division_g)
    return f"Anak timbangan terlalu ringan: pakai paling sedikit {mass(least)}" if 0 < act.nominal_g < least else None


def _unfit_mark(act: VerifyScale, today: str) -> str | None:
    try:
        begin, end = date.fromisoformat(act.verified), date.fromisoformat(act.valid_until)
    except ValueError:
        return "Tanggal ini tidak ada di kalender"
    if act.verified > today:
        return "Tanggal tera belum tiba"
    if end < begin:
        return "Masa berlaku habis sebelum tanggal tera"
    if end - begin > timedelta(days=MAX_MARK_DAYS):
        return "Masa berlaku tera paling lama dua tahun: periksa tanggalnya"
    return None
