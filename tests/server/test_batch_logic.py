"""A cooked batch without a store: its portions, its clock, what may be written, what is told."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.some_acts import ABOUT_BATCHES, BATCHES, OF_BATCHES

from pawon_food_safety.profile import load_profile
from pawon_server.food_safety.batch import Batch, Pan, batch_id, opened, redated, taken, with_pan
from pawon_server.food_safety.batch_acts import (
    AllowBatch,
    ArriveBatch,
    BatchAct,
    CookedPan,
    CorrectPan,
    Destination,
    DiscardSample,
    DisposeBatch,
    EatBatch,
    LeaveBatch,
    NameBatch,
    OpenBatch,
    PackBatch,
    TakeSample,
)
from pawon_server.food_safety.batch_clock import news, steps, verdicts
from pawon_server.food_safety.batch_refusals import refused

PROFILE, ZONE = load_profile("ID-MBG"), "Asia/Jakarta"
DEMO = load_profile("DEMO")
HEAD: dict[str, Any] = {"id": "0123456789abcdef", "by": "sari"}


def at(clock: str, day: int = 9) -> int:
    """A time of October 2025 in the kitchen."""
    hours, minutes = clock.split(":")
    return round(datetime(2025, 10, day, int(hours), int(minutes), tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def plan(**changed: Any) -> dict[str, Any]:
    """300 portions of a dish, 200 of them for two schools, served on the 9th."""
    schools = (Destination(school="SD 1", portions=120), Destination(school="SD 2", portions=80))
    return {**HEAD, "wave": "1", "dish": "Ayam kecap", "day": "2025-10-09", "portions": 300, "schools": schools,
            **changed}  # fmt: skip


def begun(clock: str = "01:30", day: int = 9) -> Batch:
    """A batch that a person opened."""
    return opened(OpenBatch(**plan(began_ms=at(clock, day))), at(clock, day))


NAME = begun().id


def of(clock: str, day: int = 9, **more: Any) -> dict[str, Any]:
    """The fields of an act about it at a time of the day."""
    return {**HEAD, "batch": NAME, "at_ms": at(clock, day), **more}


def after(batch: Batch, *acts: BatchAct) -> Batch:
    """After acts that are all accepted, each written when it says it was."""
    for act in acts:
        now_ms = getattr(act, "at_ms", at("12:00"))
        assert refused(batch, act, PROFILE, ZONE, now_ms) is None, act
        batch = taken(batch, act)
    return batch


def broken(batch: Batch, clock: str, day: int = 9) -> set[str]:
    """The rules that it has broken by then."""
    return {one.rule for one in verdicts(batch, PROFILE, ZONE, at(clock, day))}


def whys(batch: Batch | None, act: BatchAct, clock: str, day: int = 9) -> str:
    """Why not."""
    return refused(batch, act, PROFILE, ZONE, at(clock, day)) or ""


def test_cooked_in_the_evening_and_eaten_the_next_noon() -> None:
    """The case of 2025: too early, beyond every deadline, to be thrown away; nobody can release it, and that it was
    eaten nevertheless stays."""
    evening = after(begun("19:30", 8), CookedPan(**of("21:00", 8)))
    assert broken(evening, "21:01", 8) == {"cooked-too-early"}
    assert broken(evening, "12:00") >= {"cooked-too-early", "served-3h", "served-4h", "served-6h"}
    held = after(evening, DisposeBatch(**of("06:00"), decision="hold", reason="terlalu dini"))
    assert "dibuang" in whys(held, DisposeBatch(**of("06:00"), decision="use", reason="bau baik"), "06:00")
    assert "dibuang" in whys(held, AllowBatch(**of("06:00"), lowest_c=70, note="panas terus"), "06:00")
    eaten = after(held, EatBatch(**of("12:00"), school="SD 1"), EatBatch(**of("12:00"), school="SD 2"),
                  DisposeBatch(**of("12:10"), decision="discard", reason="lewat 6 jam"))  # fmt: skip
    assert (eaten.state, eaten.remaining) == ("eaten", 0)
    assert broken(eaten, "13:00") >= {"cooked-too-early", "served-4h", "served-6h"}
    assert not any(one.lasts for one in verdicts(eaten, PROFILE, ZONE, at("13:00")))
    thrown = after(held, DisposeBatch(**of("06:00"), decision="discard", reason="lewat 6 jam"))
    assert (thrown.state, thrown.remaining, [one.eaten for one in thrown.shares]) == ("discarded", 0, [0, 0, 0])


def test_a_good_morning() -> None:
    """Cooked 02:30, sampled, left 06:00, eaten 07:30 at one school and 06:20 at the other: late only what was late."""
    cooked = after(begun(), CookedPan(**of("02:30")), TakeSample(**of("02:40"), mass_g=150))
    cooked = msgspec.structs.replace(cooked, sampled_ms=at("02:40"))
    assert broken(cooked, "05:29") == set()
    batch = after(
        cooked, PackBatch(**of("05:30"), core_c=66.5),
        LeaveBatch(**of("06:00"), vehicle="B 1234 CD", first_c=65.0, last_c=64.0),
        ArriveBatch(**of("06:10"), school="SD 1"), EatBatch(**of("06:20"), school="SD 1"),
    )  # fmt: skip
    assert (batch.state, batch.remaining) == ("arrived", 180)
    assert broken(batch, "06:29") == {"served-3h"}
    assert broken(batch, "06:30") == {"served-3h", "served-4h"}
    done = after(batch, EatBatch(**of("07:30"), school="SD 2"), EatBatch(**of("06:00"), school=""))
    assert done.over
    assert broken(done, "23:00") == {"served-3h", "served-4h"}


def test_the_clock_starts_with_the_first_pan() -> None:
    """Later pans are listed and change nothing; an earlier one that becomes known later does."""
    one = after(begun(), CookedPan(**of("02:30"), pan="1"), CookedPan(**of("03:10"), pan="2"))
    assert (one.cooked_ms, len(one.pans)) == (at("02:30"), 2)
    assert after(one, CookedPan(**of("02:10"), pan="3")).cooked_ms == at("02:10")


def test_who_may_move_the_clock() -> None:
    """Anybody makes it stricter; later only by a supervisor, never behind what has happened, and no probe's word."""
    one = after(begun(), CookedPan(**of("02:30")))
    assert after(one, CookedPan(**of("02:00"))).cooked_ms == at("02:00")
    assert "ahli gizi" in whys(one, CookedPan(**of("03:00")), "04:00")
    assert CorrectPan.role == "nutritionist"
    assert after(one, CorrectPan(**of("03:00"), reason="salah ketik")).cooked_ms == at("03:00")
    packed = after(one, PackBatch(**of("02:50")))
    assert whys(packed, CorrectPan(**of("03:00"), reason="salah ketik"), "04:00")
    probed = with_pan(begun(), Pan(name="Probe 1", cooked_ms=at("02:30"), sensor="probe-1"))
    assert whys(probed, CorrectPan(**of("03:00"), pan="Probe 1", reason="salah"), "04:00")


def test_a_supervisor_lifts_the_fourth_hour_and_never_the_sixth() -> None:
    """Held hot throughout, by a number that the profile names; what was eaten late before that stays late."""
    one = after(begun(), CookedPan(**of("02:30")), EatBatch(**of("06:40"), school="SD 1"))
    assert "60" in whys(one, AllowBatch(**of("06:50"), lowest_c=59.9, note="wadah panas"), "06:50")
    allowed = after(one, AllowBatch(**of("06:50"), lowest_c=60.0, note="wadah panas"))
    lasting = {row.rule for row in verdicts(allowed, PROFILE, ZONE, at("07:00")) if row.lasts}
    assert lasting == {"served-3h", "sample-missing"}
    assert "served-4h" in broken(allowed, "07:00")
    assert [step.row.id for step in steps(allowed, PROFILE)] == ["served-3h", "served-6h"]
    assert "served-6h" in broken(allowed, "08:30")
    released = after(allowed, DisposeBatch(**of("06:55"), decision="hold", reason="tunggu"))
    assert whys(released, DisposeBatch(**of("07:00"), decision="use", reason="panas"), "07:00") == ""
    assert whys(released, DisposeBatch(**of("08:30"), decision="use", reason="panas"), "08:30")


@pytest.mark.parametrize(
    ("act", "now"),
    [
        (EatBatch(**of("09:00"), school="SD 1"), "08:00"),  # in the future
        (EatBatch(**of("02:00"), school="SD 1"), "08:00"),  # before it was cooked
        (DisposeBatch(**of("02:00"), decision="discard", reason="gosong"), "08:00"),
        (EatBatch(**of("06:00"), school="SD 9"), "08:00"),
        (EatBatch(**of("06:00"), school="SD 1", portions=121), "08:00"),
        (ArriveBatch(**of("06:00"), school=""), "08:00"),  # not packed for
        (CookedPan(**of("01:00")), "08:00"),  # before it began
        (LeaveBatch(**of("06:00"), schools=("SD 9",)), "08:00"),
        (DisposeBatch(**of("06:00"), decision="use", reason="ya"), "08:00"),  # nothing is held
        (DisposeBatch(**of("06:00"), decision="hold", school="SD 1", portions=121, reason="ya"), "08:00"),
        (NameBatch(**plan(batch=NAME, portions=199)), "08:00"),
        (NameBatch(**plan(batch=NAME, day="2025-13-09")), "08:00"),
        (NameBatch(**plan(batch=NAME, day="2026-10-09")), "08:00"),
    ],
)
def test_what_cannot_be_is_refused_in_words(act: BatchAct, now: str) -> None:
    """Times that cannot be, places that are not there, more portions than there are."""
    batch = after(opened(OpenBatch(**plan(portions=200, began_ms=at("01:30"))), at("01:30")), CookedPan(**of("02:30")))
    assert whys(batch, act, now)


def test_nothing_is_eaten_of_what_is_not_cooked_or_has_no_name() -> None:
    """A probe's batch gets its name first; a burnt one may be thrown away at once."""
    raw = begun()
    assert whys(raw, EatBatch(**of("06:00"), school="SD 1"), "06:00") == "Belum matang"
    assert after(raw, DisposeBatch(**of("02:00"), decision="discard", reason="gosong")).state == "discarded"
    found = with_pan(Batch(id=NAME, day="2025-10-09", opened_ms=1, named=False),
                     Pan(name="x", cooked_ms=at("02:30"), sensor="p"))  # fmt: skip
    assert not found.over
    assert "nama" in whys(found, DisposeBatch(**of("06:00"), decision="discard", reason="tua"), "06:00")
    named = after(found, NameBatch(**plan(batch=NAME)))
    assert (named.named, named.remaining, named.cooked_ms) == (True, 300, at("02:30"))
    assert broken(found, "06:30") >= {"served-3h", "served-4h"}
    assert whys(None, PackBatch(**of("06:00")), "06:00") == "Batch tidak dikenal"


def test_a_plan_is_put_right_but_not_below_what_happened() -> None:
    """Portions that were eaten stay where they were eaten."""
    one = after(begun(), CookedPan(**of("02:30")), EatBatch(**of("06:00"), school="SD 1", portions=100))
    fewer = (Destination(school="SD 1", portions=99),)
    assert "100" in whys(one, NameBatch(**plan(batch=NAME, schools=fewer)), "07:00")
    enough = after(one, NameBatch(**plan(batch=NAME, schools=(Destination(school="SD 1", portions=100),))))
    assert [(share.school, share.remaining) for share in enough.shares] == [("SD 1", 0), ("", 200)]


def test_a_count_that_was_wrong_is_said_again() -> None:
    """``replaces`` takes the place of what was said of this school, and of nothing else."""
    one = after(begun(), CookedPan(**of("02:30")), EatBatch(**of("06:00"), school="SD 1"),
                EatBatch(**of("06:00"), school="SD 2", portions=10))  # fmt: skip
    right = after(one, EatBatch(**of("06:10"), school="SD 1", portions=100, replaces=True))
    assert [(share.eaten, share.eaten_ms) for share in right.shares] == [
        (100, at("06:10")),
        (10, at("06:00")),
        (0, None),
    ]


def test_a_missing_sample_is_told_when_the_food_goes() -> None:
    """Not while it may still be taken; by the first deadline at the latest; also of what was eaten at once."""
    one = after(begun(), CookedPan(**of("02:30")))
    assert broken(one, "05:00") == set()
    assert "sample-missing" in broken(one, "05:30")
    assert broken(after(one, LeaveBatch(**of("03:00"))), "03:01") == {"sample-missing"}
    kept = msgspec.structs.replace(one, sampled_ms=at("02:40"))
    assert broken(after(kept, LeaveBatch(**of("03:00"))), "03:01") == set()


def test_without_rows_nothing_is_due() -> None:
    """A profile without these rules has no clock, and the demonstration's is sixty times faster."""
    one = after(begun("21:00", 8), CookedPan(**of("22:00", 8)))
    bare = msgspec.structs.replace(PROFILE, serving=[], too_early=[], retention=[])
    assert verdicts(one, bare, ZONE, at("12:00")) == []
    assert steps(one, bare) == []
    quick = {row.rule: row.since_ms for row in verdicts(one, DEMO, ZONE, at("22:05", 8))}
    assert quick["served-4h"] == at("22:04", 8)


def test_what_was_told_is_not_told_again() -> None:
    """Each rule once, its end once; broken anew, it is told anew."""
    one = after(begun(), CookedPan(**of("02:30")))

    def said(batch: Batch, clock: str) -> tuple[Batch, list[tuple[str, str]]]:
        told = news(batch, verdicts(batch, PROFILE, ZONE, at(clock)))
        return (
            msgspec.structs.replace(batch, told={**batch.told, **{rule: state for rule, state, _ in told}}),
            [(rule, state) for rule, state, _ in told],
        )

    one, first = said(one, "05:40")
    assert sorted(first) == [("sample-missing", "critical"), ("served-3h", "warning")]
    assert said(one, "05:41")[1] == []
    one = after(one, *(EatBatch(**of("06:40"), school=school) for school in ("SD 1", "SD 2", "")))
    one, then = said(one, "06:50")
    assert sorted(then) == [("sample-missing", "ended"), ("served-3h", "ended"), ("served-4h", "critical")]
    one, end = said(one, "06:51")
    assert end == [("served-4h", "ended")]
    assert said(one, "06:52")[1] == []


def test_a_probe_without_a_clock_is_dated_anew() -> None:
    """Only the pans of that boot, once, and never what a person said."""
    pan = Pan(name="x", cooked_ms=5, began_ms=2, sensor="p", gateway="gw-1", boot="b", at_ms=9, dated=False)
    one = with_pan(with_pan(begun(), pan), Pan(name="y", cooked_ms=at("02:30")))
    moved = redated(one, "gw-1", "b", at("02:00"))
    assert [(row.cooked_ms, row.began_ms) for row in moved.pans] == [
        (at("02:00") + 9, at("02:00") + 6), (at("02:30"), None),
    ]  # fmt: skip
    assert redated(moved, "gw-1", "b", 1) is moved
    assert redated(one, "gw-2", "b", 1) is one


def test_names_are_readable_and_safe() -> None:
    """Any words give an id that an address can hold and that an act may name."""
    assert batch_id("2025-10-09", "Gelombang 1", "Ayam kecap", "00beef") == "B-251009-gelombang-1-ayam-kecap-00beef"
    assert batch_id("2025-10-09", "", "🍚", "1") == "B-251009-x-1"


@given(st.text(max_size=80), st.text(max_size=80))
def test_every_name_is_one_that_acts_can_give(wave: str, dish: str) -> None:
    """Whatever people call it."""
    name = batch_id("2025-10-09", wave, dish, "0123af")
    msgspec.convert({**of("06:00"), "act": "batch.pack", "batch": name}, PackBatch)


def _accepted(seed: int, count: int) -> tuple[Batch | None, list[BatchAct], list[Batch]]:
    """Random acts, of which those are taken that are accepted."""
    chance = random.Random(seed)
    batch, acts, states = None, [], []
    while len(acts) < count and len(states) < count * 20:
        act: Any = chance.choice(OF_BATCHES if batch is None else ABOUT_BATCHES)(
            chance, {"id": f"{chance.getrandbits(60):016x}", "by": "-"}
        )
        now_ms = 1_760_000_000_000 + chance.randint(-300, 600) * 60_000
        if isinstance(act, OpenBatch):
            act = msgspec.structs.replace(act, id=f"{1:010x}{0:06x}")
        elif isinstance(act, DiscardSample) or getattr(act, "batch", None) != BATCHES[0]:
            continue
        if (batch is None) != isinstance(act, OpenBatch) or refused(batch, act, PROFILE, ZONE, now_ms) is not None:
            states.append(batch or begun())
            continue
        batch = opened(act, now_ms) if isinstance(act, OpenBatch) else taken(batch, act) if batch is not None else None
        acts.append(act)
        assert batch is not None
        states.append(batch)
    return batch, acts, states


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_portions_are_conserved_in_any_order(seed: int) -> None:
    """Whatever was accepted: eaten, discarded and held are never more than cooked, at no school and in all."""
    _, acts, states = _accepted(seed, 40)
    assert acts
    for batch in states:
        assert sum(share.portions for share in batch.shares) == batch.portions
        for share in batch.shares:
            assert min(share.eaten, share.discarded, share.held, share.free) >= 0
            assert share.eaten + share.discarded + share.held <= share.portions


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_acts_give_the_same_batch(seed: int) -> None:
    """Taken again without question, and through the bytes of the store."""
    last, acts, _ = _accepted(seed, 15)
    again = None
    for act in acts:
        if isinstance(act, OpenBatch):
            again = opened(act, last.opened_ms if last is not None else 0)
        elif again is not None:
            again = msgspec.json.decode(msgspec.json.encode(taken(again, act)), type=Batch)
    assert again == last


@given(st.integers(0, 16 * 60), st.integers(0, 16 * 60), st.integers(0, 24 * 60))
def test_eaten_later_is_never_judged_milder(first: int, later: int, looked: int) -> None:
    """Of two meals of the same food, the later one has broken every rule that the earlier one has."""
    cooked = after(begun(), CookedPan(**of("02:30")))
    first, later = sorted((first, later))
    found = []
    for minutes in (first, later):
        act = EatBatch(**{**of("02:30"), "at_ms": at("02:30") + minutes * 60_000}, school="SD 1")
        batch = taken(cooked, act)
        found.append({one.rule for one in verdicts(batch, PROFILE, ZONE, at("02:30") + (later + looked) * 60_000)})
    assert found[0] <= found[1]
