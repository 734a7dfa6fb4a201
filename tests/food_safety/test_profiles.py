"""The shipped profiles, row by row: their limits through the real rule, their words, sources and order."""

from __future__ import annotations

import runpy
from datetime import date
from pathlib import Path

import msgspec
import pytest

from pawon_edge.config import GuardTable
from pawon_food_safety.limit import LimitEvent, LimitState, Observation, step
from pawon_food_safety.profile import KINDS, MOST_BASES, Profile, ProfileError, load_profile, parse_profile, shipped
from pawon_food_safety.rows import Limit, Row, Spoken
from pawon_server.config import ServerConfig

PROFILES = {name: load_profile(name) for name in sorted(shipped())}
ID_MBG = PROFILES["ID-MBG"]
LIMITS = [pytest.param(limit, id=f"{name}-{limit.id}") for name, profile in PROFILES.items() for limit in profile.limit]
ROWS = [
    pytest.param(row, id=f"{name}-{kind}-{getattr(row, 'id', row.point)}-{number}")
    for name, profile in PROFILES.items()
    for kind in KINDS
    for number, row in enumerate(profile.rows_of(kind))
]
# Less than any of our probes can tell apart, more than a float's noise.
HAIR = 0.01
# A kitchen's reports are never so far apart that one alone would run out a delay.
STEPS = 12


def lasting(value: float, from_ms: int, until_ms: int) -> list[Observation]:
    """A value that is reported from one moment to another, each report believed until well after the next."""
    apart = max(1, (until_ms - from_ms) // STEPS)
    times = sorted({*range(from_ms, until_ms, apart), until_ms})
    return [Observation(at_ms=at, value=value, valid_until_ms=at + 2 * apart) for at in times]


def judge(limit: Limit, series: list[Observation]) -> list[LimitEvent]:
    """All events of a series."""
    state, out = LimitState(), []
    for seen in series:
        state, events = step(limit, state, seen)
        out += events
    return out


def beyond(limit: Limit, by: float) -> float:
    """A value so far on the unsafe side of where readings begin to count; negative: on the safe side."""
    return limit.edge + by * limit.direction


@pytest.mark.parametrize("limit", LIMITS)
def test_at_the_limit_and_inside_it_nothing_ever_happens(limit: Limit) -> None:
    """Three times the delay exactly at the edge, and a hair inside: not a word."""
    long = 3 * round(limit.delay_s * 1000) + 3_600_000
    assert judge(limit, lasting(limit.edge, 0, long)) == []
    assert judge(limit, lasting(beyond(limit, -HAIR), 0, long)) == []


@pytest.mark.parametrize("limit", LIMITS)
def test_a_hair_outside_the_limit_opens_exactly_when_its_delay_is_full(limit: Limit) -> None:
    """A millisecond before the delay is full nothing is open; at the delay it is, dated to the moment. Time
    that counts in all is the same as long as nothing interrupts it."""
    delay_ms = round(limit.delay_s * 1000)
    outside = beyond(limit, HAIR)
    if delay_ms:
        assert judge(limit, lasting(outside, 0, delay_ms - 1)) == []
    events = judge(limit, lasting(outside, 0, delay_ms))
    assert [(event.kind, event.at_ms, event.began_ms) for event in events] == [("opened", delay_ms, 0)]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_guard_band_makes_the_limits_own_value_count(limit: Limit) -> None:
    """Where a probe may be off by the guard band, a reading of exactly the limit may already be beyond; where there is
    none, the limit's own value is safe."""
    events = judge(limit, lasting(limit.value, 0, round(limit.delay_s * 1000)))
    assert [event.kind for event in events] == (["opened"] if limit.guard_band else [])


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_closes_when_values_are_back_by_its_hysteresis_for_its_clearing_time(limit: Limit) -> None:
    """A hair less than the hysteresis never closes; the hysteresis does, exactly when the clearing time is full."""
    opened_ms, clear_ms = round(limit.delay_s * 1000), round(limit.clear_s * 1000)
    worst, back_ms = beyond(limit, 3), opened_ms + 1000
    broken = lasting(worst, 0, opened_ms)
    not_yet = lasting(beyond(limit, HAIR - limit.hysteresis), back_ms, back_ms + clear_ms + 7_200_000)
    assert [event.kind for event in judge(limit, broken + not_yet)] == ["opened"]
    back = beyond(limit, -limit.hysteresis)
    if clear_ms:
        early = judge(limit, broken + lasting(back, back_ms, back_ms + clear_ms - 1))
        assert [event.kind for event in early] == ["opened"]
    events = judge(limit, broken + lasting(back, back_ms, back_ms + clear_ms))
    assert [(event.kind, event.at_ms) for event in events] == [("opened", opened_ms), ("closed", back_ms + clear_ms)]
    assert events[-1].worst == worst


# Profile, point, value that has lasted for days, and how the milder and the worse rule see it. One row of the table of
# limits each, a tenth beside its number; guard bands of 0.5 on what is critical.
VERDICTS = [
    ("ID-MBG", "receiving-chilled", "", 4.0, set()),
    ("ID-MBG", "receiving-chilled", "", 4.1, {"receiving-chilled-warm"}),
    ("ID-MBG", "receiving-chilled", "", 4.6, {"receiving-chilled-warm", "receiving-chilled-hot"}),
    (
        "ID-MBG", "receiving-chilled", "", 6.6,
        {"receiving-chilled-warm", "receiving-chilled-hot", "receiving-chilled-refuse"},
    ),
    ("ID-MBG", "receiving-chilled", "poultry", 3.5, set()),
    ("ID-MBG", "receiving-chilled", "poultry", 3.6, {"receiving-poultry-hot"}),
    ("ID-MBG", "receiving-chilled", "histamine-fish", 3.9, set()),
    ("ID-MBG", "receiving-chilled", "histamine-fish", 4.0, {"receiving-fish-hot"}),
    ("ID-MBG", "receiving-frozen", "", -18.0, set()),
    ("ID-MBG", "receiving-frozen", "", -17.9, {"receiving-frozen-soft"}),
    ("ID-MBG", "receiving-frozen", "", -12.4, {"receiving-frozen-soft", "receiving-frozen-hot"}),
    ("ID-MBG", "receiving-hot", "", 63.0, set()),
    ("ID-MBG", "receiving-hot", "", 62.9, {"receiving-hot-cool"}),
    ("ID-MBG", "receiving-hot", "", 60.4, {"receiving-hot-cool", "receiving-hot-cold"}),
    ("ID-MBG", "chiller", "", 4.0, set()),
    ("ID-MBG", "chiller", "", 4.1, {"chiller-warm"}),
    ("ID-MBG", "chiller", "", 4.6, {"chiller-warm", "chiller-hot"}),
    ("ID-MBG", "chiller", "", 7.6, {"chiller-warm", "chiller-hot", "chiller-very-hot"}),
    ("ID-MBG", "retained-sample", "", 4.1, {"retained-sample-warm"}),
    ("ID-MBG", "retained-sample", "", 4.6, {"retained-sample-warm", "retained-sample-hot"}),
    ("ID-MBG", "freezer", "", -15.0, set()),
    ("ID-MBG", "freezer", "", -14.9, {"freezer-soft"}),
    ("ID-MBG", "freezer", "", -12.4, {"freezer-soft", "freezer-hot"}),
    ("ID-MBG", "freezer", "", -5.4, {"freezer-soft", "freezer-hot", "freezer-thawed"}),
    ("ID-MBG", "thawing-water", "", 20.6, {"thawing-water-hot"}),
    ("ID-MBG", "hot-hold", "", 63.0, set()),
    ("ID-MBG", "hot-hold", "", 62.9, {"hot-hold-cool"}),
    ("ID-MBG", "hot-hold", "", 60.4, {"hot-hold-cool", "hot-hold-cold"}),
    ("ID-MBG", "hot-hold", "rich", 66.0, set()),
    ("ID-MBG", "hot-hold", "rich", 65.9, {"hot-hold-rich-cold"}),
    ("ID-MBG", "dispatch", "", 62.9, {"dispatch-cool"}),
    ("ID-MBG", "dispatch", "", 60.4, {"dispatch-cool", "dispatch-cold"}),
    ("ID-MBG", "dispatch-cold", "", 4.6, {"dispatch-cold-warm"}),
    ("ID-MBG", "warewashing", "", 82.5, set()),
    ("ID-MBG", "warewashing", "", 82.4, {"rinse-cold"}),
    ("ID-MBG", "warewashing", "", 79.9, {"rinse-cool", "rinse-cold"}),
    ("ID-MBG", "warewashing-surface", "", 71.4, {"tray-surface-cold"}),
    ("ID-MBG", "warewashing-manual", "", 77.4, {"dip-cold"}),
    ("ID-MBG", "dry-store", "", 28.1, {"dry-store-warm"}),
    ("ID-MBG", "dry-store", "", 29.6, {"dry-store-warm", "dry-store-hot"}),
    ("FDA-2022", "chiller", "", 4.6, {"chiller-hot"}),
    ("FDA-2022", "hot-hold", "", 57.5, set()),
    ("FDA-2022", "hot-hold", "", 57.4, {"hot-hold-below-57"}),
    ("FDA-2022", "receiving-hot", "", 57.4, {"receiving-hot-below-57"}),
    ("FSANZ", "chiller", "", 4.6, {"chiller-hot"}),
    ("FSANZ", "hot-hold", "", 60.4, {"hot-hold-cold"}),
    ("UK", "chiller", "", 7.5, set()),
    ("UK", "chiller", "", 7.6, {"chiller-hot"}),
    ("UK", "hot-hold", "", 63.4, {"hot-hold-below-63"}),
    ("UK", "receiving-chilled", "", 20.0, set()),
    ("UK", "receiving-chilled", "poultry", 3.6, {"receiving-poultry-hot"}),
    ("UK", "receiving-chilled", "mince", 1.6, {"receiving-mince-hot"}),
    ("UK", "receiving-chilled", "offal", 2.6, {"receiving-offal-hot"}),
    ("UK", "receiving-chilled", "meat", 6.6, {"receiving-meat-hot"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "point", "food", "value", "broken"), VERDICTS)
def test_a_lasting_temperature_breaks_what_the_code_says(
    name: str, point: str, food: str, value: float, broken: set[str]
) -> None:
    """The numbers are those of the table of limits, and a food class adds its own to those of all food."""
    limits = PROFILES[name].limits_at(point, "temperature_c", food)
    series = lasting(value, 0, 2 * 86_400_000)
    assert {limit.id for limit in limits if judge(limit, series)} == broken


@pytest.mark.parametrize(
    ("quantity", "value", "broken"),
    [
        ("chlorine_ppm", 49.9, {"chlorine-weak"}),
        ("chlorine_ppm", 50.0, set()),
        ("chlorine_ppm", 200.0, set()),
        ("chlorine_ppm", 200.1, {"chlorine-strong"}),
        ("contact_s", 6.9, {"sanitizer-too-short"}),
        ("contact_s", 7.0, set()),
    ],
)
def test_the_sanitizer_is_neither_weak_nor_strong_nor_hasty(quantity: str, value: float, broken: set[str]) -> None:
    """Chlorine of 50 to 200 ppm, for 7 s."""
    limits = ID_MBG.limits_at("sanitizer", quantity)
    assert {limit.id for limit in limits if judge(limit, lasting(value, 0, 1000))} == broken


def test_the_default_profile_speaks_of_every_point_of_a_kitchen() -> None:
    """From the delivery to the dry store, no control point is left to memory, and every kind of rule has its rows."""
    points = {
        "receiving-chilled", "receiving-frozen", "receiving-hot", "chiller", "freezer", "retained-sample", "thawing",
        "cooking", "cooling", "reheating", "hot-hold", "dispatch", "serving", "warewashing", "sanitizer", "dry-store",
    }  # fmt: skip
    assert points <= set(ID_MBG.points)
    assert [kind for kind in KINDS if not ID_MBG.rows_of(kind)] == []


def test_the_patience_of_the_default_profile() -> None:
    """Minutes that a limit lets pass, as in the table of limits; measured once, in the food, it lets none pass."""
    patience = {
        "chiller-warm": 30, "chiller-hot": 60, "chiller-very-hot": 15, "retained-sample-warm": 30,
        "retained-sample-hot": 60, "freezer-soft": 60, "freezer-hot": 30, "freezer-thawed": 20, "hot-hold-cool": 10,
        "hot-hold-cold": 10, "hot-hold-rich-cold": 10, "thawing-too-long": 240, "rinse-cold": 2, "dip-cold": 0.5,
        "dry-store-warm": 60, "dry-store-damp": 60, "dry-store-hot": 1440, "dry-store-wet": 1440,
    }  # fmt: skip
    assert {row.id: row.delay_s / 60 for row in ID_MBG.limit if row.delay_s} == patience
    assert [(row.id, row.reset_s) for row in ID_MBG.limit if row.count == "cumulative"] == [("thawing-too-long", 86400)]
    assert [(row.id, row.open_s / 60) for row in ID_MBG.door] == [
        ("chiller-door-open", 3), ("chiller-door-open-long", 10), ("freezer-door-open", 3),
        ("freezer-door-open-long", 10),
    ]  # fmt: skip
    assert {(row.point, row.tau_s) for row in ID_MBG.buffer} == {
        ("chiller", 2700), ("freezer", 2700), ("retained-sample", 2700),
    }  # fmt: skip
    assert {(row.kind, row.every_days, row.tolerance_c) for row in ID_MBG.calibration} == {
        ("hand", 7, 1.0), ("fixed", 180, 0.5), ("reference", 365, 0.5),
    }  # fmt: skip


def test_the_clocks_of_cooked_food() -> None:
    """3 h warn, 4 h end the serving, 6 h end the food and nobody may allow more; cooked from midnight on; 4 h in the
    danger zone throw food away."""
    assert [(row.age_s / 3600, row.severity, row.absolute) for row in ID_MBG.serving] == [
        (3, "warning", False), (4, "critical", False), (6, "critical", True),
    ]  # fmt: skip
    assert [row.not_before for row in ID_MBG.too_early] == ["00:00"]
    assert [(row.low_c, row.high_c) for row in ID_MBG.exposure] == [(5, 60)]
    for point in ("*", "chiller", "hot-hold"):
        rungs = [(row.from_s / 3600, row.disposition) for row in ID_MBG.ladder if row.point == point]
        assert [hours for hours, _ in rungs] == [0, 2, 4]
        assert rungs[-1] == (4, "discard")
    assert [(row.mass_g, row.keep_s / 3600, row.least_s / 3600) for row in ID_MBG.retention] == [(150, 72, 48)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_says_by_whose_word_it_judges(row: Row) -> None:
    """A source, the day it holds from, who approved it; and no row claims to be law whose text was not seen."""
    assert len(row.source) > 5
    assert row.approved_by
    assert date.fromisoformat(row.effective_from) <= date(2026, 11, 30)
    assert row.certainty in ("source", "practice")
    assert row.certainty != "source" or "text not seen" not in row.source


@pytest.mark.parametrize("row", [case for case in ROWS if hasattr(case.values[0], "action_id")])
def test_what_to_do_is_said_in_few_plain_words(row: Row) -> None:
    """At most twelve Indonesian words, and only signs that a short SMS can carry."""
    words = [getattr(row, field) for field in ("action_id", "action_en", "text_id", "text_en") if hasattr(row, field)]
    assert len(words[0].split()) <= 12
    assert all(text.isascii() for text in words)
    assert len(set(words)) == len(words)


def test_one_id_says_one_thing_in_every_profile() -> None:
    """Dashboards name incidents by their rule's id, whatever profile a kitchen judges by."""
    said: dict[str, set[str]] = {}
    for profile in PROFILES.values():
        for row in (row for kind in KINDS for row in profile.rows_of(kind)):
            if isinstance(row, Spoken):
                said.setdefault(row.id, set()).add(row.text_id)
    assert {name: texts for name, texts in said.items() if len(texts) > 1} == {}


def test_guard_bands_stand_on_what_decides() -> None:
    """Half a degree on every critical temperature, nothing on warnings and on other quantities."""
    for profile in PROFILES.values():
        for limit in profile.limit:
            critical = limit.severity == "critical" and limit.quantity == "temperature_c"
            assert limit.guard_band == (0.5 if critical else 0.0), limit.id


def test_rows_that_begin_later_are_not_yet_in_force() -> None:
    """A row holds from its day on, that day included; one of an earlier profile that names no day always does."""
    limits = [
        msgspec.structs.replace(ID_MBG.limit[0], effective_from="2027-01-01"),
        msgspec.structs.replace(ID_MBG.limit[1], effective_from=""),
    ]
    profile = msgspec.structs.replace(ID_MBG, limit=limits)
    assert profile.effective(date(2026, 12, 31)).limit == limits[1:]
    assert profile.effective(date(2027, 1, 1)).limit == limits
    assert ID_MBG.effective(date(2026, 11, 22)) == ID_MBG


def mistakes(text: str) -> list[str]:
    """What is wrong with a profile."""
    with pytest.raises(ProfileError) as caught:
        parse_profile(text)
    return caught.value.problems


HEAD = """
id = "OURS"
version = "1"
title = "Ours"
effective_from = "2026-01-01"
approved_by = "Kepala dapur"
"""
LIMIT = """
[[limit]]
id = "{id}"
point = "chiller"
quantity = "temperature_c"
severity = "{severity}"
above = {above}
unit = "C"
delay_s = {delay_s}
hysteresis = 0.5
clear_s = 0
text_id = "a"
text_en = "b"
action_id = "c"
action_en = "d"
source = "{source}"
"""


def limit(name: str, severity: str, above: str, delay_s: int, source: str = "Buku dapur") -> str:
    """A limit of a profile of one's own."""
    return LIMIT.format(id=name, severity=severity, above=above, delay_s=delay_s, source=source)


def test_all_mistakes_of_single_rows_are_told_at_once() -> None:
    """A missing source, a bad day, a number that is none, a row that runs backwards, a wrong kind: one line each."""
    text = HEAD.replace("2026-01-01", "soon") + limit("a", "warning", "nan", 60, source="-")
    text += '[[exposure]]\npoint = "*"\nlow_c = 60\nhigh_c = 5\nsource = "x"\neffective_from = "2026-01-01"\n'
    text += '[[silence]]\npoint = "*"\nwarning_s = "long"\ncritical_s = 5\n'
    assert mistakes(text) == [
        "silence[0]: Expected `float`, got `str` - at `$.warning_s`",
        "limit a: above must be a finite number",
        "limit a: source is missing",
        "limit a: effective_from must be a date like 2025-10-01",
        "exposure *: low_c lies above high_c",
    ]
    assert mistakes(HEAD.replace("Kepala dapur", "") + limit("a", "warning", "4.0", 60)) == [
        "limit a: approved_by is missing"
    ]


def test_a_warning_that_cannot_warn_is_a_mistake() -> None:
    """It lies beyond the critical limit and waits as long; waiting shorter, or lying inside, it warns."""
    critical = limit("hot", "critical", "5.0", 3600)
    assert mistakes(HEAD + limit("warm", "warning", "6.0", 3600) + critical) == [
        "limit warm: warns beyond the critical hot and waits no shorter"
    ]
    assert parse_profile(HEAD + limit("warm", "warning", "6.0", 60) + critical).limit
    assert parse_profile(HEAD + limit("warm", "warning", "4.0", 7200) + critical).limit


def test_a_ladder_goes_one_way() -> None:
    """Rungs in order of time, and never a milder one after a worse one."""
    rung = (
        '[[ladder]]\npoint = "chiller"\nfrom_s = {}\ndisposition = "{}"\naction_id = "a"\naction_en = "b"\n'
        'source = "x"\n'
    )
    assert mistakes(HEAD + rung.format(7200, "hold") + rung.format(0, "discard") + rung.format(1, "use")) == [
        "ladder chiller: from_s 0 does not come after 7200",
        "ladder chiller: use after discard is milder",
    ]


def test_the_demonstration_is_nobodys_default_and_shortens_nobody_elses_time() -> None:
    """No program judges by it unasked; what extends it, or shortens time, is a demonstration itself."""
    assert not load_profile(ServerConfig.model_fields["profile"].default).demo
    assert not load_profile(GuardTable.model_fields["profile"].default).demo
    assert mistakes(HEAD + 'extends = "DEMO"\n') == [
        "extends: DEMO is a demonstration, so this one is too: demo = true"
    ]
    assert mistakes(HEAD + "time_divisor = 2\n" + limit("a", "warning", "4.0", 60)) == [
        "time_divisor: only a demonstration (demo = true) shortens times"
    ]


def test_a_profile_that_extends_itself_is_a_mistake(tmp_path: Path) -> None:
    """A circle is told, not walked for ever; a short chain is read."""
    path = tmp_path / "ours.toml"
    path.write_text(HEAD + f'extends = "{path}"\n')
    with pytest.raises(ProfileError, match=f"more than {MOST_BASES} profiles"):
        load_profile(str(path))
    path.write_text(HEAD + 'extends = "ID-MBG"\n' + limit("chiller-hot", "critical", "4.5", 60))
    ours = load_profile(str(path))
    assert [row.value for row in ours.limit if row.id == "chiller-hot"] == [4.5]
    assert len(ours.limit) == len(ID_MBG.limit)
    path.write_bytes(b"\xff")
    with pytest.raises(ProfileError, match="not TOML"):
        load_profile(str(path))


def test_an_id_stands_once_in_a_profile_and_what_it_extends() -> None:
    """Another kind of row cannot take the name of an inherited one: an incident would not say which it was."""
    door = (
        'extends = "ID-MBG"\n[[door]]\nid = "chiller-hot"\npoint = "chiller"\nseverity = "warning"\nopen_s = 60\n'
        'text_id = "a"\ntext_en = "b"\naction_id = "c"\naction_en = "d"\nsource = "x"\n'
    )
    assert mistakes(HEAD + door) == ["chiller-hot: id used twice"]


def test_a_profile_survives_its_journal_entry() -> None:
    """What an incident was judged by comes back from the journal as it was."""
    for profile in PROFILES.values():
        assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile


def test_the_page_of_profiles_is_that_of_the_data() -> None:
    """Nobody has typed a number into docs/profiles.md, and no row is newer than the page."""
    root = Path(__file__).resolve().parents[2]
    script = runpy.run_path(str(root / "scripts/profiles.py"))
    assert script["TARGET"].read_text() == script["text"]()
