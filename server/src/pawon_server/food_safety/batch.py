"""A cooked batch: its pans, its portions by school, and its clock, which runs from the end of cooking of its first pan.

Pure. What was written is taken without question (``refused`` was asked before it was journalled), in any order that was
accepted; portions are conserved: eaten, discarded and held are never more than cooked. Facts are taken however bad they
are; decisions that let old food go on are not. Times are ms UTC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from pawon_food_safety import serving
from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Serving

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
    TakeSample,
)

BatchState = Literal["cooking", "cooked", "packed", "left", "arrived", "eaten", "discarded"]
# A phone's clock may be ahead by this much; a batch's stories are told within so many days.
AHEAD_MS = 60_000
LONGEST_MS = 4 * 24 * 3_600_000
MAX_PANS = 200
PORTIONS_OVER = "portions-over"
_FOREVER = 2**60


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
    each rule what was decided last."""

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


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was broken at ``since_ms``; ``lasts``: it still is."""

    rule: str
    severity: Literal["warning", "critical"]
    since_ms: int
    lasts: bool


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
    """The batch after an act about it."""
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
            schools = act.schools or [one.school for one in batch.shares if one.school] or [""]
            return _changed(batch, schools, lambda share: msgspec.structs.replace(share, left_ms=act.at_ms))
        case ArriveBatch():
            return _changed(batch, [act.school], lambda share: msgspec.structs.replace(share, arrived_ms=act.at_ms))
        case EatBatch():
            return _changed(batch, [act.school], lambda share: _eaten(share, act))
        case DisposeBatch():
            return _disposed(batch, act)
        case AllowBatch():
            return msgspec.structs.replace(batch, allowed_ms=act.at_ms)
    return batch


def _planned(batch: Batch, act: Planned) -> Batch:
    before = {share.school: share for share in batch.shares}
    amounts = _amounts(act)
    shares = tuple(
        msgspec.structs.replace(before.get(school, Share(school=school, portions=0)), portions=portions)
        for school, portions in amounts.items()
    )
    return msgspec.structs.replace(
        batch, wave=act.wave, dish=act.dish, food=act.food, place=act.place, pans_planned=act.pans, day=act.day,
        portions=act.portions, shares=shares,
    )  # fmt: skip


def _amounts(act: Planned) -> dict[str, int]:
    """Portions by school, the kitchen's own last and only if there are any."""
    amounts: dict[str, int] = {}
    for one in act.schools:
        amounts[one.school] = amounts.get(one.school, 0) + one.portions
    rest = act.portions - sum(amounts.values())
    return {**amounts, **({"": rest} if rest > 0 else {})}


def _changed(batch: Batch, schools: list[str], change: Callable[[Share], Share]) -> Batch:
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
        count = min(left, _disposable(share, act.decision))
        left -= count
        discarded, held = share.discarded, share.held
        if act.decision == "discard":
            discarded, held = discarded + count, held - min(held, count)
        else:
            held += count if act.decision == "hold" else -count
        shares.append(msgspec.structs.replace(share, discarded=discarded, held=held))
    return msgspec.structs.replace(batch, shares=tuple(shares))


def _disposable(share: Share, decision: str) -> int:
    return {"use": share.held, "hold": share.free, "discard": share.remaining}[decision]


# --- what may be written --------------------------------------------------------------------------------------------


def refused(batch: Batch | None, act: BatchAct, profile: Profile, zone: str, now_ms: int) -> str | None:
    """Why an act is not written, in Indonesian; ``None``: it may be. ``batch`` is the one it is about."""
    if isinstance(act, OfBatch):
        if act.at_ms > now_ms + AHEAD_MS:
            return "Waktu ada di masa depan"
        if act.at_ms < now_ms - LONGEST_MS:
            return "Waktu terlalu lama berlalu"
    if isinstance(act, OpenBatch):
        if act.began_ms is not None and not now_ms - LONGEST_MS <= act.began_ms <= now_ms + AHEAD_MS:
            return "Waktu mulai masak tidak mungkin"
        return _unplanned(None, act, zone, now_ms)
    if batch is None:
        return "Batch tidak dikenal"
    match act:
        case NameBatch():
            return _unplanned(batch, act, zone, now_ms)
        case CookedPan() | CorrectPan():
            return _uncooked(batch, act)
        case DisposeBatch(decision="discard") if batch.named:
            return _undisposed(batch, act, profile, now_ms)
    assert isinstance(act, OfBatch)
    if batch.cooked_ms is None:
        return "Belum matang"
    if act.at_ms < batch.cooked_ms:
        return "Waktu sebelum matang"
    if not batch.named and not isinstance(act, PackBatch | TakeSample):
        return "Beri nama batch dulu"
    match act:
        case LeaveBatch():
            return _elsewhere(batch, act.schools)
        case ArriveBatch():
            left_ms = [one.left_ms for one in batch.shares if one.school == act.school and one.left_ms is not None]
            late = any(act.at_ms < ms for ms in left_ms)
            return _elsewhere(batch, [act.school]) or ("Waktu sebelum berangkat" if late else None)
        case EatBatch():
            return _elsewhere(batch, [act.school]) or _uneaten(batch, act)
        case DisposeBatch():
            return _undisposed(batch, act, profile, now_ms)
        case AllowBatch():
            return _unallowed(batch, act, profile, now_ms)
    return None


def _unplanned(batch: Batch | None, act: Planned, zone: str, now_ms: int) -> str | None:
    try:
        day = date.fromisoformat(act.day)
    except ValueError:
        return "Hari tidak ada di kalender"
    today = datetime.fromtimestamp(now_ms / 1000, tz=ZoneInfo(zone)).date()
    if not -4 <= (day - today).days <= 7:
        return "Hari saji terlalu jauh dari hari ini"
    if sum(one.portions for one in act.schools) > act.portions:
        return "Porsi sekolah lebih banyak dari porsi batch"
    amounts = _amounts(act)
    for share in () if batch is None else batch.shares:
        used = share.eaten + share.discarded + share.held
        if used > amounts.get(share.school, 0):
            return f"{share.school or 'Dapur'}: {used} porsi sudah tercatat"
    return None


def _uncooked(batch: Batch, act: CookedPan | CorrectPan) -> str | None:
    said = next((pan for pan in batch.pans if pan.name == act.pan and not pan.sensor), None)
    began_ms = batch.cooking_began_ms
    if began_ms is not None and act.at_ms < began_ms:
        return "Matang sebelum mulai masak"
    if isinstance(act, CookedPan):
        if said is not None and act.at_ms > said.cooked_ms:
            return "Hanya ahli gizi yang boleh membuat waktu matang lebih lambat"
        return "Terlalu banyak panci" if said is None and len(batch.pans) >= MAX_PANS else None
    if said is None:
        return "Panci ini tidak dicatat oleh orang"
    cooked_ms = taken(batch, act).cooked_ms
    done = [batch.packed_ms, *(ms for one in batch.shares for ms in (one.left_ms, one.arrived_ms, one.eaten_ms))]
    if cooked_ms is not None and any(ms is not None and ms < cooked_ms for ms in done):
        return "Sudah dikemas, berangkat atau dimakan sebelum waktu itu"
    return None


def _elsewhere(batch: Batch, schools: list[str]) -> str | None:
    known = {share.school for share in batch.shares}
    unknown = [school for school in schools if school not in known]
    return f"{unknown[0] or 'Dapur'} tidak ada di batch ini" if unknown else None


def _uneaten(batch: Batch, act: EatBatch) -> str | None:
    share = next(one for one in batch.shares if one.school == act.school)
    if share.arrived_ms is not None and act.at_ms < share.arrived_ms:
        return "Waktu sebelum tiba"
    there = share.remaining + (share.eaten if act.replaces else 0)
    return _too_few(act.portions, there)


def _too_few(asked: int | None, there: int) -> str | None:
    if there == 0:
        return "Tidak ada porsi tersisa"
    return f"Hanya tersisa {there} porsi" if asked is not None and asked > there else None


def _undisposed(batch: Batch, act: DisposeBatch, profile: Profile, now_ms: int) -> str | None:
    if act.decision == "use":
        for row in _stops(batch, profile, max(now_ms, act.at_ms)):
            return "Wajib dibuang: " + row.text_id if row.absolute else row.action_id
    shares = [share for share in batch.shares if act.school is None or share.school == act.school]
    if not shares:
        return _elsewhere(batch, [act.school or ""])
    return _too_few(act.portions, sum(_disposable(share, act.decision) for share in shares))


def _unallowed(batch: Batch, act: AllowBatch, profile: Profile, now_ms: int) -> str | None:
    hot = [row.value for row in profile.limits_at("hot-hold", "temperature_c", batch.food)
           if row.severity == "critical" and row.direction < 0]  # fmt: skip
    if not hot:
        return "Aturan tidak mengenal penyimpanan panas"
    if act.lowest_c < max(hot):
        return f"Suhu terendah harus {max(hot):g} C atau lebih"
    if batch.remaining == 0:
        return "Tidak ada porsi tersisa"
    for row in _stops(batch, profile, max(now_ms, act.at_ms)):
        if row.absolute:
            return "Wajib dibuang: " + row.text_id
    return None


def _stops(batch: Batch, profile: Profile, now_ms: int) -> list[Serving]:
    """The critical rows that apply now and are not lifted, the absolute ones first."""
    return sorted(
        (step.row for step in steps(batch, profile) if step.row.severity == "critical" and step.at_ms <= now_ms),
        key=lambda row: not row.absolute,
    )


# --- its clock ------------------------------------------------------------------------------------------------------


def steps(batch: Batch, profile: Profile) -> list[serving.Due]:
    """When which serving row applies, the earliest first; without those that a supervisor lifted. Empty until it is
    cooked, and where the profile has no such row."""
    if batch.cooked_ms is None:
        return []
    return [step for step in serving.due(profile.serving, batch.cooked_ms, _FOREVER)
            if not _lifted(batch, step.row)]  # fmt: skip


def _lifted(batch: Batch, row: Serving) -> bool:
    return batch.allowed_ms is not None and row.severity == "critical" and not row.absolute


def verdicts(batch: Batch, profile: Profile, zone: str, now_ms: int) -> list[Verdict]:
    """Every rule that the batch has broken by ``now_ms``. What was eaten later than it may be stays broken, though it
    lasts no more."""
    out: list[Verdict] = []
    left = not batch.over
    begun, cooked_ms = batch.cooking_began_ms, batch.cooked_ms
    for row in profile.too_early:
        if begun is not None and serving.too_early(row, begun, date.fromisoformat(batch.day), ZoneInfo(zone)):
            out.append(Verdict(rule=row.id, severity=row.severity, since_ms=begun, lasts=left))
    if batch.over_limit:
        out.append(Verdict(rule=PORTIONS_OVER, severity="warning", since_ms=batch.opened_ms, lasts=left))
    if cooked_ms is None:
        return out
    clock = serving.due(profile.serving, cooked_ms, _FOREVER)
    for step in clock:
        lifted = _lifted(batch, step.row)
        waits = left and not lifted and now_ms >= step.at_ms
        eaten = [one.eaten_ms for one in batch.shares if one.eaten_ms is not None and one.eaten_ms >= step.at_ms]
        allowed_ms = batch.allowed_ms if lifted else None
        if waits or any(allowed_ms is None or ms < allowed_ms for ms in eaten):
            out.append(Verdict(rule=step.row.id, severity=step.row.severity, since_ms=step.at_ms, lasts=waits))
    gone = [one.left_ms for one in batch.shares if one.left_ms is not None]
    gone += [one.eaten_ms for one in batch.shares if one.eaten_ms is not None]
    gone += [step.at_ms for step in clock[:1] if left and step.at_ms <= now_ms]
    for keep in profile.retention if batch.sampled_ms is None and gone else []:
        out.append(Verdict(rule=keep.id, severity=keep.severity, since_ms=min(gone), lasts=left))
    return out


def news(batch: Batch, found: list[Verdict]) -> list[tuple[str, Literal["warning", "critical", "ended"], int]]:
    """What is to be decided of a batch: rule, state, since when. What is broken is told once, and so is its end."""
    out: list[tuple[str, Literal["warning", "critical", "ended"], int]] = []
    for one in found:
        told = batch.told.get(one.rule)
        if told is None or (told == "ended" and one.lasts):
            out.append((one.rule, one.severity, one.since_ms))
    lasting = {one.rule for one in found if one.lasts}
    out += [(rule, "ended", batch.newest_ms) for rule, told in batch.told.items()
            if told != "ended" and rule not in lasting]  # fmt: skip
    return out
