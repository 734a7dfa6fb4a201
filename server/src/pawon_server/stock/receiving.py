"""The verdict on a delivery beside its temperature: weight, order, dates, certificate, barcode. Pure; decides nothing.

Each finding is a code with its figures; ``receiving_words`` says it in both languages. A ``blocking`` one means: send
it back, or say why it is kept. The temperature is the profile's (``food_safety.heat.judge_delivery``).

Tolerances of the weight against the delivery note (docs/receiving.md): up to the scale's own division or 0.5 % is
right; up to 2 % (vegetables, which dry, 3 %) is accepted and noted; more is held or deducted.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import msgspec

from ..rulebook import Item
from .gs1 import gtin_14

Severity = Literal["note", "warning", "blocking"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "blocking")

# The division e of a receiving scale of class III that weighs 60 kg: 20 g (3,000 e; OIML R 76-1), where the place's own
# is not configured. Pieces are counted.
DIVISION_G = 20
# Parts of a thousand.
EXACT, NOTED, VEGETABLES_NOTED = 5, 20, 30
VEGETABLES = frozenset({"vegetable", "leafy"})
# Raw material is bought two days before it is served at the earliest (BGN's rule "H-2").
DAYS_BEFORE = 2
# Of a shelf life, in percent: less than this is soon over. Chilled food: this many days.
LITTLE_LEFT_PERCENT, LITTLE_LEFT_CHILLED_DAYS = 20, 1
DRY = ""
CHILLED = "receiving-chilled"
# Calendars end; nobody keeps anything as long as that.
LAST_DAY = date(9998, 12, 31)


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing about a delivery. ``figures``: what its words are filled with; amounts in the item's base unit."""

    code: str
    severity: Severity
    figures: dict[str, str | int | float] = {}


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sold it, as far as the kitchen knows them. ``halal_until``: unsaid, they have no certificate."""

    id: str
    items: tuple[str, ...] = ()
    halal_until: date | None = None
    blocked: bool = False


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """The order that it answers; ``came``: what had been received of it before."""

    supplier: str
    item: str
    amount: int
    due: date
    for_days: tuple[date, ...] = ()
    cancelled: bool = False
    came: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery at the door. ``day``: the local day; ``seller`` and ``ordered`` as the book knows them, ``of_item``
    the item that ``gtin`` is said to be of. Dates as its label and the person say; amounts in base units."""

    item: Item
    amount: int
    day: date
    point: str = ""
    food: str = ""
    noted: int | None = None
    seller: Seller | None = None
    ordered: Ordered | None = None
    for_day: date | None = None
    produced: date | None = None
    expires: date | None = None
    halal: Literal["", "yes", "no"] = ""
    gtin: str = ""
    of_item: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The findings, the gravest first, and the last day the lot may be used. ``derived``: by its class, for its label
    says none; ``None``: nothing is known of it."""

    findings: tuple[Finding, ...] = ()
    expires: date | None = None
    derived: bool = False

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What asks for a reason."""
        return tuple(one for one in self.findings if one.severity == "blocking")


def judge_receipt(delivery: Delivery, *, division_g: float = DIVISION_G) -> Verdict:
    """All that is to be said of a delivery; ``division_g``: of the scale that it was weighed on."""
    expires, derived = _last_day(delivery)
    findings = [
        *_weight(delivery, division_g), *_order(delivery, division_g), *_seller(delivery), *_halal(delivery),
        *_label(delivery), *_dates(delivery, expires, derived=derived), *_serving(delivery, expires),
    ]  # fmt: skip
    findings.sort(key=lambda one: -SEVERITIES.index(one.severity))
    return Verdict(findings=tuple(findings), expires=expires, derived=derived)


def owner_of(gtin: str, items: list[Item]) -> str:
    """The item whose packs carry this number; empty for none."""
    wanted = gtin_14(gtin)
    return next((item.id for item in items if wanted and wanted in map(gtin_14, item.gtin)), "")


def missing_is_right(missing: int, of: int, item: Item, food: str, division_g: float, parts: int | None = None) -> bool:
    """Whether so much less than ``of`` is nothing to ask about: within the scale's division, or within ``parts`` of a
    thousand (unsaid: those that are noted and accepted)."""
    own = 0 if item.unit == "piece" else division_g / item.unit_g
    wide = VEGETABLES_NOTED if VEGETABLES & {item.food, food} else NOTED
    return missing <= own or missing * 1000 <= of * (wide if parts is None else parts)


def _weight(one: Delivery, division_g: float) -> list[Finding]:
    if one.noted is None or one.amount == one.noted:
        return []
    less = one.noted - one.amount
    figures: dict[str, str | int | float] = {
        "noted": one.noted, "came": one.amount, "off": abs(less), "percent": round(100 * abs(less) / one.noted, 1)
    }  # fmt: skip
    if missing_is_right(abs(less), one.noted, one.item, one.food, division_g, EXACT):
        return []
    little = missing_is_right(abs(less), one.noted, one.item, one.food, division_g)
    if less < 0:
        return [Finding(code="over-note", severity="note" if little else "warning", figures=figures)]
    return [Finding(code="short-noted" if little else "short", severity="note" if little else "blocking",
                    figures=figures)]  # fmt: skip


def _order(one: Delivery, division_g: float) -> list[Finding]:
    known = one.ordered
    if known is None:
        return []
    found = []
    if known.cancelled:
        found.append(Finding(code="order-cancelled", severity="blocking"))
    if known.item != one.item.id:
        return [*found, Finding(code="order-item", severity="blocking", figures={"item": known.item})]
    if one.seller is None or one.seller.id != known.supplier:
        found.append(Finding(code="order-supplier", severity="warning", figures={"supplier": known.supplier}))
    left = known.amount - known.came - one.amount
    if not missing_is_right(abs(left), known.amount, one.item, one.food, division_g):
        code, severity = ("order-short", "note") if left > 0 else ("order-over", "warning")
        figures: dict[str, str | int | float] = {"ordered": known.amount, "off": abs(left)}
        found.append(Finding(code=code, severity=severity, figures=figures))  # type: ignore[arg-type]  # both are
    if one.day > known.due:
        found.append(Finding(code="order-late", severity="note", figures={"days": (one.day - known.due).days}))
    return found


def _seller(one: Delivery) -> list[Finding]:
    if one.seller is None:
        return [Finding(code="supplier-unknown", severity="note")]
    found = []
    if one.seller.blocked:
        found.append(Finding(code="supplier-blocked", severity="blocking"))
    if one.seller.items and one.item.id not in one.seller.items:
        found.append(Finding(code="supplier-item", severity="note"))
    return found


def _halal(one: Delivery) -> list[Finding]:
    if not one.item.halal:
        return []
    until = None if one.seller is None else one.seller.halal_until
    over = until is not None and until < one.day
    figures: dict[str, str | int | float] = {} if until is None else {"until": until.isoformat()}
    if one.halal == "no":
        return [Finding(code="halal-not-seen", severity="blocking")]
    if one.halal == "yes":
        return [Finding(code="halal-renewed", severity="warning", figures=figures)] if over else []
    if over:
        return [Finding(code="halal-over", severity="blocking", figures=figures)]
    return [] if until is not None else [Finding(code="halal-unknown", severity="blocking")]


def _label(one: Delivery) -> list[Finding]:
    if not one.gtin:
        return []
    if one.of_item and one.of_item != one.item.id:
        return [Finding(code="gtin-other", severity="blocking", figures={"item": one.of_item})]
    return [] if one.of_item or not one.item.gtin else [Finding(code="gtin-new", severity="note")]


def _last_day(one: Delivery) -> tuple[date | None, bool]:
    if one.expires is not None or one.item.shelf_life_days is None:
        return one.expires, False
    begin = one.day if one.produced is None else min(one.produced, one.day)
    return min(begin, LAST_DAY - timedelta(days=one.item.shelf_life_days)) + timedelta(
        days=one.item.shelf_life_days
    ), True


def _dates(one: Delivery, expires: date | None, *, derived: bool) -> list[Finding]:
    found = []
    if one.produced is not None and (one.produced > one.day or (expires is not None and one.produced > expires)):
        found.append(Finding(code="produced-odd", severity="warning", figures={"day": one.produced.isoformat()}))
    if expires is None:
        severity: Severity = "note" if one.point == DRY else "warning"
        return [*found, Finding(code="expiry-unknown", severity=severity)]
    figures: dict[str, str | int | float] = {"day": expires.isoformat()}
    if derived:
        found.append(Finding(code="expiry-derived", severity="note", figures=figures))
    left = (expires - one.day).days
    if left < 0:
        return [*found, Finding(code="expired", severity="blocking", figures=figures)]
    whole = None if one.produced is None else (expires - one.produced).days
    whole = one.item.shelf_life_days if whole is None else whole
    little = whole is not None and left * 100 <= whole * LITTLE_LEFT_PERCENT
    little |= one.point == CHILLED and left <= LITTLE_LEFT_CHILLED_DAYS
    # What was worked out from today alone says nothing about what was left of it when it came.
    if little and not (derived and one.produced is None):
        found.append(Finding(code="short-life", severity="warning", figures={**figures, "days": left}))
    return found


def _serving(one: Delivery, expires: date | None) -> list[Finding]:
    days = () if one.ordered is None else one.ordered.for_days
    first = one.for_day or min(days, default=None)
    last = one.for_day or max(days, default=None)
    if first is None or last is None:
        return []
    found = []
    early = (last - one.day).days
    if early > DAYS_BEFORE:
        severity: Severity = "note" if one.point == DRY else "blocking"
        found.append(Finding(code="too-early", severity=severity, figures={"day": last.isoformat(), "days": early}))
    if last < one.day:
        found.append(Finding(code="serving-over", severity="warning", figures={"day": last.isoformat()}))
    elif expires is not None and one.day <= expires < last:
        found.append(
            Finding(code="expires-before", severity="blocking",
                    figures={"day": last.isoformat(), "until": expires.isoformat()})
        )  # fmt: skip
    return found
