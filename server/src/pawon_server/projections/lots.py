"""Lots, as acts made them: projection of ``lot`` and ``lot_step``, and the incident of a delivery that should not have
been accepted.

What a lot felt is not here: it is worked out from the record when it is asked for (``lot_heat``), for a late reading or
a step dated back changes it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from ..food_safety.heat import Judged, judge_delivery
from ..food_safety.lot import Lot, Step, Way, follow, lot_id
from ..food_safety.lot_acts import CorrectLot, DiscardLot, LotAct, MoveLot, OfLot, ReceiveLot, UseLot
from ..rulebook import Rulebook
from ..store.journal import Entry
from ..store.tables import incident as incident_table
from ..store.tables import lot, lot_step
from ..words import number
from .context import Changes
from .incident_rows import IncidentRows
from .receipts import judged_columns, receipt_columns, refuse_receipt

# A phone's clock may be ahead by this much; what is written later than a month after it happened is a slip.
AHEAD_MS = 60_000
LATE_MS = 31 * 24 * 3_600_000
# A lot is carried and used some ten times; its way is worked out at once, so it has an end.
MAX_STEPS = 500
UNKNOWN_LOT = "Lot ini tidak dikenal"


class Lots:
    """What there is, and what was done with it. Keeps nothing in memory: lots are written a few times a day."""

    def __init__(self, kitchen: str, rows: IncidentRows) -> None:
        self._kitchen, self._rows = kitchen, rows

    def refuse(self, connection: Connection, book: Rulebook, act: LotAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        if act.at_ms is not None and (reason := untimely(act.at_ms, now_ms)) is not None:
            return reason
        if isinstance(act, ReceiveLot):
            if book.settings.item(act.item) is None:
                return "Bahan ini tidak terdaftar"
            if act.expires and not _is_day(act.expires):
                return "Tanggal kedaluwarsa tidak ada di kalender"
            name = lot_id(act, book.settings.timezone)
            if self._lot(connection, name) is not None:
                return "Nomor lot sudah dipakai, kirim sekali lagi"
            return refuse_receipt(connection, book, act)
        row = self._lot(connection, act.lot)
        if row is None:
            return UNKNOWN_LOT
        steps = steps_of(connection, self._kitchen, act.lot)
        if isinstance(act, CorrectLot):
            known = act.corrects in {row.act, *(step.id for step in steps)}
            return None if known else "Catatan yang dikoreksi tidak ada pada lot ini"
        if row.withdrawn or not row.accepted:
            return "Lot ini tidak diterima"
        return _misstep(row, steps, act)

    def take(self, connection: Connection, book: Rulebook, act: LotAct, entry: Entry, changes: Changes) -> None:
        """It came, was carried, used, thrown away, or what was said of it was wrong."""
        changes.stock = True
        match act:
            case ReceiveLot():
                self._receive(connection, book, act, entry, changes)
            case CorrectLot():
                self._correct(connection, book, act, entry, changes)
            case MoveLot() | UseLot() | DiscardLot():
                self._step(connection, act, entry)
                self._end_when_gone(connection, book, act.lot, entry, changes)

    def _receive(self, connection: Connection, book: Rulebook, act: ReceiveLot, entry: Entry, changes: Changes) -> None:
        item = book.settings.item(act.item)
        name = lot_id(act, book.settings.timezone)
        connection.execute(
            insert(lot),
            {
                "kitchen": self._kitchen, "id": name, "act": act.id, "item": act.item,
                "unit": item.unit if item is not None else "g", "supplier": act.supplier, "note": act.note,
                "code": act.code, "amount": act.amount, "point": act.point, "food": act.food,
                "temperature_c": act.temperature_c, "expires": act.expires, "place": act.place,
                "received_ms": act.at_ms, "accepted": act.accepted, "withdrawn": False, "suggestion": "accept",
                "rule": "", "incident": None, "person": act.by, "journal_id": entry.id,
                **receipt_columns(connection, self._kitchen, act),
            },
        )  # fmt: skip
        self._judge(connection, book, name, entry, changes)

    def _step(self, connection: Connection, act: OfLot, entry: Entry) -> None:
        connection.execute(
            insert(lot_step),
            {
                "kitchen": self._kitchen, "id": act.id, "lot": act.lot,
                "what": str(type(act).__struct_config__.tag).removeprefix("lot."), "at_ms": act.at_ms,
                "place": act.place, "to_place": act.to_place if isinstance(act, MoveLot) else "",
                "batch": act.batch if isinstance(act, UseLot) else "", "amount": act.amount,
                "reason": act.reason if isinstance(act, DiscardLot) else "", "withdrawn": False, "person": act.by,
                "written": entry.id, "journal_id": entry.id,
            },
        )  # fmt: skip

    def _correct(self, connection: Connection, book: Rulebook, act: CorrectLot, entry: Entry, changes: Changes) -> None:
        said = {"at_ms": act.at_ms, "amount": act.amount, "place": act.place, "temperature_c": act.temperature_c,
                "accepted": act.accepted}  # fmt: skip
        new: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        new |= {"journal_id": entry.id} | ({} if act.withdraw is None else {"withdrawn": act.withdraw})
        row = self._lot(connection, act.lot)
        if row is not None and act.corrects == row.act:
            if "at_ms" in new:
                new["received_ms"] = new.pop("at_ms")
            connection.execute(update(lot).where(*self._is(act.lot)).values(**new))
            self._judge(connection, book, act.lot, entry, changes)
            return
        here = (lot_step.c.kitchen == self._kitchen, lot_step.c.id == act.corrects, lot_step.c.lot == act.lot)
        moved = connection.execute(select(lot_step.c.what).where(*here)).scalar() == "move"
        new = {name: value for name, value in new.items() if name not in ("temperature_c", "accepted")}
        if moved and "place" in new:
            new["to_place"] = new.pop("place")
        connection.execute(update(lot_step).where(*here).values(**new))

    def _end_when_gone(self, connection: Connection, book: Rulebook, name: str, entry: Entry, changes: Changes) -> None:
        """Nothing is left of a delivery that should not have been accepted: what becomes of it is decided."""
        row = self._lot(connection, name)
        if row is None or row.incident is None or not self._lasts(connection, row.incident):
            return
        if not way_of(row, steps_of(connection, self._kitchen, name), entry.received_ms).left:
            self._end(connection, row.incident, entry, f"Bahan sudah habis: {_named(book, row)}.", changes)

    def _end(self, connection: Connection, incident: str, entry: Entry, text: str, changes: Changes) -> None:
        self._rows.change(connection, incident, closed_ms=entry.received_ms, journal_id=entry.id)
        self._rows.alert(connection, incident, "closed", entry.received_ms, text)
        changes.incidents = changes.alerts = True

    def _judge(self, connection: Connection, book: Rulebook, name: str, entry: Entry, changes: Changes) -> None:
        """Judge a receipt by the profile in force: what it suggests, and whether it was accepted all the same."""
        row = self._lot(connection, name)
        assert row is not None, "it was written just now"
        judged = judge_delivery(book.profile, row.point, row.food, row.temperature_c)
        wrong = judged.suggestion == "reject" and row.accepted and not row.withdrawn
        incident = row.incident if wrong else None
        if wrong and incident is None:
            incident = self._open(connection, book, row, judged, entry)
            changes.incidents = changes.alerts = True
        elif not wrong and row.incident is not None and self._lasts(connection, row.incident):
            self._end(connection, row.incident, entry, f"Penerimaan dikoreksi: {_named(book, row)}.", changes)
        rule = "" if judged.limit is None else judged.limit.id
        values = {"suggestion": judged.suggestion, "rule": rule, "incident": incident}
        values |= judged_columns(connection, book, row)
        connection.execute(update(lot).where(*self._is(name)).values(**values))

    def _open(self, connection: Connection, book: Rulebook, row: Row[Any], judged: Judged, entry: Entry) -> str:
        limit, name = judged.limit, f"lot.{entry.id}.{row.id}"
        assert limit is not None, "only a limit rejects"
        self._rows.open(
            connection, book, name, kind="lot", severity="critical", sensor=row.id, point=row.point, rule=limit.id,
            began_ms=row.received_ms, opened_ms=entry.received_ms, worst=row.temperature_c, limit_value=limit.value,
            quantity="temperature_c", detail=_item(book, row), late=False, boot=None, offset_ms=None, clock=None,
            journal_id=entry.id, created_ms=entry.received_ms,
            text=f"{limit.text_id}: {_named(book, row)} {number(row.temperature_c)} C "
            f"(batas {number(limit.value)} C), tetapi diterima. {limit.action_id}",
        )  # fmt: skip
        return name

    def _lasts(self, connection: Connection, name: str) -> bool:
        """Whether nobody has ended an incident."""
        query = select(incident_table.c.id).where(
            incident_table.c.kitchen == self._kitchen, incident_table.c.id == name, incident_table.c.closed_ms.is_(None)
        )
        return connection.execute(query).first() is not None

    def _lot(self, connection: Connection, name: str) -> Row[Any] | None:
        return connection.execute(select(lot).where(*self._is(name))).first()

    def _is(self, name: str) -> tuple[Any, ...]:
        return (lot.c.kitchen == self._kitchen, lot.c.id == name)


def steps_of(connection: Connection, kitchen: str, name: str) -> list[Step]:
    """What happened to a lot, without what was withdrawn, as it was written."""
    found = connection.execute(
        select(lot_step)
        .where(lot_step.c.kitchen == kitchen, lot_step.c.lot == name, lot_step.c.withdrawn.is_(False))
        .order_by(lot_step.c.written)
        .limit(MAX_STEPS)
    )
    return [
        Step(
            id=row.id, order=row.written, what=row.what, at_ms=row.at_ms, place=row.place, to_place=row.to_place,
            batch=row.batch, amount=row.amount,
        )
        for row in found
    ]  # fmt: skip


def way_of(row: Row[Any], steps: list[Step], until_ms: int) -> Way:
    """The way of a lot up to ``until_ms``."""
    begun = Lot(id=row.id, place=row.place, received_ms=row.received_ms, amount=row.amount)
    return follow(begun, steps, until_ms)


def untimely(at_ms: int, now_ms: int) -> str | None:
    """Why a moment that a person named cannot be, in Indonesian."""
    if at_ms > now_ms + AHEAD_MS:
        return "Waktunya belum tiba"
    return "Sudah lebih dari sebulan lalu" if at_ms < now_ms - LATE_MS else None


def _misstep(row: Row[Any], steps: list[Step], act: OfLot) -> str | None:
    """Why a step cannot be, by what the record says lay there then."""
    if len(steps) >= MAX_STEPS:
        return "Catatan lot ini sudah penuh"
    if act.at_ms < row.received_ms:
        return "Lot ini belum diterima waktu itu"
    if isinstance(act, MoveLot) and act.place == act.to_place:
        return "Tempat asal dan tujuan sama"
    there = way_of(row, [step for step in steps if step.at_ms <= act.at_ms], act.at_ms).left.get(act.place)
    if there is None:
        return "Lot ini tidak ada di tempat itu waktu itu"
    return "Tidak ada sebanyak itu di sana" if act.amount is not None and act.amount > there else None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _named(book: Rulebook, row: Row[Any]) -> str:
    return f"{_item(book, row)} {row.id}"


def _item(book: Rulebook, row: Row[Any]) -> str:
    item = book.settings.item(row.item)
    return item.name if item is not None else str(row.item)
