"""When a sample becomes a report."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pawon_contract.messages import Reading
from pawon_edge.reporting import Reporter
from pawon_edge.sample import Sample


def reports(samples: list[tuple[int, float]], *, step: float = 0.2, heartbeat_s: float = 60.0) -> list[Reading]:
    """The reports of one sensor's (ms, value) samples."""
    reporter = Reporter(sensor="chiller-1", step=step, heartbeat_s=heartbeat_s)
    taken = (
        reporter.take(Sample(sensor="chiller-1", at_ms=at_ms, quantity="temperature_c", value=value))
        for at_ms, value in samples
    )
    return [report for report in taken if report is not None]


values = st.floats(min_value=-60, max_value=260)


@given(st.lists(st.tuples(st.integers(40, 20_000), values), min_size=1, max_size=60))
def test_counts_add_up_and_extremes_enclose(steps: list[tuple[int, float]]) -> None:
    """Every sample is counted in exactly one report or is still waiting; low <= value <= high are real samples."""
    now, samples = 0, []
    for spacing, value in steps:
        now += spacing
        samples.append((now, value))
    index = 0
    for report in reports(samples):
        part = samples[index : index + report.count]
        index += report.count
        assert (report.at_ms, report.value) == part[-1]
        assert (report.low, report.high) == (min(v for _, v in part), max(v for _, v in part))
        assert report.low is not None
        assert report.high is not None
        assert report.low <= report.value <= report.high
    last = reports(samples)[-1].value
    assert all(abs(value - last) < 0.2 for _, value in samples[index:])


@given(
    spacing_ms=st.integers(40, 60_000),
    jitter=st.lists(st.integers(-100, 100), min_size=50, max_size=50),
    heartbeat_s=st.sampled_from([5.0, 30.0, 60.0]),
)
def test_a_heartbeat_comes_as_often_as_promised(spacing_ms: int, jitter: list[int], heartbeat_s: float) -> None:
    """A steady value is reported at least once a heartbeat, whatever the sensor's own pace up to the heartbeat."""
    spacing_ms = min(spacing_ms, int(heartbeat_s * 1000) - 250)
    samples = [(1_000 + n * spacing_ms + (jitter[n] if spacing_ms > 400 else 0), 4.0) for n in range(50)]
    found = reports(samples, heartbeat_s=heartbeat_s)
    stamps = [report.at_ms for report in found]
    # The pace is judged by the spacing before; twice the jitter on both ends may lie on top.
    assert all(later - earlier <= heartbeat_s * 1000 + 400 for earlier, later in pairwise(stamps))
    assert samples[-1][0] - stamps[-1] <= heartbeat_s * 1000
    assert all(report.every_s == heartbeat_s for report in found)


def test_a_value_never_expires_between_two_samples_of_a_slow_probe() -> None:
    """A probe read every 50 s with a heartbeat of 60 s reports each time: a report in 100 s would be silence."""
    found = reports([(n * 50_000, 4.0) for n in range(1, 10)])
    assert len(found) == 9
    for earlier, later in pairwise(found):
        assert later.at_ms - earlier.at_ms < earlier.valid_ms


def test_a_change_of_a_step_is_reported_at_once_and_less_is_not() -> None:
    """One step is news, less waits for the heartbeat; zero is a value like any other."""
    assert [report.value for report in reports([(1_000, 0.0), (2_000, 0.125), (3_000, 0.25)])] == [0.0, 0.25]


def test_a_steady_fast_sensor_is_quiet() -> None:
    """An hour at 10 Hz without change costs about one report a minute, not 36,000."""
    assert len(reports([(n * 100, 4.0) for n in range(36_000)])) <= 62
