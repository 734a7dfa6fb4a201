"""Lots, as acts made them: projection of ``lot``; what happened to them is written into the stock book.

What a lot felt is not here: it is worked out from the record when it is asked for (``lot_heat``), for a late reading or
a step dated back changes it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from ..food_safety.lot import lot_id
from ..food_safety.lot_acts import CorrectLot, DiscardLot, LotAct, MoveLot, OfLot, ReceiveLot, UseLot
from ..rulebook import Rulebook
from ..stock import accounts
from ..stock.days import day_of_text
from ..store.journal import Entry
from ..store.stock_tables import ledger_line, lot
from .book import StockBook, lot_facts
from .context import Changes
from .incident_rows import IncidentRows
from .lot_incidents import LotIncidents
from .lot_way import MAX_SAID, steps_of, way_of
from .receipts import as_weighed, judged_columns, receipt_columns, refuse_receipt
from .stock import UNKNOWN_MASS, blocked_words, units
from .untimely import untimely

UNKNOWN_LOT = "Lot ini tidak dikenal"
# The movements that are steps of a lot; the others that name it are corrected and decided as what they are.
STEPS = frozenset({"move", "use", "discard"})
SAME_PLACE = "Tempat asal dan tujuan sama"


class Lots:
    """What there is, and what was done with it. Keeps nothing in memory: lots are written a few times a day."""

    def __init__(self, kitchen: str, rows: IncidentRows, ledger: StockBook) -> None:
        self._kitchen, self._ledger = kitchen, ledger
        self.incidents = LotIncidents(kitchen, rows)

    def refuse(self, connection: Connection, book: Rulebook, act: LotAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        if act.at_ms is not None and (reason := untimely(act.at_ms, now_ms)) is not None:
            return reason
        if _to(act) in accounts.OUTSIDE:
            return "Tempat ini bukan tempat di dapur"
        if isinstance(act, ReceiveLot):
            item = book.settings.item(act.item)
            if item is None:
                return "Bahan ini tidak terdaftar"
            if act.expires and day_of_text(act.expires) is None:
                return "Tanggal kedaluwarsa tidak ada di kalender"
            name = lot_id(act, book.settings.timezone)
            if self._lot(connection, name) is not None:
                return "Nomor lot sudah dipakai, kirim sekali lagi"
            if act.movement:
                weighed = self._ledger.get(connection, act.movement)
                if (unlike := _unlike(weighed, act)) is not None:
                    return unlike
                if item.known_g is None:
                    return UNKNOWN_MASS
                act = as_weighed(act, weighed, item)
                if act.amount <= 0:
                    return "Timbangan mencatat kurang dari satu satuan bahan ini"
            elif act.accepted and not act.unweighed and (twice := weighed_anyway(book, act.item, [act.place])):
                return twice
            return refuse_receipt(connection, book, act)
        row = self._lot(connection, act.lot)
        if row is None:
            return UNKNOWN_LOT
        if isinstance(act, CorrectLot):
            written = self._ledger.get(connection, act.corrects)
            if act.corrects == row.act:
                return self._misfit(connection, row, act)
            if written is None or written.lot != act.lot or written.kind not in STEPS:
                return "Catatan yang dikoreksi tidak ada pada lot ini"
            other = written.from_place if written.kind == "move" else written.to_place
            return SAME_PLACE if act.place == other else None
        if row.withdrawn or not row.accepted:
            return "Lot ini tidak diterima"
        if isinstance(act, UseLot):
            facts = lot_facts(connection, book.settings, [act.lot])[act.lot]
            if facts.blocked(act.at_ms):
                return blocked_words(facts.expires_ms, act.at_ms)
        places = [act.place, act.to_place] if isinstance(act, MoveLot) else [act.place]
        misstep = self._misstep(connection, row, act)
        return misstep or (None if act.unweighed else weighed_anyway(book, row.item, places))

    def _misstep(self, connection: Connection, row: Row[Any], act: OfLot) -> str | None:
        """Why a step cannot be, by what the record says lay there then: what the book assumes contradicts nobody, and
        what a stocktake found is there."""
        steps, spoken = (steps_of(connection, self._kitchen, row.id, said=said) for said in (False, True))
        if len(spoken) >= MAX_SAID:
            return "Catatan lot ini sudah penuh"
        if act.at_ms < row.received_ms:
            return "Lot ini belum diterima waktu itu"
        if isinstance(act, MoveLot) and act.place == act.to_place:
            return SAME_PLACE
        known = [self._booked(connection, act)]
        said = [] if act.amount is None else [spoken]
        for told in (steps, *said):  # "all of it" is what the book holds
            earlier = [step for step in told if step.at_ms <= act.at_ms]
            known.append(way_of(row, earlier, act.at_ms).left.get(act.place, 0))
        if max(known) <= 0:
            return "Lot ini tidak ada di tempat itu waktu itu"
        return "Tidak ada sebanyak itu di sana" if act.amount is not None and act.amount > max(known) else None

    def _booked(self, connection: Connection, act: OfLot) -> int:
        """What the book holds of a lot in a place up to a moment."""
        there = select(func.sum(ledger_line.c.amount)).where(
            ledger_line.c.kitchen == self._kitchen, ledger_line.c.lot == act.lot, ledger_line.c.place == act.place,
            ledger_line.c.occurred_ms <= act.at_ms,
        )  # fmt: skip
        return int(connection.execute(there).scalar() or 0)

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

    def date(self, connection: Connection, book: Rulebook, journal_id: int) -> None:
        """The weighings of these receipts were dated by this entry: their last day and findings follow."""
        dated = select(lot).where(lot.c.kitchen == self._kitchen, lot.c.journal_id == journal_id)
        for row in connection.execute(dated).all():
            values = judged_columns(connection, book, row)
            connection.execute(update(lot).where(*self._is(row.id)).values(**values))

    def _receive(self, connection: Connection, book: Rulebook, act: ReceiveLot, entry: Entry, changes: Changes) -> None:
        item = book.settings.item(act.item)
        unit = item.unit if item is not None else "g"
        name = lot_id(act, book.settings.timezone)
        weighed = self._ledger.get(connection, act.movement) if act.movement else None
        act = as_weighed(act, weighed, item)
        connection.execute(
            insert(lot),
            {
                "kitchen": self._kitchen, "id": name, "act": act.id, "movement": act.movement or act.id,
                "item": act.item, "unit": unit, "supplier": act.supplier, "note": act.note, "code": act.code,
                "amount": act.amount, "point": act.point, "food": act.food,
                "temperature_c": act.temperature_c, "expires": act.expires,
                "place": act.place, "received_ms": act.at_ms, "accepted": act.accepted,
                "withdrawn": False, "suggestion": "accept", "rule": "", "incident": None, "person": act.by,
                "journal_id": entry.id, **receipt_columns(connection, self._kitchen, act),
            },
        )  # fmt: skip
        if weighed is not None:
            counted = {"amount": act.amount, "unit": unit}
            self._ledger.change(connection, entry.id, weighed.id, counted | _brought(name, act))
        else:
            values = {"id": act.id, "occurred_ms": act.at_ms, "place": act.place, "item": act.item, "unit": unit,
                      "amount": act.amount, "to_place": act.place, "kind": "receive"}  # fmt: skip
            self._ledger.put(connection, entry.id, values | _brought(name, act))
        self._judge(connection, book, name, entry, changes)

    def _step(self, connection: Connection, act: MoveLot | UseLot | DiscardLot, entry: Entry) -> None:
        row = self._lot(connection, act.lot)
        assert row is not None, "refuse has seen it"
        outside = accounts.COOKED if isinstance(act, UseLot) else accounts.WASTE
        self._ledger.put(
            connection, entry.id,
            {
                "id": act.id, "occurred_ms": act.at_ms, "place": act.place, "item": row.item, "unit": row.unit,
                "amount": -(act.amount or 0), "whole": act.amount is None, "lot": act.lot, "from_place": act.place,
                "to_place": act.to_place if isinstance(act, MoveLot) else outside, "state": "confirmed",
                "batch": act.batch if isinstance(act, UseLot) else "", "person": act.by,
                "reason": act.reason if isinstance(act, DiscardLot) else "",
                "kind": str(type(act).__struct_config__.tag).removeprefix("lot."),
            },
        )  # fmt: skip

    def _correct(self, connection: Connection, book: Rulebook, act: CorrectLot, entry: Entry, changes: Changes) -> None:
        row = self._lot(connection, act.lot)
        if row is not None and act.corrects == row.act:
            said = {"received_ms": act.at_ms, "amount": act.amount, "place": act.place, "accepted": act.accepted,
                    "temperature_c": act.temperature_c, "withdrawn": act.withdraw}  # fmt: skip
            new = {name: value for name, value in said.items() if value is not None}
            connection.execute(update(lot).where(*self._is(act.lot)).values(**new, journal_id=entry.id))
            self._follow_receipt(connection, book, row.withdrawn, act.lot, entry)
            self._judge(connection, book, act.lot, entry, changes)
            return
        written = self._ledger.get(connection, act.corrects)
        if written is None:
            return
        values: dict[str, Any] = {}
        if act.at_ms is not None:
            values["occurred_ms"] = act.at_ms
        if act.amount is not None:
            values |= {"amount": -act.amount, "whole": False}
        if act.place is not None:
            moved = written.kind == "move"
            values |= {"to_place": act.place} if moved else {"place": act.place, "from_place": act.place}
        if act.withdraw is not None:
            values["state"] = "refused" if act.withdraw else "corrected"
        self._ledger.change(connection, entry.id, written.id, values)

    def _misfit(self, connection: Connection, row: Row[Any], act: CorrectLot) -> str | None:
        """Why a receipt cannot be corrected so: what a scale saw stays, and belongs to one receipt."""
        if row.movement == row.act:
            return None
        said = ((act.amount, row.amount), (act.place, row.place), (act.at_ms, row.received_ms))
        if any(new is not None and new != old for new, old in said):
            return "Yang dilihat timbangan tidak diubah: tarik penerimaan ini dan tulis yang benar"
        if row.withdrawn and act.withdraw is False:
            seen = self._ledger.get(connection, row.movement)
            if seen is None or seen.state != "proposed":
                return "Catatan timbangan ini sudah diputuskan"
        return None

    def _follow_receipt(
        self, connection: Connection, book: Rulebook, was_withdrawn: bool, name: str, entry: Entry
    ) -> None:
        """The movement that brought a lot, as its receipt stands now."""
        row = self._lot(connection, name)
        assert row is not None, "it was written just now"
        if row.movement == row.act:
            state = "confirmed" if row.accepted and not row.withdrawn else "refused"
            values = {"occurred_ms": row.received_ms, "amount": row.amount, "place": row.place, "to_place": row.place}
            self._ledger.change(connection, entry.id, row.movement, {"state": state, **values})
        elif not row.withdrawn:
            values = {"state": "confirmed" if row.accepted else "refused", "lot": name, "item": row.item,
                      "unit": row.unit, "amount": row.amount, "from_place": accounts.SUPPLIER,
                      "person": row.person}  # fmt: skip
            self._ledger.change(connection, entry.id, row.movement, values)
        elif not was_withdrawn:  # a scale has seen something come, whatever was written of it
            self._let_go(connection, book, row.movement, entry)
        self._ledger.touch(row.item, row.received_ms)

    def _let_go(self, connection: Connection, book: Rulebook, name: str, entry: Entry) -> None:
        """A weighing waits again, as its scale's place proposes it."""
        seen = self._ledger.get(connection, name)
        if seen is None:
            return
        place = book.settings.place(seen.place)
        proposed = seen.item if place is None else place.item
        item = book.settings.item(proposed)
        values = {
            "state": "proposed", "lot": "", "person": "", "item": proposed, "unit": "g" if item is None else item.unit,
            "amount": units(seen.after_g, item) - units(seen.before_g, item),
            "from_place": seen.from_place if place is None else place.filled_from,
        }  # fmt: skip
        self._ledger.change(connection, entry.id, name, values)

    def _judge(self, connection: Connection, book: Rulebook, name: str, entry: Entry, changes: Changes) -> None:
        """A receipt as it stands now: what the profile says of it, and what there is to find about it."""
        row = self._lot(connection, name)
        assert row is not None, "it was written just now"
        values = self.incidents.judge(connection, book, row, entry, changes) | judged_columns(connection, book, row)
        connection.execute(update(lot).where(*self._is(name)).values(**values))

    def _lot(self, connection: Connection, name: str) -> Row[Any] | None:
        return connection.execute(select(lot).where(*self._is(name))).first()

    def _is(self, name: str) -> tuple[Any, ...]:
        return (lot.c.kitchen == self._kitchen, lot.c.id == name)


def weighed_anyway(book: Rulebook, item: str, places: list[str]) -> str | None:
    """Why a person's word of this item is not taken: one of these places is weighed."""
    for name in places:
        if (place := book.settings.weighed(name, item)) is not None:
            return f"{place.name} ditimbang: pilih catatan timbangannya, atau tandai tidak ditimbang"
    return None


def _to(act: LotAct) -> str | None:
    """Where an act says that a lot lies."""
    if isinstance(act, MoveLot):
        return act.to_place
    return act.place if isinstance(act, ReceiveLot | CorrectLot) else None


def _unlike(row: Row[Any] | None, act: ReceiveLot) -> str | None:
    """Why a weighing is not the one that saw a delivery come."""
    if row is None:
        return "Catatan timbangan ini tidak ada"
    if row.amount <= 0 or not row.sensor or row.counted is not None:
        return "Timbangan ini tidak mencatat barang masuk"
    carried = row.person and row.from_place != accounts.SUPPLIER  # as a person has said of it
    if row.lot or row.state == "refused" or carried:
        return "Catatan timbangan ini sudah diputuskan"
    return None if row.item in ("", act.item) else "Timbangan ini mencatat bahan lain"


def _brought(name: str, act: ReceiveLot) -> dict[str, Any]:
    """What a receipt says of the movement that brought the lot."""
    return {
        "lot": name, "item": act.item, "from_place": accounts.SUPPLIER, "person": act.by,
        "state": "confirmed" if act.accepted else "refused",
    }  # fmt: skip
