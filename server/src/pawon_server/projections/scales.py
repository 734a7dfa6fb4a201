"""What is known of scales: check weights and empty pans that people told, marks of legal verification, and the zeros
that gateways saw; projection of ``scale_check``, ``scale_tera`` and ``scale_zero``.

What follows from them at a moment is worked out when it is asked (``scale_states``), and stored nowhere. A bad result
is also an incident (``scale_trouble``); that a check is overdue or a mark is missing is not: it is told beside the
weights.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

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
from ..store.stock_tables import ZERO_TO_DATE, scale_check, scale_tera, scale_zero
from ..words import mass
from .context import Arrival, Changes
from .incident_rows import IncidentRows
from .scale_trouble import KIND, Cause, Rule, ScaleTrouble
from .untimely import untimely

# A mark is good for about a year (Permendag 68/2018); what is typed as longer than this is a slip of the finger.
MAX_MARK_DAYS = 731


class Scales:
    """Projection of ``scale_check``, ``scale_tera`` and ``scale_zero``."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen = kitchen
        self.trouble = ScaleTrouble(kitchen, rows)

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
        cause = Cause(incident=f"{KIND}.{entry.id}.{act.id}", journal_id=entry.id, received_ms=entry.received_ms)
        if isinstance(act, CheckScale):
            self._add_check(connection, book, act, entry)
            self.trouble.watch(connection, book, act.scale, _rule(act.nominal_g), cause, changes)
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
                self.trouble.watch(connection, book, row.scale, _rule(row.nominal_g), cause, changes)

    def _add_check(self, connection: Connection, book: Rulebook, act: CheckScale, entry: Entry) -> None:
        sensor = book.settings.sensor(act.scale)
        assert sensor is not None, "it was asked for when the act was written"
        division_g = sensor.division_g
        tested = judge_weight(sensor.accuracy_class, division_g, act.nominal_g, act.shown_g)
        verdict, limit_g = str(tested.verdict), tested.mpe_g
        if act.nominal_g == 0:
            verdict = zero_state(act.shown_g, division_g)
            limit_g = None if division_g is None else ZERO_ACCEPTED_E * division_g
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
            query = select(table).where(table.c.kitchen == self._kitchen, table.c.id == name)
            row = connection.execute(query).first()
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
        at_ms, age_ms = arrival.utc_ms(item.zero_at_ms), arrival.age_ms(item.zero_at_ms)
        if not arrival.trusted and age_ms is not None:
            at_ms = arrival.received_ms - age_ms  # its clock only guesses; its age it knows
        connection.execute(
            insert(scale_zero),
            {
                "kitchen": self._kitchen, "id": name, "scale": sensor.id, "gateway": arrival.gateway,
                "boot": arrival.boot, "at": item.zero_at_ms, "at_ms": at_ms,
                "first_at_ms": None, "clock": arrival.clock, "zero_g": item.zero_g, "division_g": sensor.division_g,
                "journal_id": arrival.journal_id,
            },
        )  # fmt: skip
        if not self.trouble.lasts(sensor.id, "scale-zero") and zero_state(item.zero_g, sensor.division_g) != "off":
            return  # nothing could begin or end
        cause = Cause(
            incident=f"{row_id(arrival.gateway, arrival.spool, sequence)}.{KIND}", journal_id=arrival.journal_id,
            received_ms=arrival.received_ms, arrival=arrival, at=item.end_ms,
        )  # fmt: skip
        self.trouble.watch(connection, book, sensor.id, "scale-zero", cause, changes)

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


def _rule(nominal_g: float) -> Rule:
    return "scale-check" if nominal_g > 0 else "scale-zero"


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
