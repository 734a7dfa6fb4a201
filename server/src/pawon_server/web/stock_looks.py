"""Stock as the staff pages write it: places and accounts by name, movements, lots, doubts. Asks no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..rulebook import Rulebook
from ..stock import accounts
from .language import Speech
from .queries import place_name
from .stock_queries import ItemThere, LotThere, PlaceThere
from .wording import movement_words

# What is kept in the record as the reason of a refusal: as people of the kitchen say it, in Indonesian.
NO_GOODS = ("tangan", "orang", "wadah kosong", "uji timbangan", "bukan barang")
BY_HAND = ("timbangan rusak", "tidak sempat ditimbang", "tidak ada timbangan")


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedLook:
    """A movement in words. ``state``: what became of it; ``note``: by hand, by itself, by whom."""

    id: str
    amount: str
    way: str
    item: str
    place: str
    ago: str
    when: str
    state: str
    note: str
    doubt: str
    lot: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLook:
    """A lot as a choice: ``value`` is what the form sends; ``why`` it must not be used."""

    value: str
    word: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThereLook:
    """An item in a place."""

    item: str
    amount: str
    low: str
    lots: list[LotLook]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLook:
    """A place with what lies there."""

    place: str
    name: str
    items: list[ThereLook]
    doubt: str
    doubted: list[MovedLook]


def where_words(_: Callable[[str], str]) -> dict[str, str]:
    """The accounts outside the kitchen, and where goods go before they are cooked, as people say them."""
    return {
        accounts.SUPPLIER: _("Pemasok"), accounts.RETURNED: _("Dikembalikan ke pemasok"),
        accounts.OPENING: _("Stok awal"), accounts.DIFFERENCE: _("Selisih hitung"), accounts.COOKED: _("Dimasak"),
        accounts.TRIMMING: _("Potongan"), accounts.WASTE: _("Dibuang"), accounts.SAMPLE: _("Sampel simpan"),
        accounts.SCHOOL: _("Sekolah"), "prep": _("Persiapan"),
    }  # fmt: skip


def where_name(book: Rulebook, place: str, speech: Speech) -> str:
    """A place or account by name; a kitchen's own name for it goes first."""
    words = where_words(speech.gettext)
    return words[place] if place in words and book.settings.place(place) is None else place_name(book, place)


def waste_words(_: Callable[[str], str]) -> dict[str, str]:
    """Why food is thrown away."""
    return {
        "spoiled": _("busuk"), "expired": _("kedaluwarsa"), "burnt": _("gosong"), "surplus": _("sisa produksi"),
        "leftover": _("sisa makan"), "spilled": _("tumpah"), "rejected": _("ditolak"),
    }  # fmt: skip


def reason_words(_: Callable[[str], str]) -> dict[str, str]:
    """The reasons that are one tap; each is kept as its key."""
    return {
        "tangan": _("tangan"), "orang": _("orang"), "wadah kosong": _("wadah kosong"),
        "uji timbangan": _("uji timbangan"), "bukan barang": _("bukan barang, lainnya"),
        "timbangan rusak": _("timbangan rusak"), "tidak sempat ditimbang": _("tidak sempat ditimbang"),
        "tidak ada timbangan": _("tidak ada timbangan"),
    }  # fmt: skip


def doubt_words(_: Callable[[str], str]) -> dict[str, str]:
    """What the book finds odd, and what to do."""
    return {
        "short": _("Diambil lebih dari catatan. Hitung stoknya."),
        "blocked": _("Diambil, padahal yang tercatat hanya lot ditahan atau kedaluwarsa. Periksa lotnya."),
    }  # fmt: skip


def state_said(_: Callable[[str], str]) -> dict[str, str]:
    """What became of a movement."""
    return {
        "proposed": _("menunggu konfirmasi"), "confirmed": _("sudah dibukukan"), "corrected": _("dikoreksi"),
        "refused": _("bukan barang"),
    }  # fmt: skip


def moved_look(row: Any, book: Rulebook, speech: Speech, now_ms: int, names: Mapping[str, str]) -> MovedLook:
    """A movement of ``movement``; ``names`` are people's by id."""
    _, zone = speech.gettext, book.settings.timezone
    item, way = book.settings.item(row.item), "in" if row.amount > 0 else "out"
    words, notes = movement_words(_), []
    if row.kind == "hand":
        notes.append(_("ditulis tangan"))
    if row.automatic and not row.person:
        notes.append(_("dibukukan otomatis"))
    if row.person:
        notes.append(names.get(row.person, ""))
    if row.reason:
        notes.append(reason_words(_).get(row.reason, row.reason))
    return MovedLook(
        id=row.id, amount=speech.amount(abs(row.amount), row.unit),
        way=words[way] if row.kind == "hand" else words.get(row.kind, words[way]),
        item=item.name if item else row.item, place=place_name(book, row.place),
        ago=speech.ago(max(0, now_ms - row.occurred_ms)),
        when=f"{speech.day(row.occurred_ms, zone)} {speech.clock(row.occurred_ms, zone)}",
        state=state_said(_)[row.state], note=" · ".join(note for note in notes if note),
        doubt=doubt_words(_).get(row.doubt, ""), lot=row.lot,
        other=where_name(book, row.to_place if row.place == row.from_place else row.from_place, speech),
    )  # fmt: skip


def lot_look(lot: LotThere, unit: str, speech: Speech, place: str = "") -> LotLook:
    """A lot as a choice, with how much of it there is."""
    _ = speech.gettext
    why = _("ditahan") if lot.held else _("kedaluwarsa") if lot.expired else ""
    parts = [lot.lot or _("lot belum dikenal"), speech.amount(lot.amount, unit), place]
    if lot.expires:
        parts.append(_("sampai {day}").format(day=lot.expires))
    return LotLook(value=lot.lot, word=" · ".join(part for part in parts if part), why=why)


def place_look(one: PlaceThere, book: Rulebook, speech: Speech, now_ms: int) -> PlaceLook:
    """A place with its items, *menipis* where there is less than the place's least."""
    _, known = speech.gettext, book.settings.place(one.place)

    def there(held: ItemThere) -> ThereLook:
        item = book.settings.item(held.item)
        unit = item.unit if item else "g"
        least = known.minimum if known is not None and known.item == held.item else None
        low = least is not None and held.amount is not None and held.amount < least
        return ThereLook(
            item=item.name if item else held.item, low=_("menipis") if low else "",
            amount=_("belum dibukukan") if held.amount is None else speech.amount(held.amount, unit),
            lots=[lot_look(lot, unit, speech) for lot in held.lots],
        )  # fmt: skip

    return PlaceLook(
        place=one.place, name=where_name(book, one.place, speech), items=[there(held) for held in one.items],
        doubt=doubt_words(_).get(one.doubt, ""),
        doubted=[moved_look(row, book, speech, now_ms, {}) for row in one.doubted],
    )  # fmt: skip


def typed_amount(amount: int, unit: str, speech: Speech) -> str:
    """An amount as it stands in a field: ``5,2`` (kg or L) or ``12`` (pieces); what was typed so reads the same."""
    if unit == "piece":
        return str(amount)
    whole, rest = divmod(amount, 1000)
    return f"{whole}{speech.decimal}{rest:03d}".rstrip("0").rstrip(speech.decimal)
