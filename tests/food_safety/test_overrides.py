"""A kitchen's overrides: stricter is free, laxer needs a source and an approval, and the version tells."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_food_safety.overrides import adjust, overrides_of
from pawon_food_safety.profile import KINDS, Profile, ProfileError, load_profile, parse_profile
from pawon_food_safety.rows import Limit

ID_MBG = load_profile("ID-MBG")
CRITICAL = st.sampled_from(
    [row for name in ("ID-MBG", "FDA-2022", "FSANZ", "UK") for row in load_profile(name).limit]
).filter(lambda row: row.severity == "critical")
SAID = {"source": "Buku dapur, halaman 3", "approved_by": "Ahli gizi dapur"}


def problems(profile: Profile, *overrides: dict[str, Any]) -> list[str]:
    """Why a profile refuses these overrides."""
    with pytest.raises(ProfileError) as caught:
        adjust(profile, overrides)
    return caught.value.problems


def alone(limit: Limit) -> Profile:
    """A profile of this one limit."""
    return Profile(id="ONE", version="7", title="One", limit=[limit])


def side(limit: Limit) -> str:
    """The name of the limit's number."""
    return "above" if limit.above is not None else "below"


@st.composite
def stricter(draw: st.DrawFn, limit: Limit) -> dict[str, Any]:
    """Any subset of a limit's fields, each moved to the safe side or where no side is safer."""
    inward = draw(st.floats(0, 20)) * -limit.direction
    fields = {
        side(limit): limit.value + inward,
        "guard_band": draw(st.floats(limit.guard_band, 10)),
        "delay_s": limit.delay_s * draw(st.floats(0, 1)),
        "count": "cumulative",
        "reset_s": draw(st.floats(limit.reset_s, 7 * 24 * 3600)) if limit.reset_s else 0,
        "hysteresis": draw(st.floats(0, 5)),
        "clear_s": draw(st.floats(0, 3600)),
        "severity": "critical",
        "text_id": "Batas dapur sendiri",
    }
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), min_size=1))
    return {"id": limit.id, **{name: fields[name] for name in chosen}}


@st.composite
def looser(draw: st.DrawFn, limit: Limit) -> dict[str, Any]:
    """At least one field of a limit on the unsafe side."""
    fields: dict[str, Any] = {
        side(limit): limit.value + draw(st.floats(0.01, 20)) * limit.direction,
        "delay_s": limit.delay_s + draw(st.floats(1, 3600)),
        "severity": "warning",
        "effective_from": "2031-01-01",
    }
    if limit.guard_band:
        fields["guard_band"] = limit.guard_band * draw(st.floats(0, 0.9))
    if limit.count == "cumulative":
        fields["count"] = "uninterrupted"
        fields["reset_s"] = limit.reset_s * draw(st.floats(0.01, 0.9))
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), min_size=1))
    # Shorter than never: told only while the count stays one that sums up.
    chosen -= {"reset_s"} if "count" in chosen else set()
    return {"id": limit.id, **{name: fields[name] for name in chosen}}


@given(st.data(), CRITICAL)
def test_a_stricter_override_is_never_refused_for_being_strict(data: st.DataObject, limit: Limit) -> None:
    """Whatever a kitchen asks more of itself it gets, without asking anybody."""
    override = data.draw(stricter(limit))
    ours = adjust(alone(limit), [override])
    for name, value in override.items():
        assert getattr(ours.limit[0], name) == value


@given(st.data(), CRITICAL, st.sampled_from([{}, {"source": SAID["source"]}, {"approved_by": SAID["approved_by"]}]))
def test_a_laxer_override_needs_both_a_source_and_an_approval(
    data: st.DataObject, limit: Limit, half: dict[str, str]
) -> None:
    """With neither or one of them it is always refused, also beside stricter fields; with both it is taken."""
    lax = data.draw(looser(limit))
    told = problems(alone(limit), {"hysteresis": 0.0, **lax, **half})
    assert told
    assert all("say source and approved_by" in problem for problem in told)
    ours = adjust(alone(limit), [{**lax, **SAID}]).limit[0]
    assert (ours.source, ours.approved_by) == (SAID["source"], SAID["approved_by"])


# One critical row, or one that decides about food, of every kind: a step to its laxer side.
LAX = [
    ("limit", {"id": "chiller-hot", "above": 5.1}),
    ("limit", {"id": "hot-hold-cold", "below": 59.0}),
    ("rate", {"id": "our-rate", "change_c": 3.0}),
    ("door", {"id": "chiller-door-open-long", "open_s": 900}),
    ("buffer", {"table": "buffer", "point": "chiller", "tau_s": 3600}),
    ("defrost", {"id": "freezer-defrosts", "ceiling_c": 8.0}),
    ("cooking", {"id": "undercooked", "core_c": 74.0}),
    ("cooling", {"id": "cooled-too-slowly", "first_s": 9000}),
    ("reheating", {"id": "reheated-badly", "times": 2}),
    ("serving", {"id": "served-6h", "absolute": False}),
    ("too_early", {"id": "our-too-early", "not_before": "01:00"}),
    ("exposure", {"table": "exposure", "point": "*", "high_c": 57.0}),
    ("ladder", {"table": "ladder", "point": "chiller", "from_s": 14400, "disposition": "hold"}),
    ("retention", {"id": "sample-missing", "least_s": 86400}),
    ("stuck", {"id": "our-stuck", "for_s": 43200}),
    ("spike", {"id": "our-spike", "most_a_day": 40}),
    ("silence", {"table": "silence", "point": "chiller", "critical_s": 3600}),
    ("calibration", {"table": "calibration", "point": "*", "kind": "fixed", "every_days": 365}),
]
OURS = """
id = "OURS"
version = "1"
title = "Ours"
extends = "ID-MBG"
effective_from = "2026-01-01"
approved_by = "Kepala dapur"
"""
ROW = """
[[{kind}]]
id = "our-{name}"
point = "chiller"
severity = "critical"
text_id = "a"
text_en = "b"
action_id = "c"
action_en = "d"
source = "Buku dapur"
{fields}
"""
WITH_ALL_CRITICAL = parse_profile(
    OURS
    + ROW.format(kind="rate", name="rate", fields="change_c = 2.0\nwithin_s = 900")
    + ROW.format(kind="too_early", name="too-early", fields='not_before = "02:00"')
    + ROW.format(kind="stuck", name="stuck", fields="within_c = 0.06\nfor_s = 21600")
    + ROW.format(kind="spike", name="spike", fields="jump_c = 10.0\nmost_a_day = 20")
)


@pytest.mark.parametrize(("kind", "override"), LAX, ids=[kind for kind, _ in LAX])
def test_no_kind_of_row_gets_laxer_in_silence(kind: str, override: dict[str, Any]) -> None:
    """Doors, ladders, samples, silence: what decides is as guarded as a limit; approved, it is taken."""
    assert "say source and approved_by" in problems(WITH_ALL_CRITICAL, override)[0]
    ours = adjust(WITH_ALL_CRITICAL, [{**override, **SAID}])
    assert [name for name in KINDS if ours.rows_of(name) != WITH_ALL_CRITICAL.rows_of(name)] == [kind]


def test_a_dash_is_no_source_and_no_approval() -> None:
    """Filling the fields with nothing does not open the way."""
    told = problems(ID_MBG, {"id": "chiller-hot", "above": 6.0, "source": " ", "approved_by": "-"})
    assert [problem.split(": ")[-1] for problem in told] == ["source is missing", "approved_by is missing"]


def test_every_kind_of_row_is_tried() -> None:
    """A kind that nobody guards would be a way around all others."""
    assert {kind for kind, _ in LAX} == set(KINDS)


def test_a_warning_may_be_anything() -> None:
    """It decides nothing."""
    ours = adjust(ID_MBG, [{"id": "chiller-warm", "above": 4.5, "delay_s": 3600}, {"id": "served-3h", "age_s": 12600}])
    assert (ours.limit[0].value, ours.limit[0].delay_s) == (4.5, 3600)


def test_a_smaller_guard_band_beside_a_stricter_number_is_judged_by_where_readings_count() -> None:
    """4.2 C without a band is stricter than 5 C with half a degree; 4.8 C without one is not."""
    assert adjust(ID_MBG, [{"id": "chiller-hot", "above": 4.2, "guard_band": 0.0}])
    assert problems(ID_MBG, {"id": "chiller-hot", "above": 4.8, "guard_band": 0.0}) == [
        "override[0].guard_band: chiller-hot would be laxer; say source and approved_by beside it"
    ]


def test_only_the_row_that_is_meant_changes_and_it_says_so() -> None:
    """The old source no longer stands behind the new number, nor the old approval."""
    ours = adjust(ID_MBG, [{"id": "chiller-hot", "above": 4.5}])
    changed = [new for old, new in zip(ID_MBG.limit, ours.limit, strict=True) if old != new]
    assert [(row.id, row.value, row.delay_s) for row in changed] == [("chiller-hot", 4.5, 3600)]
    assert changed[0].source.startswith("the kitchen's own, instead of: Cold holding")
    assert (changed[0].certainty, changed[0].approved_by) == ("practice", "the kitchen's configuration")
    worded = adjust(ID_MBG, [{"id": "chiller-hot", "action_id": "Panggil Bu Kepala."}])
    assert next(row for row in worded.limit if row.id == "chiller-hot").source == ID_MBG.limit[1].source


def test_the_version_names_the_change() -> None:
    """The same overrides in any order give the same version, others another; none, the profile itself."""
    one, two = {"id": "chiller-hot", "above": 4.5}, {"id": "freezer-hot", "above": -13.0}
    assert re.fullmatch(r"2026\.11\+[0-9a-f]{8}", adjust(ID_MBG, [one]).version)
    assert adjust(ID_MBG, [one, two]).version == adjust(ID_MBG, [two, one]).version
    assert len({adjust(ID_MBG, own).version for own in ([one], [two], [one, two], [{**one, "above": 4.4}])}) == 4
    assert adjust(ID_MBG, []) is ID_MBG


def test_times_are_real_where_the_profile_shortens_them() -> None:
    """The demonstration's kitchen says minutes as every kitchen does; no override makes its minute a minute again."""
    demo = load_profile("DEMO")
    ours = adjust(demo, [
        {"id": "chiller-hot", "delay_s": 1800},
        {"table": "ladder", "point": "chiller", "from_s": 7200, "action_id": "Ukur suhu inti."},
    ])  # fmt: skip
    assert next(row for row in ours.limit if row.id == "chiller-hot").delay_s == 30
    assert next(row for row in ours.ladder if row.action_id == "Ukur suhu inti.").from_s == 120
    assert "laxer" in problems(demo, {"id": "chiller-hot", "delay_s": 3660})[0]


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    """A row that is not there, wrong kinds, a second word about a row, what cannot be changed, no number, no change."""
    told = problems(
        ID_MBG,
        {"id": "chiller-lukewarm", "above": 3.0},
        {"id": "chiller-warm", "above": "four", "delay_s": -1, "colour": "red"},
        {"id": "chiller-hot", "above": float("nan")},
        {"id": "chiller-hot", "above": 4.0},
        {"id": "freezer-hot", "below": -20.0},
        {"id": "hot-hold-cold", "point": "chiller", "food": "rich"},
        {"id": "freezer-soft"},
        {"table": "limit", "point": "chiller", "above": 3.0},
        {"table": "calibration", "point": "*", "kind": "lunar", "every_days": 1},
        {"above": 3.0},
        {"id": ["chiller-warm"], "above": 3.0},
    )
    assert [problem.split(":")[0] for problem in told] == [
        "override[0]", "override[1].above", "override[1].delay_s", "override[1].colour", "override[2].chiller-hot",
        "override[3]", "override[4].freezer-hot", "override[5].food", "override[5].point", "override[6].freezer-soft",
        "override[7]", "override[8]", "override[9]", "override[10]",
    ]  # fmt: skip
    assert "finite" in told[4]
    assert "same row as override[2]" in told[5]
    assert "exactly one of above, below" in told[6]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["id", "table", "point", "above", "delay_s", "from_s", "kind", "severity", "x"]),
            st.one_of(
                st.sampled_from([*KINDS, "chiller-hot", "chiller", "*"]), st.floats(), st.integers(), st.booleans(),
                st.lists(st.integers()), st.none(), st.dates(),
            ),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_whatever_stands_there_is_taken_or_told(overrides: list[dict[str, Any]]) -> None:
    """Nonsense is a list of mistakes, never another exception, and never a critical limit that is laxer in silence."""
    try:
        ours = adjust(ID_MBG, overrides)
    except ProfileError as error:
        told = error.problems
        ours = ID_MBG
    else:
        told = []
    assert told or ours.version != ID_MBG.version or not overrides
    for old, new in zip(ID_MBG.limit, ours.limit, strict=True):
        assert old.severity == "warning" or (old.excess(new.value) <= 0 and new.delay_s <= old.delay_s)


def test_a_file_without_override_tables_has_none() -> None:
    """What is no array of tables is told by the file's own reader, beside everything else."""
    assert overrides_of({"override": [{"id": "x"}]}) == [{"id": "x"}]
    for wrong in ({}, {"override": "x"}, {"override": {"id": "x"}}, {"override": [1]}):
        assert overrides_of(wrong) == []
