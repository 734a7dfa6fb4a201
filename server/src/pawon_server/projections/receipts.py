"""The verdict on a delivery by what the book knows: from acts, rows, the tables of suppliers and orders, and the plate
of the place's scale to ``stock.receiving``. Used when a receipt is asked for, written and corrected, and shown before.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from ..food_safety.lot_acts import ReceiveLot
from ..rulebook import Item, Rulebook, Settings
from ..stock.days import day_of_text, days_of_texts, local_date
from ..stock.gs1 import gtin_14
from ..stock.purchase import Supplier, meant_by
from ..stock.receiving import DIVISION_G, Delivery, Finding, Ordered, Seller, Verdict, judge_receipt, owner_of
from .purchases import NO_DAY, UNKNOWN_ORDER, came_of, days_of, order_row, suppliers_of
from .stock import units

LABEL, SHELF_LIFE = "label", "shelf-life"


def as_weighed(act: ReceiveLot, row: Row[Any] | None, item: Item | None) -> ReceiveLot:
    """The receipt as the weighing that saw it come (if any) tells it, whatever was typed: amount, place and moment."""
    if row is None or row.after_g is None:
        return act
    amount = units(row.after_g, item) - units(row.before_g, item)
    return msgspec.structs.replace(act, amount=amount, place=row.place, at_ms=row.occurred_ms)


def refuse_receipt(connection: Connection, book: Rulebook, act: ReceiveLot) -> str | None:
    """Why a receipt cannot be written, in Indonesian: what it says cannot be, or it was accepted against a finding
    that forbids it and nobody says why."""
    if any(day and day_of_text(day) is None for day in (act.produced, act.for_day)):
        return NO_DAY
    if act.gtin and not gtin_14(act.gtin):
        return "Nomor barcode salah baca, pindai sekali lagi"
    if act.order and order_row(connection, book.settings.kitchen, act.order) is None:
        return UNKNOWN_ORDER
    if act.accepted and not act.despite.strip() and judge_act(connection, book, act).blocking:
        return "Ada yang tidak boleh diterima begitu saja. Tolak, atau tulis alasan menerimanya"
    return None


def receipt_columns(connection: Connection, kitchen: str, act: ReceiveLot) -> dict[str, Any]:
    """What a receipt says beside what it always said, as its row has it."""
    seller = meant_by(act.supplier, suppliers_of(connection, kitchen))
    return {
        "expires_from": LABEL if act.expires else "", "seller": "" if seller is None else seller.id,
        "purchase": act.order, "noted": act.noted, "gtin": act.gtin, "for_day": act.for_day,
        "produced": act.produced, "halal": act.halal, "barcode": act.barcode, "despite": act.despite,
        "findings": "[]",
    }  # fmt: skip


def judged_columns(connection: Connection, book: Rulebook, row: Row[Any]) -> dict[str, Any]:
    """The findings of a receipt as it stands now, and the day that counts as its last."""
    found = judge_row(connection, book, row)
    if row.expires_from == LABEL:
        dated = {}
    elif found.expires is None:
        dated = {"expires": "", "expires_from": ""}
    else:
        dated = {"expires": found.expires.isoformat(), "expires_from": SHELF_LIFE}
    return {"findings": msgspec.json.encode(found.findings).decode(), **dated}


def findings_of(row: Row[Any]) -> list[Finding]:
    """The findings that a lot's row holds."""
    return msgspec.json.decode(row.findings, type=list[Finding])


def judge_act(connection: Connection, book: Rulebook, act: ReceiveLot) -> Verdict:
    """The verdict on a receipt that is not written yet."""
    known = suppliers_of(connection, book.settings.kitchen)
    return _judge(connection, book, meant_by(act.supplier, known), "", {
        "item": act.item, "amount": act.amount, "at_ms": act.at_ms, "point": act.point, "food": act.food,
        "noted": act.noted, "order": act.order, "for_day": act.for_day, "produced": act.produced,
        "expires": act.expires, "halal": act.halal, "gtin": act.gtin, "place": act.place,
    })  # fmt: skip


def judge_row(connection: Connection, book: Rulebook, row: Row[Any]) -> Verdict:
    """The verdict on a lot by its row."""
    known = {one.id: one for one in suppliers_of(connection, book.settings.kitchen)}
    return _judge(connection, book, known.get(row.seller), row.id, {
        "item": row.item, "amount": row.amount, "at_ms": row.received_ms, "point": row.point, "food": row.food,
        "noted": row.noted, "order": row.purchase, "for_day": row.for_day, "produced": row.produced,
        "expires": row.expires if row.expires_from == LABEL else "", "halal": row.halal, "gtin": row.gtin,
        "place": row.place,
    })  # fmt: skip


def _judge(connection: Connection, book: Rulebook, seller: Supplier | None, lot: str, said: dict[str, Any]) -> Verdict:
    settings = book.settings
    return judge_receipt(
        Delivery(
            item=settings.item(said["item"]) or Item(id=said["item"], name=said["item"]), amount=said["amount"],
            day=local_date(said["at_ms"], settings.timezone), point=said["point"], food=said["food"],
            noted=said["noted"], seller=_seller(seller),
            ordered=_ordered(connection, settings.kitchen, said["order"], lot), for_day=day_of_text(said["for_day"]),
            produced=day_of_text(said["produced"]), expires=day_of_text(said["expires"]), halal=said["halal"],
            gtin=said["gtin"], of_item=owner_of(said["gtin"], settings.items),
        ),
        division_g=_division_g(settings, said["place"]),
    )  # fmt: skip


def _division_g(settings: Settings, name: str) -> float:
    """The division of the scale that watches a place, as it is configured; ``DIVISION_G`` where nobody said."""
    place = settings.place(name)
    scale = settings.sensor(place.scale) if place is not None and place.scale else None
    return DIVISION_G if scale is None or scale.division_g is None else scale.division_g


def _seller(known: Supplier | None) -> Seller | None:
    if known is None:
        return None
    return Seller(
        id=known.id, items=known.items, halal_until=day_of_text(known.halal_until), blocked=known.blocked != ""
    )


def _ordered(connection: Connection, kitchen: str, name: str, lot: str) -> Ordered | None:
    row = order_row(connection, kitchen, name) if name else None
    due = None if row is None else day_of_text(row.due)
    if row is None or due is None:
        return None
    return Ordered(
        supplier=row.supplier, item=row.item, amount=row.amount, due=due, for_days=days_of_texts(days_of(row)),
        cancelled=row.cancelled_ms is not None, came=came_of(connection, kitchen, [name], besides=lot).get(name, 0),
    )  # fmt: skip
