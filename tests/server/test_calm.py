"""A sensor at rest is judged in a few comparisons: that must change nothing in what its rules know and tell."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.server.conftest import BOOK

from pawon_contract.messages import Reading
from pawon_food_safety.limit import LimitState, Observation, at_rest, calm_band, rebase, resting, step
from pawon_server.projections.context import Arrival, Changes
from pawon_server.projections.excursions import Excursions
from pawon_server.projections.incident_rows import IncidentRows

CHILLER = BOOK.settings.sensors[0]
LIMITS = BOOK.profile.limits_at("chiller", "temperature_c")
MINUTE = 60_000
BOOTS = ("3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6", "11111111-2222-3333-4444-555555555555")


class Kept(IncidentRows):
    """Incident rows that are only remembered."""

    def __init__(self) -> None:
        super().__init__("dapur-uji")
        self.told: list[tuple[object, ...]] = []

    def open(self, *_: object, **columns: Any) -> None:
        """An incident began."""
        self.told.append(("opened", columns["rule"], columns["began_ms"], columns["worst"]))

    def change(self, *_: object, **columns: object) -> None:
        """Something about it changed."""
        self.told.append(("worsened", columns["worst"]))

    def close(self, *_: object, **__: object) -> None:
        """It is over."""

    def page(self, *_: object, **__: object) -> None:
        """Somebody is told late."""

    def alert(self, *_: object, **__: object) -> None:
        """Somebody would be told."""


def nobody_cooks(*_: object, **__: object) -> None:
    """These probes lie in a chiller."""
    raise AssertionError


def arrival(boot: str, journal_id: int) -> Arrival:
    """A batch of one reading that came at once."""
    return Arrival(
        journal_id=journal_id, received_ms=0, gateway="gw-1", spool="0" * 20, boot=boot, offset_ms=1_000 * journal_id,
        clock="synced", error_ms=0, sent_ms=None,
    )  # fmt: skip


degrees = st.sampled_from([1.0, 3.9, 4.0, 4.0 + 1e-7, 4.1, 4.5, 5.0, 5.1, 8.0, 9.0])
reports = st.lists(
    st.tuples(st.integers(-1, 40), degrees, st.none() | degrees, st.none() | degrees, st.booleans(), st.booleans()),
    max_size=60,
)


@given(reports=reports)
def test_rules_know_the_same_as_if_they_had_seen_every_reading(
    reports: list[tuple[int, float, float | None, float | None, bool, bool]],
) -> None:
    """Any series, over boots, with readings out of order and commits in between: the states, and what was told, are
    those of ``step`` on each observation."""
    rows = Kept()
    excursions = Excursions("dapur-uji", rows, nobody_cooks, nobody_cooks)
    states = {limit.id: LimitState() for limit in LIMITS}
    expected: list[tuple[object, ...]] = []
    boot, at_ms, offset_ms = 0, 0, None
    connection = cast("Connection", None)  # nothing below asks a store
    for number, (minutes, value, low, high, again, commit) in enumerate(reports):
        boot = 1 if again else boot
        at_ms = max(0, at_ms + minutes * MINUTE)
        item = Reading(at_ms=at_ms, sensor="chiller-1", quantity="temperature_c", value=value, low=low, high=high)
        come = arrival(BOOTS[boot], number)
        seen = Observation(at_ms=at_ms, value=value, valid_until_ms=at_ms + item.valid_ms, low=low, high=high)
        for limit in LIMITS:
            if offset_ms is not None and offset_ms[0] != boot:
                states[limit.id] = rebase(states[limit.id], offset_ms[1] - come.offset_ms, at_ms)
            states[limit.id], events = step(limit, states[limit.id], seen)
            expected += [
                ("opened", limit.id, come.utc_ms(event.began_ms), event.worst) if event.kind == "opened"
                else ("worsened", event.worst)
                for event in events if event.kind != "closed"
            ]  # fmt: skip
        offset_ms = (boot, come.offset_ms)
        excursions.judge(connection, BOOK, CHILLER, come, number, item, Changes())
        if commit:
            excursions._judged["chiller-1"].remembered()
    known = {name: one.remembered().point.limits for name, one in excursions._judged.items()}
    assert known == ({} if not reports else {"chiller-1": states})
    assert rows.told == expected


@given(value=degrees, low=degrees, high=degrees, last=degrees)
def test_within_the_calm_band_only_the_last_observation_changes(
    value: float, low: float, high: float, last: float
) -> None:
    """What lies within the band leaves every rule at rest; what ``step`` takes out of rest lies outside it."""
    lowest, highest = calm_band(LIMITS)
    seen = Observation(at_ms=2_000, value=value, valid_until_ms=9_000, low=low, high=high)
    within = lowest <= min(value, low) and max(value, high) <= highest
    for limit in LIMITS:
        state, events = step(limit, resting(1_000, last, 5_000), seen)
        if within:
            assert (state, events) == (resting(2_000, value, 9_000), [])
        if not at_rest(state):
            assert not within
