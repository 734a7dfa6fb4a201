"""A sensor that only repeats itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pawon_contract.messages import SensorFault
from pawon_edge.health import Health
from pawon_edge.intake import Intake, SensorLine
from pawon_edge.reporting import Reporter
from pawon_edge.sample import Sample
from pawon_edge.stillness import SAME, Stillness

FROZEN_MS = 21_600_000


def test_six_hours_without_a_change_are_a_fault_and_a_change_ends_it() -> None:
    """A probe that hangs at a good value is not a good chiller: the fault has its value, nothing is shown any more."""
    line = SensorLine(
        quantity="temperature_c",
        reporter=Reporter(sensor="chiller-1", step=0.2, heartbeat_s=60),
        health=Health(sensor="chiller-1", fault_after_ms=30_000, started_ms=0),
        stillness=Stillness(frozen_ms=FROZEN_MS),
    )
    intake, told = Intake(lines={"chiller-1": line}), []
    for at_ms in range(0, FROZEN_MS + 120_000, 10_000):
        rows, _ = intake.take(Sample(sensor="chiller-1", at_ms=at_ms, quantity="temperature_c", value=3.0))
        told += [row for row in rows + intake.tick(at_ms) if isinstance(row, SensorFault)]
    assert told
    assert {(fault.fault, fault.cleared) for fault in told} == {("frozen", False)}
    assert told[0].at_ms <= FROZEN_MS + 30_000
    assert "3" in told[0].detail
    assert intake.live() == []
    rows, live = intake.take(Sample(sensor="chiller-1", at_ms=FROZEN_MS + 130_000, quantity="temperature_c", value=3.2))
    assert [row.cleared for row in rows if isinstance(row, SensorFault)] == [True]
    assert live is not None
    assert intake.health(FROZEN_MS + 130_000)[0].troubles["frozen"] == 12


@given(st.lists(st.sampled_from([3.0, 3.0625, 3.125]), min_size=1, max_size=200))
def test_it_is_never_told_before_its_time(values: list[float]) -> None:
    """However values come, a fault means that all of the last ``frozen_ms`` lay within the last bit of a probe."""
    stillness, seen = Stillness(frozen_ms=10_000), []
    for place, value in enumerate(values):
        seen.append((place * 1_000, value))
        if stillness.frozen(place * 1_000, value) is not None:
            recent = [known for at, known in seen if at >= place * 1_000 - 10_000]
            assert max(recent) - min(recent) <= 2 * SAME
            assert len(recent) >= 11
