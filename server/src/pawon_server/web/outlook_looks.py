"""Outlooks and needs in words: how long an item lasts, what to order by when. Estimates say that they are ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..rulebook import Item
from ..stock.forecast import Outlook
from ..stock.low_stock import Standing, standing
from ..stock.needs import Need
from ..stock.plan import HORIZON_DAYS
from .language import Speech


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLook:
    """An item in words. ``order`` is empty while nothing is to be ordered."""

    id: str
    name: str
    state: Standing
    word: str
    stock: str
    lasts: str
    order: str
    expiring: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedLook:
    """What is missing of an item, in words."""

    name: str
    amount: str
    when: str


def day_text(speech: Speech, day: date) -> str:
    """A day as people say it: ``Rab 15 Okt``."""
    _ = speech.gettext
    weekdays = (_("Sen"), _("Sel"), _("Rab"), _("Kam"), _("Jum"), _("Sab"), _("Min"))
    return f"{weekdays[day.weekday()]} {day.day} {speech.months[day.month - 1]}"


def item_look(speech: Speech, item: Item, one: Outlook, today: date) -> ItemLook:
    """An item's outlook."""
    _, state = speech.gettext, standing(one, today)
    words = {"unknown": _("tidak diketahui"), "low": _("menipis"), "lasts": _("ada"), "enough": _("cukup")}
    order = ""
    if one.order_by is not None and one.order_amount:
        order = _("Pesan {amount} paling lambat {day}").format(
            amount=speech.amount(one.order_amount, item.unit), day=day_text(speech, one.order_by)
        )
        if one.order_by <= today:
            order = _("Pesan {amount} sekarang").format(amount=speech.amount(one.order_amount, item.unit))
        if one.buy_from is not None:
            order += " · " + _("beli mulai {day}").format(day=day_text(speech, one.buy_from))
    return ItemLook(
        id=item.id, name=item.name, state=state, word=words[state],
        stock=_stock(speech, item, one),
        lasts=_lasts(speech, one), order=order,
        expiring=_("{amount} kedaluwarsa sebelum terpakai").format(amount=speech.amount(one.expiring, item.unit))
        if one.expiring else "",
    )  # fmt: skip


def _stock(speech: Speech, item: Item, one: Outlook) -> str:
    _ = speech.gettext
    there = _("belum dibukukan") if one.stock is None else speech.amount(one.stock, item.unit)
    if not one.coming:
        return there
    return there + " · " + _("dipesan {amount}").format(amount=speech.amount(one.coming, item.unit))


def _lasts(speech: Speech, one: Outlook) -> str:
    _ = speech.gettext
    if one.stock is None:
        return ""
    if one.basis == "none":
        return _("belum ada menu atau pemakaian untuk diperkirakan")
    if one.runs_out is None and one.foreseen_to is not None and one.foreseen_to < one.wants[-1].day:
        return _("cukup untuk menu sampai {day}").format(day=day_text(speech, one.foreseen_to))
    if one.runs_out is None:
        return _("perkiraan: cukup lebih dari {n} hari").format(n=HORIZON_DAYS)
    text = _("perkiraan: kurang mulai {day}").format(day=day_text(speech, one.runs_out))
    if one.earliest is not None and one.earliest != one.latest:
        first = day_text(speech, one.earliest)
        last = _("nanti") if one.latest is None else day_text(speech, one.latest)
        text += _(" (antara {first} dan {last})").format(first=first, last=last)
    return text


def need_look(speech: Speech, item: Item, need: Need) -> NeedLook:
    """A need for whoever can help."""
    _ = speech.gettext
    if need.amount is None:
        amount = _("sampai {amount}").format(amount=speech.amount(need.planned, item.unit))
    else:
        amount = speech.amount(need.amount, item.unit)
    when = _("untuk stok minimum")
    if need.day is not None and need.by is not None:
        when = _("untuk {day}, tiba paling lambat {by}").format(
            day=day_text(speech, need.day), by=day_text(speech, need.by)
        )
        if need.buy_from is not None:
            when += " · " + _("beli mulai {day}").format(day=day_text(speech, need.buy_from))
    if need.amount is None:
        when += " · " + _("stok belum dibukukan")
    return NeedLook(name=item.name, amount=amount, when=when)
