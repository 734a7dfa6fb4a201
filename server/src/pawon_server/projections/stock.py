"""What scales saw becomes movements; what people say of them, of stock that moved unweighed, and of stocktakes.

A weighing is booked by its place's rule or waits for a person; what nobody watched (``restart``) always waits. What a
scale weighed is never edited: it is confirmed, refused, or told to be another item, lot or way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select, update

from pawon_contract.ids import row_id
from pawon_contract.messages import Weighing

from ..people.act import MACHINE
from ..rulebook import Item, Place, Rulebook, Settings
from ..stock import accounts
from ..stock.movement_acts import (
    ConfirmMovement,
    CorrectMovement,
    CountStock,
    DecideCount,
    HoldLot,
    MovementAct,
    OfMovement,
    RecordMovement,
    RefuseMovement,
    ReleaseLot,
)
from ..store.journal import Entry
from ..store.stock_tables import MOVEMENT_TO_DATE, ledger_line, lot, movement
from .book import StockBook, lot_facts
from .context import Arrival, Changes
from .lot_holds import LotHolds
from .untimely import untimely

MOVES_STOCK = frozenset({"in", "out", "refill", "restart", "first"})
MAY_BE_AUTOMATIC = frozenset({"in", "out", "refill", "first"})
# A movement that a recipe tells of: its act decides of it, and what was told of the item (``batch_masses``).
RECIPE = "recipe"
UNKNOWN_MOVEMENT = "Catatan stok ini tidak ada"
UNKNOWN_MASS = "Berat satu buahnya belum diatur: tolak catatan ini, dan tulis jumlahnya"


class Stock:
    """Writes movements of scales and of people."""

    def __init__(self, kitchen: str, ledger: StockBook, holds: LotHolds) -> None:
        self._kitchen, self._ledger, self._holds = kitchen, ledger, holds

    def take(
        self, connection: Connection, book: Rulebook, arrival: Arrival, sequence: int, item: Weighing, changes: Changes
    ) -> None:
        """One weighing of a scale that watches a place; touches, people and drift move no stock."""
        place = book.settings.place_of(item.sensor)
        if place is None or item.kind not in MOVES_STOCK:
            return
        counted = book.settings.item(place.item)
        # A shared scale has no item before a person names one: until then it is grams that are proposed.
        weight = units(item.after_g, counted) - units(item.before_g, counted)
        if weight == 0 and item.kind != "first":
            return
        automatic = place.auto_confirm and item.kind in MAY_BE_AUTOMATIC and not arrival.replayed
        outside = place.filled_from if weight > 0 else place.emptied_to
        way = (outside, place.id) if weight > 0 else (place.id, outside)
        first = item.kind == "first"
        if first:  # so much lies there: what the book does not hold yet was there before it began
            way = (accounts.OPENING, place.id)
        name = f"{row_id(arrival.gateway, arrival.spool, sequence)}.movement"
        self._ledger.put(
            connection, arrival.journal_id,
            {
                "id": name, "occurred_ms": arrival.utc_ms(item.end_ms), "place": place.id, "item": place.item,
                "unit": "g" if counted is None else counted.unit, "amount": weight,
                "counted": units(item.after_g, counted) if first else None, "from_place": way[0], "to_place": way[1],
                "state": "confirmed" if automatic else "proposed", "kind": item.kind, "automatic": automatic,
                "sensor": item.sensor, "before_g": item.before_g, "after_g": item.after_g,
                "confidence": item.confidence, "division_g": item.division_g, "zero_g": item.zero_g,
                "drift_g": item.drift_g, "load": item.load, "trace": msgspec.json.encode(item.trace),
                "gateway": arrival.gateway, "spool": arrival.spool, "sequence": sequence, "boot": arrival.boot,
                "at_ms": item.end_ms, "clock": arrival.clock,
            },
        )  # fmt: skip
        changes.stock = True

    def fix_clock(self, connection: Connection, gateway: str, boot: str, offset_ms: int, journal_id: int) -> None:
        """Date a boot's guessed movements by its now known offset, once."""
        guessed = (
            movement.c.kitchen == self._kitchen, movement.c.gateway == gateway, movement.c.boot == boot,
            MOVEMENT_TO_DATE,
        )  # fmt: skip
        moved = connection.execute(
            select(movement.c.id, movement.c.at_ms, movement.c.occurred_ms).where(*guessed)
        ).all()
        # All at once: no lot is found by its movement without looking at every lot.
        seen = (lot.c.kitchen == movement.c.kitchen) & (lot.c.movement == movement.c.id)
        brought = connection.execute(select(lot.c.id, movement.c.at_ms).join(movement, seen).where(*guessed)).all()
        for row in moved:
            # Also where the guess was right to the millisecond: it is dated now.
            values = {"first_occurred_ms": row.occurred_ms, "occurred_ms": row.at_ms + offset_ms}
            self._ledger.change(connection, journal_id, row.id, values)
        for name, at_ms in brought:
            connection.execute(
                update(lot)
                .where(lot.c.kitchen == self._kitchen, lot.c.id == name)
                .values(received_ms=at_ms + offset_ms, journal_id=journal_id)
            )

    def refuse(self, connection: Connection, book: Rulebook, act: MovementAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        match act:
            case HoldLot() | ReleaseLot():
                return self._holds.refuse(connection, act, now_ms)
            case RecordMovement() | CountStock():
                return untimely(act.at_ms, now_ms) or self._unfit(connection, book, act)
            case DecideCount():
                row = self._ledger.get(connection, act.count)
                if row is None or row.kind != "count":
                    return "Hitungan ini tidak ada"
                if row.state != "proposed":
                    return "Hitungan ini sudah diputuskan"
                own = row.person == act.by and act.by != MACHINE
                return "Yang menghitung tidak boleh menyetujui sendiri" if own else None
            case ConfirmMovement() | RefuseMovement() | CorrectMovement():
                row = self._ledger.get(connection, act.movement)
                if row is None or row.kind == "count":
                    return UNKNOWN_MOVEMENT
                if row.kind == RECIPE:
                    return "Ini perkiraan resep: tarik di halaman masakan"
                if not isinstance(act, CorrectMovement) and row.person:
                    return "Sudah diputuskan; ahli gizi dapat mengoreksi"
                if isinstance(act, RefuseMovement):
                    return None
                if self._of_receipt(connection, row):
                    return "Ini penerimaan: koreksi penerimaan lotnya"
                if isinstance(act, CorrectMovement) and act.amount is not None and row.sensor:
                    return "Berat dari timbangan tidak diubah; tolak catatan ini dan tulis yang benar"
                return self._misfit(connection, book, act, row)

    def take_act(
        self, connection: Connection, book: Rulebook, act: MovementAct, entry: Entry, changes: Changes
    ) -> None:
        """What a person said."""
        changes.stock = True
        match act:
            case HoldLot() | ReleaseLot():
                self._holds.take(connection, act, entry)
            case RecordMovement():
                self._ledger.put(connection, entry.id, _by_hand(act, book))
            case CountStock():
                self._ledger.put(connection, entry.id, _count(act, book))
            case DecideCount():
                values: dict[str, Any] = {"state": "confirmed" if act.approved else "refused"}
                if act.reason:
                    values["reason"] = act.reason
                self._ledger.change(connection, entry.id, act.count, values)
            case RefuseMovement():
                values = {"state": "refused", "person": act.by, "reason": act.reason}
                self._ledger.change(connection, entry.id, act.movement, values)
            case ConfirmMovement() | CorrectMovement():
                row = self._ledger.get(connection, act.movement)
                assert row is not None, "refuse has seen it"
                self._ledger.change(connection, entry.id, act.movement, _decided(act, row, book.settings))

    def _unfit(self, connection: Connection, book: Rulebook, act: RecordMovement | CountStock) -> str | None:
        if book.settings.item(act.item) is None:
            return "Bahan ini tidak terdaftar"
        if isinstance(act, CountStock):
            if act.place in accounts.OUTSIDE:
                return "Hanya tempat di dapur yang dihitung"
            strange = strange_place(connection, book.settings, act.place)
            return strange or _lot_misfit(connection, self._kitchen, act.lot, act.item)
        if act.from_place == act.to_place:
            return "Tempat asal dan tujuan sama"
        for place in (act.from_place, act.to_place):
            if (strange := strange_place(connection, book.settings, place)) is not None:
                return strange
        blocked = self._blocked(connection, book.settings, act.lot, act.to_place, act.at_ms)
        return blocked or _lot_misfit(connection, self._kitchen, act.lot, act.item)

    def _misfit(
        self, connection: Connection, book: Rulebook, act: ConfirmMovement | CorrectMovement, row: Row[Any]
    ) -> str | None:
        if isinstance(act, CorrectMovement) and act.withdraw:
            return None
        item = act.item or row.item
        if not item:
            return "Sebut dulu bahannya"
        known = book.settings.item(item)
        if known is None:
            return "Bahan ini tidak terdaftar"
        if row.after_g is not None and known.known_g is None:
            return UNKNOWN_MASS
        if act.place == row.place:
            return "Tempat asal dan tujuan sama"
        if act.place and (strange := strange_place(connection, book.settings, act.place)) is not None:
            return strange
        other = book.settings.weighed(act.place, item)
        if other is not None and row.sensor:
            return f"{other.name} ditimbang sendiri: timbangannya sudah mencatat ini"
        if row.after_g is None and known.unit != row.unit and getattr(act, "amount", None) is None:
            return "Satuannya lain: tulis jumlahnya"
        to = (act.place or row.to_place) if row.place == row.from_place else row.to_place
        name = act.lot or (row.lot if item == row.item else "")
        blocked = self._blocked(connection, book.settings, name, to, row.occurred_ms)
        return blocked or _lot_misfit(connection, self._kitchen, act.lot, item)

    def _of_receipt(self, connection: Connection, row: Row[Any]) -> bool:
        """Whether a movement brought a lot: as a movement alone it would be another than its receipt."""
        if row.kind == "receive":
            return True
        brought = select(lot.c.id).where(
            lot.c.kitchen == self._kitchen, lot.c.id == row.lot, lot.c.movement == row.id, ~lot.c.withdrawn
        )
        return bool(row.lot) and connection.execute(brought).first() is not None

    def _blocked(self, connection: Connection, settings: Settings, name: str, to: str, at_ms: int) -> str | None:
        """A lot that is set aside or over its date may be carried, thrown away and sent back, and not be used."""
        if not name or to not in {accounts.COOKED, accounts.SCHOOL}:
            return None
        facts = lot_facts(connection, settings, [name]).get(name)
        return blocked_words(facts.expires_ms, at_ms) if facts is not None and facts.blocked(at_ms) else None


def units(mass_g: int, item: Item | None) -> int:
    """A mass in an item's base unit; rounded here and nowhere else, so that in and out of a full scale cancel."""
    return mass_g if item is None else round(mass_g / item.unit_g)


def strange_place(connection: Connection, settings: Settings, place: str) -> str | None:
    """A place that nobody configured and where nothing ever lay: a slip of the finger would make an account."""
    if place == accounts.DIFFERENCE:
        return "Selisih dibukukan oleh hitungan yang disetujui orang lain"
    if place in places_known(settings):
        return None
    lines = select(ledger_line.c.movement).where(
        ledger_line.c.kitchen == settings.kitchen, ledger_line.c.place == place
    )
    known = connection.execute(lines.limit(1)).first() is not None
    return None if known else f"Tempat {place} tidak dikenal"


def blocked_words(expires_ms: int | None, at_ms: int) -> str:
    """Why a lot that is blocked cannot be used, in Indonesian."""
    if expires_ms is not None and at_ms >= expires_ms:
        return "Lot ini sudah lewat tanggalnya: buang atau kembalikan"
    return "Lot ini ditahan: tidak boleh dipakai"


def places_known(settings: Settings) -> list[str]:
    """Every place and account that a movement of this kitchen may name, places first."""
    return list(dict.fromkeys(_places(settings.places)))


def _places(places: Iterable[Place]) -> Iterable[str]:
    for place in places:
        yield place.id
    for place in places:
        yield from (place.filled_from, place.emptied_to)
    yield from sorted(accounts.OUTSIDE)


def _lot_misfit(connection: Connection, kitchen: str, name: str, item: str) -> str | None:
    if not name:
        return None
    row = connection.execute(select(lot).where(lot.c.kitchen == kitchen, lot.c.id == name)).first()
    if row is None:
        return "Lot ini tidak dikenal"
    if row.withdrawn or not row.accepted:
        return "Lot ini tidak diterima"
    return None if row.item == item else "Lot ini bahan lain"


def _by_hand(act: RecordMovement, book: Rulebook) -> dict[str, Any]:
    item = book.settings.item(act.item)
    into = act.from_place in accounts.OUTSIDE
    return {
        "id": act.id, "occurred_ms": act.at_ms, "place": act.to_place if into else act.from_place, "item": act.item,
        "unit": "g" if item is None else item.unit, "amount": act.amount if into else -act.amount, "lot": act.lot,
        "batch": act.batch, "waste": act.waste, "reason": act.reason, "from_place": act.from_place,
        "to_place": act.to_place, "state": "confirmed", "kind": "hand", "person": act.by,
    }  # fmt: skip


def _count(act: CountStock, book: Rulebook) -> dict[str, Any]:
    item = book.settings.item(act.item)
    return {
        "id": act.id, "occurred_ms": act.at_ms, "place": act.place, "item": act.item,
        "unit": "g" if item is None else item.unit, "counted": act.counted, "lot": act.lot, "reason": act.reason,
        "from_place": accounts.DIFFERENCE, "to_place": act.place, "state": "proposed", "kind": "count",
        "person": act.by,
    }  # fmt: skip


def _decided(act: OfMovement, row: Row[Any], settings: Settings) -> dict[str, Any]:
    """What a movement is after a person's word."""
    correct = isinstance(act, CorrectMovement)
    values: dict[str, Any] = {"state": "corrected" if correct else "confirmed", "person": act.by}
    if isinstance(act, CorrectMovement):
        values["reason"] = act.reason
        if act.withdraw:
            return values | {"state": "refused"}
        if act.amount is not None:
            values |= {"whole": False, "amount": act.amount if row.place == row.to_place else -act.amount}
    item = settings.item(act.item or row.item)
    if act.item and act.item != row.item and item is not None:
        values = {"whole": False, "item": item.id, "unit": item.unit} | values  # of "all of it", as much as it was
        if row.after_g is not None:
            values["amount"] = units(row.after_g, item) - units(row.before_g, item)
            if row.counted is not None:
                values["counted"] = units(row.after_g, item)
    if act.place:
        values["from_place" if row.place == row.to_place else "to_place"] = act.place
    if act.lot:
        values["lot"] = act.lot
    elif "item" in values:
        values["lot"] = ""
    return values | {name: said for name in ("batch", "waste") if (said := getattr(act, name))}
