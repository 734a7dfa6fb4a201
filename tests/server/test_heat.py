"""The pure side of a lot's heat: what series of temperatures mean, and where a lot's parts went."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.exposure import Exposure
from pawon_food_safety.profile import load_profile
from pawon_server.food_safety.growth import predict
from pawon_server.food_safety.heat import (
    BY_HAND_MS,
    MINUTE_MS,
    Edges,
    Heat,
    Report,
    Slice,
    advise,
    band_of,
    by_hand,
    by_minutes,
    clipped,
    edges_of,
    expose,
    held,
    judge_delivery,
    together,
)
from pawon_server.food_safety.lot import (
    NOWHERE,
    History,
    Lot,
    Step,
    carried,
    follow,
    in_all,
    lot_id,
    mixed,
    stays_of,
    worst,
    worst_path,
)
from pawon_server.food_safety.lot_acts import ReceiveLot
from pawon_server.web.heat_picture import COLUMNS, strip

PROFILE = load_profile("ID-MBG")
BAND = band_of(PROFILE)
assert BAND is not None
HOUR = 60


def report(minute: float, value: float, valid: float = 10.0) -> Report:
    """A value at a minute, believed for ``valid`` minutes."""
    return Report(round(minute * MINUTE_MS), round((minute + valid) * MINUTE_MS), value, value, value)


def minutes(heat: Heat) -> tuple[int, int, int, int]:
    """Below, inside, above the danger zone and unknown."""
    one = heat.exposure
    return tuple(ms // MINUTE_MS for ms in (one.below_ms, one.inside_ms, one.above_ms, one.unknown_ms))  # type: ignore[return-value]  # four


def felt(series: Sequence[Slice], start: float, end: float, edges: Edges = Edges()) -> Heat:  # noqa: B008  # immutable
    """What was felt between two minutes."""
    assert BAND is not None
    return expose(series, round(start * MINUTE_MS), round(end * MINUTE_MS), BAND, edges)


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], (0, 0, 0, 60)),  # nobody measured
        ([report(0, 4, 60)], (60, 0, 0, 0)),
        ([report(0, 5.0, 60)], (60, 0, 0, 0)),  # exactly the edge is outside
        ([report(0, 5.1, 60)], (0, 60, 0, 0)),
        ([report(0, 60.0, 60)], (0, 0, 60, 0)),
        ([report(0, 0.0, 60)], (60, 0, 0, 0)),  # zero is a temperature
        ([report(0, 4), report(30, 28)], (10, 10, 0, 40)),  # what is not believed any more is neither
        ([report(-5, 28)], (0, 5, 0, 55)),  # a value reaches in from before
        ([report(0, 4, 60), report(30, 28, 60)], (30, 30, 0, 0)),  # a newer value ends the older one
        ([report(30, 28, 60), report(0, 4, 60)], (30, 30, 0, 0)),  # in whatever order they came
        ([report(0, 4, 60), report(0, 9, 60)], (0, 60, 0, 0)),  # of two of one moment the unsafe one
        ([report(70, 28)], (0, 0, 0, 60)),
    ],
)  # fmt: skip
def test_what_a_series_means(reports: list[Report], expected: tuple[int, ...]) -> None:
    """An hour by a sensor's reports: each minute counted once, gaps as unknown."""
    assert minutes(felt(held(reports), 0, 60)) == expected


def test_the_warmest_and_the_coldest_of_several_sensors_count() -> None:
    """Food is outside the danger zone only where every believed sensor says so; where one is silent the other tells."""
    cold, warm = held([report(0, 3, 40)]), held([report(20, 9, 40)])
    both = together([cold, warm])
    assert minutes(felt(both, 0, 60)) == (20, 40, 0, 0)
    hot, cool = held([report(0, 70, 60)]), held([report(0, 55, 60)])
    assert minutes(felt(together([hot, cool]), 0, 60)) == (0, 60, 0, 0)
    assert felt(both, 0, 60, Edges(above_c=5.0)).beyond_ms == 40 * MINUTE_MS
    assert felt(together([hot, cool]), 0, 60, Edges(below_c=60.0)).beyond_ms == 60 * MINUTE_MS
    assert together([[], cold]) == cold
    assert together([]) == []


def test_old_minutes_count_by_their_unsafe_value() -> None:
    """A minute that went from 4 to 6 C is in the danger zone; a covered minute without a report goes on as before, and
    every minute begins as the one before it ended."""
    series = by_minutes({10: (3.0, 4.0), 12: (4.0, 6.0), 14: (4.0, 4.0), 15: (4.0, 4.0)}, covered=[10, 11, 12, 13])
    assert minutes(felt(series, 9, 18)) == (3, 3, 0, 3)
    assert felt(series, 15, 16).exposure.max_c == 4.0
    assert felt(series, 9, 15).exposure.max_c == 6.0
    apart = by_minutes({10: (9.0, 9.0), 12: (4.0, 4.0)}, covered=[])
    assert minutes(felt(apart, 10, 13)) == (1, 1, 0, 1)
    assert by_minutes({}, covered=[3]) == []


def test_a_spike_between_two_reports_is_the_worst_value_and_no_time() -> None:
    """Extremes of the samples are told, and belong to the time before their report."""
    series = held([report(0, 4, 20), Report(10 * MINUTE_MS, 20 * MINUTE_MS, 4.0, 3.0, 11.0)])
    assert felt(series, 0, 10).exposure.max_c == 11.0
    assert felt(series, 0, 20).exposure.min_c == 3.0
    assert felt(series, 10, 20).exposure.max_c == 4.0
    assert minutes(felt(series, 0, 20)) == (20, 0, 0, 0)


def test_what_people_measure_is_believed_for_half_an_hour() -> None:
    """A trip with a value at loading and one at arrival an hour later is known for half of it."""
    assert BY_HAND_MS == 30 * MINUTE_MS
    assert minutes(felt(by_hand([(0, 66.0), (60 * MINUTE_MS, 61.0)]), 0, 60)) == (0, 0, 30, 30)


def test_a_places_own_limits_are_the_strictest_of_its_points() -> None:
    """Chiller and hot-hold by the profile, less the guard band or the sensors' own error."""
    chiller = [one for one in PROFILE.limits_at("chiller", "temperature_c") if one.severity == "critical"]
    assert edges_of(PROFILE, ["chiller"], "", None).above_c == min(one.edge for one in chiller)
    assert edges_of(PROFILE, ["chiller"], "", 0.2).above_c == pytest.approx(4.8)
    assert edges_of(PROFILE, ["hot-hold"], "", 0.0).below_c == 60.0
    assert edges_of(PROFILE, [], "", None) == Edges()


@pytest.mark.parametrize(
    ("inside", "unknown", "disposition", "green"),
    [
        (0, 0, "use", True), (119, 0, "use", True), (119, 1, "use", False), (120, 0, "use", False),
        (0, 119, "use", True), (0, 120, "use", False), (0, 240, "hold", False), (239, 1, "hold", False),
        (240, 0, "discard", False), (240, 500, "discard", False),
    ],
)  # fmt: skip
def test_unknown_time_is_never_green(inside: int, unknown: int, disposition: str, green: bool) -> None:
    """2 h / 4 h: minutes nobody measured hold food when they could reach the next rung, and condemn none."""
    heat = Heat(exposure=Exposure(inside_ms=inside * MINUTE_MS, unknown_ms=unknown * MINUTE_MS))
    advice = advise(PROFILE, heat, heat)
    assert (advice.disposition, advice.green) == (disposition, green)


def test_the_gravest_ladder_counts_and_none_is_not_green() -> None:
    """Two hours warm in a chiller hold food by the chiller's own ladder; a profile without a ladder frees none."""
    heat = Heat(exposure=Exposure(inside_ms=130 * MINUTE_MS))
    assert advise(PROFILE, heat, heat).disposition == "use"
    assert advise(PROFILE, heat, heat, [("chiller", heat)]).disposition == "hold"
    partly = Heat(exposure=Exposure(inside_ms=100 * MINUTE_MS, unknown_ms=30 * MINUTE_MS))
    assert advise(PROFILE, partly, partly).disposition == "use"
    assert advise(PROFILE, partly, partly, [("chiller", partly)]).disposition == "hold"
    assert not advise(msgspec.structs.replace(PROFILE, ladder=[]), Heat(), Heat()).green


@pytest.mark.parametrize(
    ("point", "food", "value", "suggestion", "rule"),
    [
        ("", "", None, "accept", None), ("receiving-chilled", "", 3.0, "accept", None),
        ("receiving-chilled", "", 0.0, "accept", None),
        ("receiving-chilled", "", 4.3, "accept", "receiving-chilled-warm"),
        ("receiving-chilled", "", 6.0, "reject", "receiving-chilled-hot"),
        ("receiving-chilled", "", 9.0, "reject", "receiving-chilled-refuse"),
        ("receiving-chilled", "poultry", 4.3, "reject", "receiving-poultry-hot"),
        ("receiving-frozen", "", -11.0, "reject", "receiving-frozen-hot"),
        ("receiving-hot", "", 55.0, "reject", "receiving-hot-cold"),
        ("receiving-chilled", "", None, "hold", None), ("receiving-nowhere", "", 3.0, "hold", None),
    ],
)  # fmt: skip
def test_a_delivery_is_judged_at_once(
    point: str, food: str, value: float | None, suggestion: str, rule: str | None
) -> None:
    """By the profile's receiving limits of the point and food class; not measured is not accepted."""
    judged = judge_delivery(PROFILE, point, food, value)
    assert judged.suggestion == suggestion
    assert (None if judged.limit is None else judged.limit.id) == rule


# --- where a lot went -----------------------------------------------------------------------------------------------

LOT = Lot(id="SPPG-251009-AYM-0000", place="lantai", received_ms=0, amount=100)


def move(at: int, place: str, to: str, amount: int | None = None, order: int | None = None) -> Step:
    """Carried at a minute."""
    number = at if order is None else order
    return Step(id=f"{number:016x}", order=number, what="move", at_ms=at * MINUTE_MS, place=place, to_place=to,
                amount=amount)  # fmt: skip


def use(at: int, place: str, amount: int | None = None) -> Step:
    """Into a batch at a minute."""
    return Step(id=f"{at:016x}", order=at, what="use", at_ms=at * MINUTE_MS, place=place, batch="B-1", amount=amount)


def stays(*steps: Step, until: int = 100) -> list[tuple[str, int, int, bool]]:
    """The stays up to a minute, in minutes."""
    way = follow(LOT, steps, until * MINUTE_MS)
    return [(one.place, one.start_ms // MINUTE_MS, one.end_ms // MINUTE_MS, one.open) for one in stays_of(way.legs)]


@pytest.mark.parametrize(
    ("steps", "expected", "left"),
    [
        ([], [("lantai", 0, 100, True)], {"lantai": 100}),
        ([move(40, "lantai", "chiller")], [("lantai", 0, 40, False), ("chiller", 40, 100, True)], {"chiller": 100}),
        (
            [move(40, "lantai", "chiller", 30)], [("lantai", 0, 100, True), ("chiller", 40, 100, True)],
            {"lantai": 70, "chiller": 30},
        ),
        (
            [move(40, "lantai", "chiller", 30), move(60, "lantai", "chiller")],
            [("lantai", 0, 60, False), ("chiller", 40, 100, True)], {"chiller": 100},
        ),
        ([use(50, "lantai", 60)], [("lantai", 0, 100, True)], {"lantai": 40}),
        ([use(50, "lantai")], [("lantai", 0, 50, False)], {}),
        ([move(200, "lantai", "chiller")], [("lantai", 0, 100, True)], {"lantai": 100}),  # has not happened yet
        (
            [move(60, "chiller", "meja"), move(40, "lantai", "chiller", order=99)],  # written later, dated back
            [("lantai", 0, 40, False), ("chiller", 40, 60, False), ("meja", 60, 100, True)], {"meja": 100},
        ),
    ],
)  # fmt: skip
def test_where_a_lot_lay(steps: list[Step], expected: list[tuple[str, int, int, bool]], left: dict[str, int]) -> None:
    """Moves of all or of a part, uses, and steps that were written late; nothing is made or lost."""
    assert stays(*steps) == expected
    way = follow(LOT, steps, 100 * MINUTE_MS)
    assert way.left == left
    assert sum(left.values()) + sum(end.amount for end in way.ends) == LOT.amount
    assert way.doubts == ()


def histories(steps: list[Step], warm: dict[str, float]) -> History:
    """The worst of all parts after 100 minutes, each place having one temperature; unknown where none is named."""
    way = follow(LOT, steps, 100 * MINUTE_MS)
    series = {place: [Slice(0, 100 * MINUTE_MS, *[value] * 4)] for place, value in warm.items()}
    heats = [felt(series.get(leg.place, []), leg.start_ms / MINUTE_MS, leg.end_ms / MINUTE_MS) for leg in way.legs]
    return in_all(way, carried(way, heats))


def test_a_split_lot_is_as_bad_as_its_worst_part() -> None:
    """A part left on the floor; a part that was mixed in later; a part that came out of a mixture."""
    warm = {"lantai": 28.0, "chiller": 3.0}
    whole = histories([move(40, "lantai", "chiller")], warm)
    assert minutes(whole.measured) == (60, 40, 0, 0)
    split = [move(40, "lantai", "chiller", 30)]
    assert minutes(histories(split, warm).measured) == (0, 100, 0, 0)
    merged = [*split, move(60, "lantai", "chiller")]
    assert minutes(histories(merged, warm).measured) == (40, 60, 0, 0)
    # What lay there already was the warmer part.
    there = [move(10, "lantai", "meja", 50), move(60, "lantai", "meja")]
    assert minutes(histories(there, {"lantai": 3.0, "meja": 28.0}).measured) == (10, 90, 0, 0)
    out = [*merged, use(80, "chiller", 10)]
    assert minutes(histories(out, warm).measured) == (40, 60, 0, 0)
    way = follow(LOT, out, 100 * MINUTE_MS)
    per_leg = carried(way, [felt([], leg.start_ms / MINUTE_MS, leg.end_ms / MINUTE_MS) for leg in way.legs])
    assert next(way.legs[number].place for number in worst_path(way, per_leg)) == "lantai"


def test_what_nobody_measured_has_a_history_of_its_own() -> None:
    """Least and most are each of one true way: the measured worst and the one that may have been worst."""
    parts = [move(0, "lantai", "meja", 50, order=0)]  # half lies where nothing measures
    both = histories(parts, {"lantai": 28.0})
    assert minutes(both.measured) == (0, 100, 0, 0)
    cold = histories(parts, {"lantai": 3.0})
    assert (cold.measured.least_ms, cold.possible.most_ms) == (0, 100 * MINUTE_MS)


def test_food_from_where_none_lay_is_followed_from_everywhere() -> None:
    """A move that the record contradicts takes the worst history there is, and is named; nothing else changes."""
    odd = move(40, "chiller", "meja", 20)
    way = follow(LOT, [odd], 100 * MINUTE_MS)
    assert way.doubts == (odd.id,)
    assert way.left["lantai"] == 100
    assert minutes(histories([odd], {"lantai": 28.0, "meja": 3.0}).measured) == (0, 100, 0, 0)
    gone = follow(LOT, [use(10, "lantai"), odd], 100 * MINUTE_MS)
    assert [leg.place for leg in gone.legs] == ["lantai", NOWHERE, "meja"]
    assert gone.legs[1].end_ms - gone.legs[1].start_ms == 30 * MINUTE_MS


def test_a_batch_is_as_bad_as_its_worst_lot_and_its_own_stay() -> None:
    """Lots are mixed, then the batch has a life of its own."""
    fine, bad = Heat(exposure=Exposure(inside_ms=5)), Heat(exposure=Exposure(inside_ms=9, unknown_ms=1))
    batch = mixed([History(fine, fine), History(bad, bad)], Heat(exposure=Exposure(inside_ms=2)))
    assert (batch.measured.least_ms, batch.possible.most_ms) == (11, 12)
    assert worst([]).measured == Heat()


def test_a_lot_has_a_name_that_fits_on_a_label() -> None:
    """By the local day, the supplier, and the act: the same act gives the same name on every server."""
    act = ReceiveLot(id="0123456789abcdef", by="-", item="ayam", supplier="cv. ayam jaya", amount=1, place="lantai",
                     at_ms=1_759_950_000_000)  # fmt: skip  # 2025-10-09 02:00 in Jakarta, the day before in UTC
    assert lot_id(act, "Asia/Jakarta") == lot_id(act, "Asia/Jakarta")
    assert lot_id(act, "Asia/Jakarta")[:-4] == "SPPG-251009-CVA-"
    assert lot_id(msgspec.structs.replace(act, supplier="鶏", id="f" * 16), "Asia/Jakarta")[:-4] == "SPPG-251009-XXX-"
    assert lot_id(msgspec.structs.replace(act, at_ms=2**43), "Asia/Jakarta").startswith("SPPG-")


def test_growth_is_an_estimate_of_foods_that_have_a_model() -> None:
    """Eight warm hours hold or discard chicken; of vegetables nothing is said; nothing known is nothing said."""
    warm = [Slice(0, 8 * HOUR * MINUTE_MS, *[28.0] * 4)]
    hourly = clipped(held([report(n * 10, 28.0) for n in range(48)]), 0, 8 * HOUR * MINUTE_MS)
    (verdict,) = predict("poultry", hourly)
    assert verdict.estimate
    assert verdict.in_range
    assert verdict.action in ("hold", "discard")
    assert predict("vegetables", warm) == []
    assert predict("poultry", []) == []
    (cold,) = predict("poultry", held([report(n * 10, 3.0) for n in range(48)]))
    assert (cold.action, cold.in_range) == ("none", False)


def test_a_strip_shows_the_worst_of_each_column() -> None:
    """Danger before the unknown before the rest; a minute of danger in a month is still seen."""
    assert BAND is not None
    day = 1440 * MINUTE_MS
    series = held([report(n, 3.0, 1) for n in range(720)] + [report(300, 28.0, 1)])
    found = strip(series, (0, day), (0, day), BAND)
    assert [(one.x, one.width, one.sign) for one in found] == [
        (0, 50, "below"), (50, 1, "inside"), (51, 69, "below"), (120, 120, "unknown"),
    ]  # fmt: skip
    hot = strip([Slice(0, day, *[70.0] * 4)], (0, day), (0, 2 * day), BAND)
    assert [(one.x, one.width, one.sign) for one in hot] == [(0, 120, "above")]
    short = strip([], (day, day + 1), (0, 30 * day), BAND)
    assert [(one.width, one.sign) for one in short] == [(1, "unknown")]


# --- properties -----------------------------------------------------------------------------------------------------

values = st.floats(-20, 90, allow_nan=False)
some_reports = st.lists(st.builds(report, st.integers(-30, 130), values, st.sampled_from([0.5, 1, 5, 30])), max_size=30)


@given(some_reports, some_reports, st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_every_minute_is_counted_once_however_it_is_divided(
    first: list[Report], second: list[Report], a: int, b: int, c: int
) -> None:
    """All of a stretch is below, inside, above or unknown; cut anywhere, its parts sum to the whole."""
    start, middle, end = sorted((a, b, c))
    series = together([held(first), held(second)])
    edges = Edges(above_c=5.0, below_c=-10.0)
    whole = felt(series, start, end, edges)
    assert whole.all_ms == (end - start) * MINUTE_MS
    assert felt(series, start, middle, edges) + felt(series, middle, end, edges) == whole


@given(some_reports, st.integers(0, 90), st.integers(0, 90), st.integers(1, 200))
def test_a_strip_has_no_hole(reports: list[Report], a: int, b: int, whole: int) -> None:
    """Its stripes follow each other within the picture; what was in the danger zone is seen, nothing else is."""
    assert BAND is not None
    start, end = min(a, b), max(a, b) + 1
    span = (0, max(end, whole) * MINUTE_MS)
    series = clipped(held(reports), start * MINUTE_MS, end * MINUTE_MS)
    found = strip(series, (start * MINUTE_MS, end * MINUTE_MS), span, BAND)
    assert found
    assert all(one.x + one.width == other.x for one, other in itertools.pairwise(found))
    assert found[0].x >= 0
    assert found[-1].x + found[-1].width <= COLUMNS
    heat = felt(series, start, end)
    assert any(one.sign == "inside" for one in found) == (heat.least_ms > 0)
    assert heat.exposure.unknown_ms == 0 or any(one.sign in ("inside", "unknown") for one in found)


@given(some_reports, st.floats(0, 30))
def test_hotter_is_never_milder(reports: list[Report], by_c: float) -> None:
    """Food below the band's top that lay warmer was never less in the danger zone, nor less beyond the limit."""
    assert BAND is not None
    capped = [one._replace(value_c=min(one.value_c, 59.0 - by_c)) for one in reports]
    hotter = [one._replace(value_c=one.value_c + by_c) for one in capped]
    edges = Edges(above_c=5.0)
    before, after = felt(held(capped), 0, 100, edges), felt(held(hotter), 0, 100, edges)
    assert after.least_ms >= before.least_ms
    assert after.beyond_ms >= before.beyond_ms
    assert after.exposure.unknown_ms == before.exposure.unknown_ms


@given(some_reports, st.lists(st.integers(0, 29), max_size=20))
def test_a_gap_is_neither_safe_nor_an_excursion(reports: list[Report], lost: list[int]) -> None:
    """With reports that end in their own time, losing some moves their time to the unknown and nothing else."""
    short = {one.at_ms: one._replace(until_ms=one.at_ms + MINUTE_MS // 2) for one in reports}
    kept = [one for number, one in enumerate(short.values()) if number not in lost]
    full, less = felt(held(short.values()), 0, 100).exposure, felt(held(kept), 0, 100).exposure
    for name in ("below_ms", "inside_ms", "above_ms"):
        assert getattr(less, name) <= getattr(full, name)
    known = full.below_ms + full.inside_ms + full.above_ms - less.below_ms - less.inside_ms - less.above_ms
    assert less.unknown_ms - full.unknown_ms == known


@given(some_reports, st.integers(0, 2**32))
def test_the_order_of_arrival_changes_nothing(reports: list[Report], seed: int) -> None:
    """Late readings count as if they had come in time, also when they come twice."""
    mixed_up = [*reports, *reports[:3]]
    random.Random(seed).shuffle(mixed_up)
    assert held(mixed_up) == held([*reports, *reports[:3]])
    assert held(mixed_up) == held(reports)


places = st.sampled_from(["lantai", "chiller", "meja", "dapur"])
some_steps = st.lists(
    st.one_of(
        st.builds(move, st.integers(0, 100), places, places, st.none() | st.integers(1, 150)),
        st.builds(use, st.integers(0, 100), places, st.none() | st.integers(1, 150)),
    ),
    max_size=12, unique_by=lambda step: step.at_ms,
)  # fmt: skip


@given(some_steps, st.randoms(use_true_random=False))
def test_whatever_is_written_a_way_is_whole(steps: list[Step], chance: random.Random) -> None:
    """Every leg begins where those before it end; no amount is made but by steps that are named as doubtful; every
    history is as long as the way it went; the order of writing changes nothing."""
    way = follow(LOT, steps, 101 * MINUTE_MS)
    for leg in way.legs:
        assert leg.start_ms <= leg.end_ms <= 101 * MINUTE_MS
        assert all(way.legs[number].end_ms == leg.start_ms for number in leg.before if leg.place != NOWHERE)
    total = sum(way.left.values()) + sum(end.amount for end in way.ends)
    assert total >= LOT.amount if way.doubts else total == LOT.amount
    heats = [felt([Slice(0, 50 * MINUTE_MS, *[28.0] * 4)], leg.start_ms / MINUTE_MS, leg.end_ms / MINUTE_MS)
             for leg in way.legs]  # fmt: skip
    for leg, history in zip(way.legs, carried(way, heats), strict=True):
        assert history.measured.all_ms <= leg.end_ms
        if not way.doubts:
            assert history.measured.all_ms == history.possible.all_ms == leg.end_ms
    shuffled = list(steps)
    chance.shuffle(shuffled)
    assert follow(LOT, shuffled, 101 * MINUTE_MS) == way
