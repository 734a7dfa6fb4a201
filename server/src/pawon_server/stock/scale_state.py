"""How far a scale could be believed at a moment: one small answer out of what was seen and written before it. Pure.

What is unknown is never called good: a zero that nobody saw lately is unknown, a check weight of long ago is overdue, a
mark that nobody wrote down is missing. A failed check stays failed and a zero off until a good one, however long that
takes. Records that were withdrawn are not given here: they never counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from .days import local_date
from .scale import DAY_MS, CheckVerdict, Tera, TeraState, ZeroState, tera_on, wants_zeroing, zero_state

CheckState = Literal["good", "failed", "overdue", "never", "unjudged"]
# What somebody should do, in the order in which it matters.
Need = Literal[
    "failed", "zero_off", "tera_missing", "tera_expired", "check_never", "check_overdue", "check_unjudged",
    "zero_unknown", "zero_soon", "tera_soon",
]  # fmt: skip
# Nobody checks at the same minute each day.
GRACE_MS = 3_600_000
# An appointment for the verification takes weeks.
TERA_SOON_DAYS = 30


class ZeroSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Where an empty scale came to rest, seen by the gateway or told by a person (``id``); ``division_g`` as it was
    configured then."""

    id: str
    at_ms: int
    zero_g: float
    division_g: float | None


class WeightSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A check weight, judged when it was written."""

    id: str
    at_ms: int
    nominal_g: float
    error_g: float
    mpe_g: float | None
    verdict: CheckVerdict
    person: str


class ScaleState(msgspec.Struct, frozen=True, kw_only=True):
    """A scale at ``at_ms``. ``zero_g`` is there with its time whenever it was ever seen, also when it is too old to be
    believed (``zero`` is then ``unknown``); ``checked_*``, ``nominal_g``, ``error_g`` and ``mpe_g`` are the newest
    check weight's; ``tera_until`` is the last day of the mark that counts. ``checked_by``: a person's id, not for
    pages that everybody sees."""

    scale: str
    at_ms: int
    zero: ZeroState
    check: CheckState
    tera: TeraState
    for_trade: bool
    needs: tuple[Need, ...]
    zero_g: float | None = None
    zero_ms: int | None = None
    checked_ms: int | None = None
    checked_by: str | None = None
    nominal_g: float | None = None
    error_g: float | None = None
    mpe_g: float | None = None
    tera_until: str | None = None


def state_of(
    scale: str, at_ms: int, zeros: Iterable[ZeroSeen], weights: Iterable[WeightSeen], marks: Sequence[Tera], *,
    every_ms: int, zone: str,
) -> ScaleState:  # fmt: skip
    """The state at a moment. Only what was before it counts, in whichever order it is given.

    ``every_ms``: a check weight counts so long (and a little more), and so does a zero. ``for_trade``: the mark is
    valid and nothing known speaks against the scale; that it was not checked lately does not take the mark away.
    """
    zero_seen = max((one for one in zeros if one.at_ms <= at_ms), key=_order, default=None)
    weight = max((one for one in weights if one.at_ms <= at_ms), key=_order, default=None)
    oldest_ms = at_ms - every_ms - GRACE_MS
    zero: ZeroState = "unknown" if zero_seen is None else zero_state(zero_seen.zero_g, zero_seen.division_g)
    if zero_seen is not None and zero == "good" and zero_seen.at_ms < oldest_ms:
        zero = "unknown"
    check: CheckState = "never" if weight is None else weight.verdict
    if weight is not None and check == "good" and weight.at_ms < oldest_ms:
        check = "overdue"
    tera, until = tera_on(marks, day_of(at_ms, zone))
    return ScaleState(
        scale=scale, at_ms=at_ms, zero=zero, check=check, tera=tera,
        for_trade=tera == "valid" and check != "failed" and zero != "off",
        needs=_needs(zero, zero_seen, check, tera, until, day_of(at_ms + TERA_SOON_DAYS * DAY_MS, zone)),
        zero_g=None if zero_seen is None else zero_seen.zero_g, zero_ms=None if zero_seen is None else zero_seen.at_ms,
        checked_ms=None if weight is None else weight.at_ms, checked_by=None if weight is None else weight.person,
        nominal_g=None if weight is None else weight.nominal_g, error_g=None if weight is None else weight.error_g,
        mpe_g=None if weight is None else weight.mpe_g, tera_until=until,
    )  # fmt: skip


def day_of(at_ms: int, zone: str) -> str:
    """The kitchen's day of a moment, as marks name their days."""
    return local_date(at_ms, zone).isoformat()


def _order(one: ZeroSeen | WeightSeen) -> tuple[int, str]:
    return one.at_ms, one.id


def _needs(
    zero: ZeroState, seen: ZeroSeen | None, check: CheckState, tera: TeraState, until: str | None, soon: str
) -> tuple[Need, ...]:
    soiled = seen is not None and seen.division_g is not None and wants_zeroing(seen.zero_g, seen.division_g)
    said: dict[Need, bool] = {
        "failed": check == "failed", "zero_off": zero == "off", "tera_missing": tera == "missing",
        "tera_expired": tera == "expired", "check_never": check == "never", "check_overdue": check == "overdue",
        "check_unjudged": check == "unjudged", "zero_unknown": zero == "unknown",
        "zero_soon": zero == "good" and soiled, "tera_soon": tera == "valid" and until is not None and until < soon,
    }  # fmt: skip
    return tuple(need for need, is_so in said.items() if is_so)
