"""What went into a batch against what came out of it. Pure; masses in whole grams.

Food does not keep its mass in the pot: rice takes up water, meat loses it. So ingredients are not compared with dishes,
but with what they become: each gram that went into the pot is expected to give something between the item's least and
greatest cooking factor. What was cut off or thrown away raw never went into the pot.

    least <= cooked + cooked waste + sample <= most

What lies outside is unexplained, and more than ``LIMIT`` of it is told. What nobody weighed is named; it widens the
range or leaves the balance without a verdict, and never makes it good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from .mass_acts import MassKind
from .movement_acts import WasteReason

# ``closed`` is the only good one. ``surplus``: heavier than the ingredients can have become.
Verdict = Literal["closed", "missing", "surplus", "unknown"]
# Why a balance is not whole, each with the item it is about (empty: the batch).
Gap = Literal["ingredients", "cooked", "trimming", "factor", "unit", "estimated", "stray"]

# More than that share of what was expected is told: usual in the balances of catering kitchens (docs/mass-balance.md).
LIMIT = 0.10
# An ingredient whose factor nobody configured may have boiled away or drunk water like the driest beans (about 3).
ANY_FACTOR = (0.0, 3.0)


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """All of an item that a batch took, as it was bought. ``mass_g`` ``None``: nobody knows what its unit weighs.

    ``estimated``: by the recipe. ``factor``: grams cooked of one gram that went into the pot, least and most.
    """

    item: str
    mass_g: int | None
    estimated: bool = False
    edible_percent: float = 100.0
    factor: tuple[float, float] | None = None


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """Something that came out. ``item``: raw, of that ingredient; empty: of the dish, and of trimmings nobody knows."""

    kind: MassKind
    mass_g: int
    item: str = ""
    waste: WasteReason = ""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """``least_g`` to ``most_g`` were expected and ``out_g`` found, without what was ``trimming_g`` or ``raw_waste_g``.

    ``unexplained_g`` is above nought for what is missing and below for what is too much, ``unexplained`` its share of
    the end of the range it lies beyond (``None``: of nothing). They are ``None`` where there is nothing to compare.
    """

    verdict: Verdict
    gaps: tuple[tuple[Gap, str], ...]
    in_g: int | None
    least_g: int | None
    most_g: int | None
    cooked_g: int | None
    trimming_g: int | None
    raw_waste_g: int
    waste_g: int
    sample_g: int
    leftover_g: int
    out_g: int | None
    unexplained_g: int | None
    unexplained: float | None
    portion_g: float | None


def balance(used: Sequence[Used], came: Sequence[Came], portions: int = 0) -> Balance:
    """The balance of one batch; one ``Used`` an item."""
    cooked_g, trimming_g = _sum(came, "cooked"), _sum(came, "trimming")
    raw_waste_g = sum(one.mass_g for one in came if one.kind in {"waste", "sample"} and one.item)
    waste_g, sample_g = _dish(came, "waste"), _dish(came, "sample")
    gaps = _gaps(used, came)
    weights = [one.mass_g for one in used if one.mass_g is not None]
    in_g = sum(weights) if used and len(weights) == len(used) else None
    least_g = most_g = out_g = unexplained_g = share = None
    if in_g is not None:
        least_g, most_g = _expected(used, came)
    if cooked_g is not None:
        out_g = cooked_g + waste_g + sample_g
    verdict: Verdict = "unknown"
    if least_g is not None and most_g is not None and out_g is not None:
        unexplained_g = max(least_g - out_g, 0) - max(out_g - most_g, 0)
        bound_g = least_g if unexplained_g > 0 else most_g
        share = unexplained_g / bound_g if bound_g > 0 else 0.0 if unexplained_g == 0 else None
        if abs(unexplained_g) > LIMIT * bound_g:
            verdict = "missing" if unexplained_g > 0 else "surplus"
        elif not gaps:
            verdict = "closed"
    return Balance(
        verdict=verdict, gaps=gaps, in_g=in_g, least_g=least_g, most_g=most_g, cooked_g=cooked_g,
        trimming_g=trimming_g, raw_waste_g=raw_waste_g, waste_g=waste_g, sample_g=sample_g,
        leftover_g=_sum(came, "leftover") or 0, out_g=out_g, unexplained_g=unexplained_g, unexplained=share,
        portion_g=cooked_g / portions if cooked_g is not None and portions > 0 else None,
    )  # fmt: skip


def _expected(used: Sequence[Used], came: Sequence[Came]) -> tuple[int, int]:
    """Least and most that can be in the pot at the end."""
    least_g = most_g = 0.0
    for one in used:
        mass_g, (low, high) = one.mass_g or 0, one.factor or ANY_FACTOR
        left_g = mass_g - sum(out.mass_g for out in came if out.item == one.item and _raw(out))
        # Nobody weighed what was cut off: something between nothing and all that cannot be eaten.
        untold_g = 0 if _trimmed(one, came) else mass_g * (1 - one.edible_percent / 100)
        least_g += max(left_g - untold_g, 0) * low
        most_g += max(left_g, 0) * high
    # Trimmings of nobody knows what come of what has something to cut off; of anything if nothing has.
    mixed_g = sum(out.mass_g for out in came if out.kind == "trimming" and not out.item)
    factors = [one.factor or ANY_FACTOR for one in _to_trim(used) or used]
    least_g -= mixed_g * max(low for low, _ in factors)
    most_g -= mixed_g * min(high for _, high in factors)
    return round(max(least_g, 0)), round(max(most_g, least_g, 0))


def _gaps(used: Sequence[Used], came: Sequence[Came]) -> tuple[tuple[Gap, str], ...]:
    gaps: list[tuple[Gap, str]] = []
    if not used:
        gaps.append(("ingredients", ""))
    if _sum(came, "cooked") is None:
        gaps.append(("cooked", ""))
    gaps += [("trimming", one.item) for one in _to_trim(used) if not _trimmed(one, came)]
    gaps += [("factor", one.item) for one in used if one.factor is None]
    gaps += [("unit", one.item) for one in used if one.mass_g is None]
    gaps += [("estimated", one.item) for one in used if one.estimated]
    known = {one.item for one in used}
    gaps += [("stray", item) for item in sorted({out.item for out in came if _raw(out)} - known)]
    return tuple(gaps)


def _raw(out: Came) -> bool:
    """Whether it left before it was cooked, and of which ingredient is known."""
    return bool(out.item) and out.kind in {"trimming", "waste", "sample"}


def _trimmed(one: Used, came: Iterable[Came]) -> bool:
    """Whether it is known how much was cut off of an item."""
    return one.edible_percent >= 100 or any(out.kind == "trimming" and out.item in ("", one.item) for out in came)


def _to_trim(used: Iterable[Used]) -> list[Used]:
    return [one for one in used if one.edible_percent < 100]


def _sum(came: Iterable[Came], kind: MassKind) -> int | None:
    """``None``: nobody weighed it, which is not nothing."""
    found = [out.mass_g for out in came if out.kind == kind]
    return sum(found) if found else None


def _dish(came: Iterable[Came], kind: MassKind) -> int:
    return sum(out.mass_g for out in came if out.kind == kind and not out.item)
