"""`pawon-judge`: what counts as an event, from when to when, and what a gap does to it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.food_safety.judge_files import Said, at, call, csv, events, of, times

from pawon_food_safety.profile import load_profile
from pawon_food_safety.rows import Limit

ID_MBG = load_profile("ID-MBG")
TEMPERATURES = [
    row for row in ID_MBG.limit
    if row.quantity == "temperature_c" and not row.food and row.count == "uninterrupted" and row.delay_s <= 3600
]  # fmt: skip
KEYS = ["kind", "rule", "severity", "start", "end", "minutes", "worst_c"]


@pytest.mark.parametrize("row", TEMPERATURES, ids=lambda row: row.id)
def test_a_limit_is_an_event_once_its_delay_is_reached_and_not_a_second_before(row: Limit) -> None:
    """The delay, measured to the second, decides; values at the limit itself never do."""
    beyond = row.value + row.direction
    delay_s = round(row.delay_s)
    if delay_s:
        head = [f"{at(second)},{beyond}" for second in [*range(0, delay_s, 30), delay_s - 1]]
        short = "\n".join(["time,temperature_c", *head, f"{at(delay_s - 0.001)},{row.value}", ""])
        assert of(events(short, row.point), row.id) == []
    full = "\n".join(["time,temperature_c", *(f"{at(second)},{beyond}" for second in range(0, delay_s + 30, 30)), ""])
    said = of(events(full, row.point), row.id)
    assert [(event["start"], event["end"], event["minutes"]) for event in said] == [(at(0), None, delay_s / 60)]
    assert said[0]["worst_c"] == beyond
    assert said[0]["severity"] == row.severity
    assert of(events(csv([row.value] * (delay_s // 60 + 60)), row.point), row.id) == []


def test_an_event_has_exactly_the_promised_keys() -> None:
    """Programs may rely on the names."""
    said = events(csv([9.0] * 90))
    assert [list(event) for event in said] == [KEYS] * 3
    assert [event["kind"] for event in said] == ["limit"] * 3


@pytest.mark.parametrize(
    ("back", "end"),
    [
        (5.0, 70),  # within the limit, not by the hysteresis: it is not over
        (4.6, 70),
        (4.5, 70),
    ],
)
def test_an_event_ends_when_values_came_back_and_only_if_they_came_back_far_enough(back: float, end: int) -> None:
    """Hysteresis and clearing time decide whether it is over; the end is when values came back within the limit."""
    said = of(events(csv([4.0] + [6.0] * 69 + [back] * 6)), "chiller-hot")
    closed = back <= 4.5
    assert times(said) == [(at(60), at(end * 60) if closed else None, 69.0)]
    still = of(events(csv([4.0] + [6.0] * 69 + [back] * 5)), "chiller-hot")
    assert times(still) == [(at(60), None, 69.0)], "five minutes of clearing were not measured yet"


def test_a_return_below_the_limit_dates_the_end_even_if_the_hysteresis_comes_later() -> None:
    """First back within the limit at minute 71, by the hysteresis from 80: it ended at 71."""
    said = of(events(csv([4.0] + [6.0] * 70 + [4.8] * 9 + [4.0] * 10)), "chiller-hot")
    assert times(said) == [(at(60), at(71 * 60), 70.0)]


def test_a_short_swing_is_no_event() -> None:
    """An hour less a minute above 5 C, again and again, with a value within between: none."""
    assert of(events(csv(([6.0] * 59 + [4.0]) * 10)), "chiller-hot") == []


def test_the_worst_value_is_the_worst_of_the_whole_excursion() -> None:
    """Before and after the delay ran out; below is worse where food is kept hot."""
    assert of(events(csv([6.0] * 40 + [7.5] + [6.0] * 60)), "chiller-hot")[0]["worst_c"] == 7.5
    assert of(events(csv([6.0] * 80 + [7.5] + [6.0] * 20)), "chiller-hot")[0]["worst_c"] == 7.5
    assert of(events(csv([58.0] * 20 + [55.25] + [58.0] * 20), "hot-hold"), "hot-hold-cold")[0]["worst_c"] == 55.25


def test_a_guard_band_counts_values_inside_the_limit_as_beyond() -> None:
    """None by default; half a degree makes 4,6 C too warm for a limit of 5 C; the profile's own do not count."""
    log = csv([4.75] * 90)
    assert of(events(log), "chiller-hot") == []
    assert times(of(events(log, "chiller", "--guard-band", "0.5"), "chiller-hot")) == [(at(0), None, 89.0)]


# --- gaps ------------------------------------------------------------------------------------------------------------


def test_a_gap_is_told_from_row_to_row_and_belongs_to_nobody() -> None:
    """30 minutes too warm, two hours without a row, 29 minutes too warm, 1 more: the delay counts only what was
    measured, and the gap lies in no event's minutes."""
    before, after = [6.0] * 31, [6.0] * 30
    said = events(csv([*before, *[None] * 119, *after]))
    gap = of(said, "gap")
    assert gap == [
        {"kind": "gap", "rule": "no-data", "severity": "critical", "start": at(30 * 60), "end": at(150 * 60),
         "minutes": 120.0, "worst_c": None}
    ]  # fmt: skip
    assert of(said, "chiller-hot") == []
    said = events(csv([*before, *[None] * 119, *after, 6.0]))
    assert times(of(said, "chiller-hot")) == [(at(0), None, 60.0)]


@pytest.mark.parametrize(
    ("missing", "severity"), [(2, None), (3, "warning"), (29, "warning"), (30, "critical"), (400, "critical")]
)
def test_a_gap_is_as_bad_as_the_points_silence_is_long(missing: int, severity: str | None) -> None:
    """Three times the usual distance is none yet; longer than the point's critical silence (30 min) is critical."""
    said = events(csv([3.0, 3.5] * 20 + [None] * missing + [3.0, 3.5] * 20))
    assert [event["severity"] for event in said] == ([] if severity is None else [severity])


def test_the_usual_distance_is_that_of_the_files_own_rows() -> None:
    """A logger of one row in 15 minutes has gaps from 45 minutes on; --max-gap overrules that."""
    rows = [3.0, 3.4] * 4
    assert events(csv([*rows, None, None, *rows], 900)) == []
    assert times(of(events(csv([*rows, None, None, None, *rows], 900)), "gap")) == [(at(7 * 900), at(11 * 900), 60.0)]
    assert len(of(events(csv(rows, 900), "chiller", "--max-gap", "899"), "gap")) == 7
    assert of(events(csv(rows, 900), "chiller", "--max-gap", "900"), "gap") == []
    # Rows every second: a missed minute is no gap, a second more is.
    quick = "\n".join(f"{at(second)},3.{second % 3}" for second in [*range(10), 69, 130])
    assert times(of(events("time,temperature_c\n" + quick), "gap")) == [(at(69), at(130), 1.017)]


def test_a_gap_neither_ends_an_excursion_nor_makes_it_longer() -> None:
    """Too warm for an hour, a gap, and cold again after it: it ended by the first value, minutes without the gap."""
    said = events(csv([6.0] * 61 + [None] * 239 + [3.0] * 10))
    assert times(of(said, "chiller-hot")) == [(at(0), at(300 * 60), 60.0)]
    assert times(of(said, "gap")) == [(at(60 * 60), at(300 * 60), 240.0)]


def test_values_that_are_none_make_a_gap_too() -> None:
    """An hour of a broken cable: from the last temperature to the next; at either end of the file as well."""
    said = events(csv([3.0] * 10 + ["-127"] * 60 + [3.0] * 10))
    assert times(said) == [(at(9 * 60), at(70 * 60), 61.0)]
    said = events(csv(["nan"] * 10 + [3.0] * 5 + [""] * 10))
    assert times(said) == [(at(0), at(600), 10.0), (at(14 * 60), None, 10.0)]


def test_one_value_that_is_none_is_bridged_as_a_missed_row_is() -> None:
    """The value before it holds until the next one, within the longest distance."""
    assert times(of(events(csv([6.0] * 30 + ["85.0"] + [6.0] * 30)), "chiller-hot")) == [(at(0), None, 60.0)]


def test_a_probe_that_was_silent_was_not_stuck() -> None:
    """The same value before and after eight hours without a row proves nothing; six measured hours do."""
    quiet = [3.0] * 60 + [None] * 480 + [3.0] * 60
    assert of(events(csv(quiet)), "stuck") == []
    said = of(events(csv([*quiet, *[3.0] * 300, *[3.5] * 5])), "stuck")
    assert times(said) == [(at(0), at(900 * 60), 419.0)]
    assert said[0]["worst_c"] == 3.0


# --- door, power, rate, sensor ---------------------------------------------------------------------------------------


def contacts(*rows: tuple[float, str, str]) -> str:
    """A chiller at 3 C with its door and power, by minutes; a row a minute."""
    lines, (door, power), waiting = [], ("", ""), list(rows)
    for minute in range(121):
        while waiting and waiting[0][0] <= minute:
            _, door, power = waiting.pop(0)
        lines.append(f"{at(minute * 60)},3.{minute % 4},{door},{power}")
    return "\n".join(["time,temperature_c,door,power", *lines])


@pytest.mark.parametrize(("minutes", "rules"), [(2, 0), (3, 1), (9, 1), (10, 2), (60, 2)])
def test_a_door_is_an_event_once_it_is_open_for_long_enough(minutes: int, rules: int) -> None:
    """3 minutes are a warning, 10 are critical; from opening to closing."""
    said = events(contacts((0, "closed", ""), (10, "open", ""), (10 + minutes, "closed", "")))
    assert [event["rule"] for event in said] == ["chiller-door-open", "chiller-door-open-long"][:rules]
    assert times(said) == [(at(600), at(600 + minutes * 60), minutes)] * rules
    assert all(event["worst_c"] is None for event in said)


def test_a_door_nobody_knows_of_is_not_open() -> None:
    """It counts up to the row that no longer says; what lies after it is unknown."""
    said = events(contacts((10, "open", ""), (15, "", "")))
    assert times(said) == [(at(600), None, 5.0)]


def test_power_that_is_off_is_told_from_off_to_on() -> None:
    """Also where the profile has no row for it; with one, after its time."""
    log = contacts((0, "", "on"), (20, "", "off"), (25, "", "on"), (119, "", "off"))
    said = events(log)
    assert [(event["kind"], event["rule"], event["severity"]) for event in said] == [
        ("power", "power-off", "warning")
    ] * 2
    assert times(said) == [(at(1200), at(1500), 5.0), (at(119 * 60), None, 1.0)]


def test_a_profiles_power_row_decides_how_long_power_may_be_off(tmp_path: Path) -> None:
    """off_s of the row, its id and its severity."""
    own = tmp_path / "own.toml"
    own.write_text(
        'id="OWN"\nversion="1"\ntitle="t"\nextends="ID-MBG"\neffective_from="2026-01-01"\napproved_by="test"\n'
        '[[power]]\nid="power-off"\npoint="*"\nseverity="critical"\noff_s=300\ntext_id="a"\ntext_en="b"\n'
        'action_id="c"\naction_en="d"\nsource="test"\n'
    )
    log = contacts((0, "", "on"), (20, "", "off"), (24, "", "on"), (50, "", "off"), (55, "", "on"))
    said = events(log, profile=str(own))
    assert [(event["rule"], event["severity"], event["start"]) for event in said] == [
        ("power-off", "critical", at(3000))
    ]


def test_a_quick_rise_is_told_unless_the_door_explains_it() -> None:
    """+3 C in ten minutes with the door shut; the same with the door open, or shut for less than ten minutes."""
    values = [2.0] * 20 + [2.0 + n * 0.3 for n in range(10)] + [2.0] * 40
    shut = events(csv(values))
    assert [event["rule"] for event in shut] == ["chiller-rising"]
    assert shut[0]["start"] == at(27 * 60)
    assert shut[0]["worst_c"] == 4.7
    with_door = "\n".join(
        ["time,temperature_c,door"]
        + [f"{at(n * 60)},{value},{'buka' if 19 <= n < 22 else 'tutup'}" for n, value in enumerate(values)]
    )
    assert of(events(with_door), "rate") == []


def test_a_spike_is_no_temperature_and_many_are_an_alarm() -> None:
    """One value far away and back says nothing about food; more than 20 a day are the sensor's own event."""
    calm = [3.0, 3.2, 3.1] * 10
    assert events(csv([*calm, 40.0, *calm])) == []
    # Where rows lie far apart nobody can tell it from an excursion.
    assert {event["kind"] for event in events(csv([*calm, 40.0, *calm], 900))} == {"limit", "rate"}
    said = events(csv(([3.0, 3.2] * 10 + [40.0]) * 22 + [3.0, 3.2]))
    assert {event["kind"] for event in said} == {"spike"}
    assert said[0]["worst_c"] is None


# --- food ------------------------------------------------------------------------------------------------------------


def line(*points: tuple[int, float], every_s: int = 10) -> list[float]:
    """Values on straight lines between (second, C) points."""
    out = []
    for (from_s, from_c), (to_s, to_c) in itertools.pairwise(points):
        out += [from_c + (to_c - from_c) * s / (to_s - from_s) for s in range(0, to_s - from_s, every_s)]
    return [*out, points[-1][1]]


def brief(said: Said) -> list[tuple[Any, ...]]:
    return [(event["kind"], event["severity"], event["end"] is None) for event in said]


def test_cooking_passes_fails_or_is_not_proven() -> None:
    """Hot for long enough passes, and its end is when it passed (F70 of 2 min, by hand: a value holds for 10 s, so 72 C
    is what brings it there); taken out at 68 C fails; unfinished is a warning."""
    done = events(csv(line((0, 20.0), (1200, 80.0), (1300, 80.0), (1400, 40.0)), 10), "cooking")
    assert brief(done) == [("cooking", "ok", False)]
    assert done[0]["rule"] == "undercooked"
    assert done[0]["start"] == at(500)
    assert at(1040) < done[0]["end"] < at(1050)
    assert done[0]["minutes"] * 60 == pytest.approx(545, abs=5)
    raw = events(csv(line((0, 20.0), (1000, 68.0), (1100, 30.0)), 10), "cooking")
    assert brief(raw) == [("cooking", "critical", False)]
    assert raw[0]["worst_c"] == 68.0
    assert brief(events(csv(line((0, 20.0), (1000, 68.0)), 10), "cooking")) == [("cooking", "warning", True)]
    hidden = [*line((0, 20.0), (1000, 68.0)), *[None] * 30, *line((0, 60.0), (200, 30.0))]
    assert brief(of(events(csv(hidden, 10), "cooking"), "cooking")) == [("cooking", "warning", False)]


@pytest.mark.parametrize(
    ("first_s", "second_s", "told"),
    [
        (100 * 60, 230 * 60, ["ok"]),
        (110 * 60, 230 * 60, ["warning", "ok"]),
        (121 * 60, 230 * 60, ["critical"]),
        (100 * 60, 241 * 60, ["critical"]),
    ],
)
def test_cooling_is_judged_in_its_two_stages(first_s: int, second_s: int, told: list[str]) -> None:
    """60 to 21 C in 2 h (a warning from 105 min on), on to 5 C in 4 h more; one result for each run."""
    values = line((0, 62.0), (60, 60.0), (60 + first_s, 21.0), (60 + first_s + second_s, 5.0), every_s=60)
    said = events(csv([*values, 4.0, 4.0]), "cooling")
    assert sorted(event["severity"] for event in said) == sorted(told)
    assert {event["start"] for event in said} == {at(60)}
    if "ok" in told:
        assert {event["end"] for event in said} == {at(60 + first_s + second_s)}
        assert {event["minutes"] for event in said} == {(first_s + second_s) / 60}


def test_cooling_with_a_gap_that_hides_too_much_is_not_proven() -> None:
    """Measured time alone was short enough, with the gap it was not: neither passed nor broken."""
    values = line((0, 62.0), (60, 60.0), (100 * 60, 25.0), every_s=60)
    hidden = [*values, *[None] * 60, *line((0, 20.0), (200 * 60, 5.0), every_s=60), 4.0]
    said = events(csv(hidden), "cooling")
    assert [(event["kind"], event["severity"]) for event in of(said, "cooling")] == [("cooling", "warning")]
    assert len(of(said, "gap")) == 1


def test_reheating_passes_or_fails() -> None:
    """75 C within the hour passes; after the hour it passes with a warning; never above 60 C fails."""
    quick = events(csv(line((0, 4.0), (1800, 78.0), (1900, 70.0)), 10), "reheating")
    assert brief(quick) == [("reheating", "ok", False)]
    slow = events(csv(line((0, 4.0), (5400, 78.0), (5500, 70.0)), 10), "reheating")
    assert sorted(event["severity"] for event in slow) == ["ok", "warning"]
    cold = events(csv(line((0, 4.0), (1800, 60.0), (2400, 20.0)), 10), "reheating")
    assert brief(cold) == [("reheating", "critical", False)]
    assert brief(events(csv(line((0, 4.0), (1800, 74.5)), 10), "reheating")) == [("reheating", "ok", False)]


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["id", "en"])
def test_words_explain_themselves_and_never_say_safe(language: str) -> None:
    """Profile, span, what is unknown, limit, source, what to do and what is not said: for people, in their language."""
    log = csv([6.0] * 90 + [None] * 60 + [3.0, 3.4] * 30)
    status, out, _ = call(log, "--profile", "ID-MBG", "--point", "chiller", "--lang", language)
    assert status == 0
    row = next(row for row in ID_MBG.limit if row.id == "chiller-hot")
    for words in (row.source, "ID-MBG 2026.11", "2026-11-22 00:00", "2026-11-22 02:30"):
        assert words in out
    assert (row.action_id if language == "id" else row.action_en) in out
    assert ("TIDAK DIKETAHUI: 61 menit" if language == "id" else "UNKNOWN: 61 min") in out
    assert ("Yang TIDAK dikatakan" if language == "id" else "does NOT say") in out.splitlines()[-1]
    calm = call(csv([3.0, 3.4] * 40 + [None] * 9 + [3.0]), "--profile", "ID-MBG", "--point", "chiller")[1]
    assert "aman" not in calm.lower()


def test_every_row_that_can_speak_has_its_words() -> None:
    """No event of any shipped point is without its text; kinds of food that were not judged are named."""
    hot = call(csv([20.0] * 200), "--profile", "ID-MBG", "--point", "receiving-chilled", "--lang", "en")[1]
    assert "Not judged, because only for kinds of food" in hot
    assert hot.count("To do: ") == hot.count("CRITICAL") + hot.count("WARNING")


def test_what_a_file_cannot_show_is_said() -> None:
    """One probe of three in a pan; rows too far apart to know a defrost; early warnings that air cannot give."""
    pan = call(csv([20.0, 30.0]), "--profile", "ID-MBG", "--point", "cooking", "--lang", "en")[1]
    assert "wants 3 places measured" in pan
    asked = ("--profile", "ID-MBG", "--point", "freezer", "--sensor", "air", "--lang", "en")
    slow, close = call(csv([-18.0, -18.5] * 9, 600), *asked)[1], call(csv([-18.0, -18.5] * 9, 300), *asked)[1]
    assert "too far apart to know a defrost" in slow
    assert "too far apart" not in close
    assert "freezer-rising" in close
