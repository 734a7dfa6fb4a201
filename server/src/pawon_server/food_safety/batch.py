"""A cooked batch: its pans, its portions by school, and its clock, which runs from the end of cooking of its first pan.

Pure. What was written is taken without question (``batch_refusals`` was asked before it was journalled), in any order
that was accepted; portions are conserved: eaten, discarded and held are never more than cooked. Times are ms UTC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import msgspec

from pawon_food_safety.rows import Disposition

from .batch_acts import (
    AllowBatch,
    ArriveBatch,
    BatchAct,
    CookedPan,
    CorrectPan,
    DisposeBatch,
    EatBatch,
    LeaveBatch,
    NameBatch,
    OfBatch,
    OpenBatch,
    PackBatch,
    Planned,
)

BatchState = Literal["cooking", "cooked", "packed", "left", "arrived", "eaten", "discarded"]
# A large kitchen has a dozen a wave; a batch to which so many come is somebody's mistake.
MAX_PANS = 200


class Pan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pan that is done. ``sensor`` is empty when a person said so; else ``at_ms`` is the end of cooking by the
    monotonic clock of the gateway's ``boot``, and ``dated`` tells that its time is known."""

    name: str
    cooked_ms: int
    began_ms: int | None = None
    peak_c: float | None = None
    f_min: float | None = None
    sensor: str = ""
    gateway: str = ""
    boot: str = ""
    at_ms: int = 0
    dated: bool = True


class Share(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The portions of one school; ``""`` is the kitchen. ``eaten_ms``: the latest."""

    school: str
    portions: int
    eaten: int = 0
    discarded: int = 0
    held: int = 0
    left_ms: int | None = None
    arrived_ms: int | None = None
    eaten_ms: int | None = None

    @property
    def remaining(self) -> int:
        """What is neither eaten nor thrown away."""
        return self.portions - self.eaten - self.discarded

    @property
    def free(self) -> int:
        """What remains and is not held."""
        return self.remaining - self.held


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As the record knows it. Unnamed (``named`` false), all its portions are unknown and none is over. ``told``: of
    each rule what was decided last, and ``incidents`` its incident."""

    id: str
    day: str
    opened_ms: int
    named: bool
    wave: str = ""
    dish: str = ""
    food: str = ""
    place: str = ""
    pans_planned: int = 1
    portions: int = 0
    shares: tuple[Share, ...] = ()
    pans: tuple[Pan, ...] = ()
    began_ms: int | None = None
    packed_ms: int | None = None
    allowed_ms: int | None = None
    sampled_ms: int | None = None
    newest_ms: int = 0
    over_limit: bool = False
    events: int = 0
    told: dict[str, str] = {}
    incidents: dict[str, str] = {}

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.dish} · gelombang {self.wave}" if self.named else f"Masakan tanpa nama {self.place}".strip()

    @property
    def cooked_ms(self) -> int | None:
        """When its clock began."""
        return min((pan.cooked_ms for pan in self.pans), default=None)

    @property
    def cooking_began_ms(self) -> int | None:
        """When the first of its pans began to cook, as far as it is known."""
        known = [ms for ms in (self.began_ms, *(pan.began_ms for pan in self.pans)) if ms is not None]
        return min(known, default=None)

    @property
    def remaining(self) -> int:
        """Portions that are neither eaten nor thrown away."""
        return sum(share.remaining for share in self.shares)

    @property
    def over(self) -> bool:
        """Nothing is left of it."""
        return self.named and self.remaining == 0

    @property
    def state(self) -> BatchState:
        """The furthest that any of it has come."""
        if self.over:
            return "eaten" if any(share.eaten for share in self.shares) else "discarded"
        if any(share.arrived_ms is not None for share in self.shares):
            return "arrived"
        if any(share.left_ms is not None for share in self.shares):
            return "left"
        return "packed" if self.packed_ms is not None else "cooked" if self.pans else "cooking"


# --- names ----------------------------------------------------------------------------------------------------------


def batch_id(day: str, wave: str, dish: str, last: str) -> str:
    """``B-YYMMDD-wave-dish-last``; equal words give equal ids."""
    middle = "-".join(part for part in (_slug(wave)[:12], _slug(dish)[:24]) if part)
    return f"B-{day[2:].replace('-', '')}-{middle or 'x'}-{last}"


def id_of(act: OpenBatch) -> str:
    """The id of the batch that an act opens."""
    return batch_id(act.day, act.wave, act.dish, act.id[-6:])


def _slug(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


# --- what was written -----------------------------------------------------------------------------------------------


def opened(act: OpenBatch, at_ms: int) -> Batch:
    """A batch that a person opens."""
    empty = Batch(id=id_of(act), day=act.day, opened_ms=at_ms, named=True, began_ms=act.began_ms)
    return _planned(empty, act)


def with_pan(batch: Batch, pan: Pan) -> Batch:
    """One more pan is done; one of the same name that a person had said is replaced."""
    kept = [one for one in batch.pans if one.name != pan.name or one.sensor]
    return msgspec.structs.replace(batch, pans=(*kept, pan)[:MAX_PANS])


def redated(batch: Batch, gateway: str, boot: str, offset_ms: int) -> Batch:
    """The pans of a boot of which it became known when it was."""
    pans = []
    for pan in batch.pans:
        if pan.sensor and not pan.dated and (pan.gateway, pan.boot) == (gateway, boot):
            moved = pan.at_ms + offset_ms - pan.cooked_ms
            began_ms = None if pan.began_ms is None else pan.began_ms + moved
            pans.append(msgspec.structs.replace(pan, cooked_ms=pan.cooked_ms + moved, began_ms=began_ms, dated=True))
        else:
            pans.append(pan)
    return batch if tuple(pans) == batch.pans else msgspec.structs.replace(batch, pans=tuple(pans))


def taken(batch: Batch, act: BatchAct) -> Batch:
    """The batch after an act about it; samples are kept elsewhere."""
    if isinstance(act, OfBatch):
        batch = msgspec.structs.replace(batch, newest_ms=max(batch.newest_ms, act.at_ms))
    match act:
        case NameBatch():
            return msgspec.structs.replace(_planned(batch, act), named=True)
        case CookedPan():
            return with_pan(batch, Pan(name=act.pan, cooked_ms=act.at_ms, peak_c=act.core_c))
        case CorrectPan():
            return with_pan(batch, Pan(name=act.pan, cooked_ms=act.at_ms))
        case PackBatch():
            return msgspec.structs.replace(batch, packed_ms=act.at_ms)
        case LeaveBatch():
            # The kitchen's own portions stay unless nothing else could go.
            schools = act.schools or tuple(one.school for one in batch.shares if one.school) or ("",)
            return _changed(batch, schools, lambda share: msgspec.structs.replace(share, left_ms=act.at_ms))
        case ArriveBatch():
            return _changed(batch, (act.school,), lambda share: msgspec.structs.replace(share, arrived_ms=act.at_ms))
        case EatBatch():
            return _changed(batch, (act.school,), lambda share: _eaten(share, act))
        case DisposeBatch():
            return _disposed(batch, act)
        case AllowBatch():
            return msgspec.structs.replace(batch, allowed_ms=act.at_ms)
    return batch


def _planned(batch: Batch, act: Planned) -> Batch:
    before = {share.school: share for share in batch.shares}
    shares = tuple(
        msgspec.structs.replace(before.get(school, Share(school=school, portions=0)), portions=portions)
        for school, portions in amounts_of(act).items()
    )
    return msgspec.structs.replace(
        batch, wave=act.wave, dish=act.dish, food=act.food, place=act.place, pans_planned=act.pans, day=act.day,
        portions=act.portions, shares=shares,
    )  # fmt: skip


def amounts_of(act: Planned) -> dict[str, int]:
    """Portions by school, the kitchen's own last and only if there are any."""
    amounts: dict[str, int] = {}
    for one in act.schools:
        amounts[one.school] = amounts.get(one.school, 0) + one.portions
    rest = act.portions - sum(amounts.values())
    return {**amounts, **({"": rest} if rest > 0 else {})}


def _changed(batch: Batch, schools: tuple[str, ...], change: Callable[[Share], Share]) -> Batch:
    shares = tuple(change(share) if share.school in schools else share for share in batch.shares)
    return msgspec.structs.replace(batch, shares=shares)


def _eaten(share: Share, act: EatBatch) -> Share:
    if act.replaces:
        share = msgspec.structs.replace(share, eaten=0, eaten_ms=None)
    count = share.remaining if act.portions is None else min(act.portions, share.remaining)
    if count == 0:
        return share
    latest = act.at_ms if share.eaten_ms is None else max(share.eaten_ms, act.at_ms)
    # What was held and eaten nevertheless is not held any more.
    held = min(share.held, share.remaining - count)
    return msgspec.structs.replace(share, eaten=share.eaten + count, eaten_ms=latest, held=held)


def _disposed(batch: Batch, act: DisposeBatch) -> Batch:
    left = act.portions if act.portions is not None else batch.portions
    shares = []
    for share in batch.shares:
        if act.school is not None and share.school != act.school:
            shares.append(share)
            continue
        count = min(left, disposable(share, act.decision))
        left -= count
        discarded, held = share.discarded, share.held
        if act.decision == "discard":
            discarded, held = discarded + count, held - min(held, count)
        else:
            held += count if act.decision == "hold" else -count
        shares.append(msgspec.structs.replace(share, discarded=discarded, held=held))
    return msgspec.structs.replace(batch, shares=tuple(shares))


def disposable(share: Share, decision: Disposition) -> int:
    """How many portions of a share a decision can be about."""
    return {"use": share.held, "hold": share.free, "discard": share.remaining}[decision]
