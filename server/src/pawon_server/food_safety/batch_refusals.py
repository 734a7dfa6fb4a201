"""Which act about a batch may be written now. Facts are taken however bad they are: food that was eaten too late was
eaten. Decisions that let old food go on are not: nobody releases what must be thrown away.

Pure. Answers are Indonesian sentences for whoever wrote; what is said here is never asked of the journal again.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Serving

from .batch import MAX_PANS, Batch, amounts_of, disposable, taken
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
from .batch_clock import steps

# A phone's clock may be ahead by this much; what is told of a batch is told within so many days.
AHEAD_MS = 60_000
DAY_MS = 24 * 3_600_000
LONGEST_MS = 4 * DAY_MS
DAYS_AHEAD = 7


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
        case DisposeBatch(decision="discard") if batch.named and batch.cooked_ms is None:  # burnt
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
            return _elsewhere(batch, (act.school,)) or ("Waktu sebelum berangkat" if late else None)
        case EatBatch():
            return _elsewhere(batch, (act.school,)) or _uneaten(batch, act)
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
    if not -LONGEST_MS // DAY_MS <= (day - today).days <= DAYS_AHEAD:
        return "Hari saji terlalu jauh dari hari ini"
    if sum(one.portions for one in act.schools) > act.portions:
        return "Porsi sekolah lebih banyak dari porsi batch"
    amounts = amounts_of(act)
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


def _elsewhere(batch: Batch, schools: tuple[str, ...]) -> str | None:
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
        return _elsewhere(batch, (act.school or "",))
    return _too_few(act.portions, sum(disposable(share, act.decision) for share in shares))


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
