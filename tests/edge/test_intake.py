"""From samples to rows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_contract import codec
from pawon_contract.messages import Item, Reading, SensorFault, Weighing
from pawon_edge.health import Health
from pawon_edge.intake import MIN_SPACING_MS, Intake, SensorLine, judged
from pawon_edge.reporting import Reporter
from pawon_edge.sample import Sample, Trouble
from pawon_edge.weighing import WeighingDetector


def line(sensor: str, quantity: str) -> SensorLine:
    """A sensor as the gateway makes it from its configuration."""
    return SensorLine(
        quantity=quantity,
        reporter=Reporter(sensor=sensor, step=0.2, heartbeat_s=60),
        health=Health(sensor=sensor, fault_after_ms=5_000, started_ms=0),
        detector=WeighingDetector(sensor=sensor, division_g=10) if quantity == "mass_g" else None,
    )


def intake() -> Intake:
    """One probe and one scale."""
    return Intake(lines={"chiller-1": line("chiller-1", "temperature_c"), "timbangan-1": line("timbangan-1", "mass_g")})


def sample(at_ms: int, value: float, sensor: str = "chiller-1", quantity: str = "temperature_c") -> Sample:
    """One value."""
    return Sample(sensor=sensor, at_ms=at_ms, quantity=quantity, value=value, raw=b"raw")


def test_a_good_sample_is_reported_and_shown() -> None:
    """The first value of a sensor becomes a row and a live value at once; 0.0 is a value."""
    rows, live = intake().take(sample(100, 0.0))
    assert rows == [
        Reading(at_ms=100, sensor="chiller-1", quantity="temperature_c", value=0.0, count=1, low=0.0, high=0.0)
    ]
    assert judged(rows) == rows
    assert live is not None
    assert live.value == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e9, -60.1, 260.1])
def test_nonsense_is_a_trouble_and_never_a_row(value: float) -> None:
    """NaN, infinity and what no instrument can measure: no row, no live value, and a named fault when it lasts."""
    gateway = intake()
    for at_ms in range(0, 5_000, 100):
        assert gateway.take(sample(at_ms, value)) == ([], None)
    assert gateway.live() == []
    faults = [row for row in gateway.tick(5_000) if isinstance(row, SensorFault) and row.sensor == "chiller-1"]
    assert [(fault.fault, fault.raw) for fault in faults] == [("nonsense", b"raw".hex())]


@pytest.mark.parametrize("quantity", ["mass_g", "humidity_percent", "raw_counts", "temperature_f"])
def test_a_wrong_quantity_is_refused(quantity: str) -> None:
    """A scale's number never becomes a temperature because a plug was swapped."""
    gateway = intake()
    assert gateway.take(sample(100, 4.0, quantity=quantity)) == ([], None)
    (fault,) = [row for row in gateway.tick(6_000) if isinstance(row, SensorFault) and row.sensor == "chiller-1"]
    assert quantity in fault.detail
    assert codec.decode_item(codec.encode_item(fault)) == fault


def test_an_unknown_sensor_is_counted_and_makes_nothing() -> None:
    """What is not configured is not recorded under a made-up name."""
    gateway = intake()
    assert gateway.take(sample(100, 4.0, sensor="ghost")) == ([], None)
    assert gateway.take(Trouble(sensor="ghost", at_ms=200, kind="crc")) == ([], None)
    assert gateway.unknown == 2
    assert gateway.health(300)[0].sensor != "ghost"


def test_a_babbling_sensor_is_thinned() -> None:
    """1,000 different values a second make at most 25 rows a second, and the sensor stays healthy."""
    gateway = intake()
    rows = [row for at_ms in range(0, 2_000) for row in gateway.take(sample(at_ms, at_ms % 100))[0]]
    assert 40 <= len(rows) <= 2_000 // MIN_SPACING_MS
    assert gateway.health(2_000)[0].state == "ok"


def test_a_fault_hides_the_live_value_until_good_data_returns() -> None:
    """An old number is never repainted as if it were now; the first good value clears the fault, before its report."""
    gateway = intake()
    gateway.take(sample(100, 4.0))
    assert [value.sensor for value in gateway.live()] == ["chiller-1"]
    gateway.take(Trouble(sensor="chiller-1", at_ms=4_000, kind="disconnected"))
    gateway.tick(5_100)
    assert gateway.live() == []
    rows, live = gateway.take(sample(6_000, 9.0))
    assert [type(row) for row in rows] == [SensorFault, Reading]
    assert live is not None


def test_85_degrees_once_is_no_fault_on_the_whole_way() -> None:
    """A power-on value between good ones leaves no row and no gap in the live values."""
    gateway = intake()
    rows = []
    for at_ms in range(0, 20_000, 1_000):
        power_on = at_ms == 7_000
        seen = Trouble(sensor="chiller-1", at_ms=at_ms, kind="power_on") if power_on else sample(at_ms, 4.0)
        rows += gateway.take(seen)[0]
        rows += [row for row in gateway.tick(at_ms) if row.at_ms and getattr(row, "sensor", "") == "chiller-1"]
    assert [type(row) for row in rows] == [Reading]


def test_a_scales_plateau_is_kept_for_the_restart() -> None:
    """Only scales with a known plateau are kept, zero grams among them."""
    gateway = intake()
    assert gateway.stable_values() == {}
    for at_ms in range(0, 6_000, 100):
        gateway.take(sample(at_ms, 0.0, sensor="timbangan-1", quantity="mass_g"))
    assert gateway.stable_values() == {"timbangan-1": 0}


def test_what_was_told_when_the_line_was_lost_is_not_told_again_after_a_restart() -> None:
    """A kilogram comes, the port goes, the gateway starts anew: the kept value is what was told last."""
    gateway, kept, told = intake(), {"timbangan-1": 5_000}, list[Item]()

    def put(observation: Sample | Trouble) -> None:
        told.extend(row for row in gateway.take(observation)[0] if isinstance(row, Weighing))
        kept.update(gateway.stable_values())

    for at_ms in range(0, 80_000, 100):
        put(sample(at_ms, 5_000.0 if at_ms < 60_000 else 6_000.0, sensor="timbangan-1", quantity="mass_g"))
    put(Trouble(sensor="timbangan-1", at_ms=80_000, kind="port_lost", detail=""))
    assert [row.kind for row in told if isinstance(row, Weighing)] == ["first", "in"]
    assert kept == {"timbangan-1": 6_000}


@given(
    st.lists(
        st.one_of(
            st.builds(
                sample,
                st.integers(0, 100_000),
                st.floats(),
                sensor=st.sampled_from(["chiller-1", "timbangan-1", "ghost"]),
                quantity=st.sampled_from(["temperature_c", "mass_g", "x"]),
            ),
            st.builds(
                Trouble,
                sensor=st.sampled_from(["chiller-1", "timbangan-1", "ghost"]),
                at_ms=st.integers(0, 100_000),
                kind=st.sampled_from(["crc", "zeros", "overload"]),
                detail=st.text(max_size=300),
                raw=st.binary(max_size=100),
            ),
        ),
        max_size=80,
    )
)
def test_whatever_comes_every_row_can_be_stored_and_read(observations: list[Sample | Trouble]) -> None:
    """Any mixture of samples and troubles, in any order of time: nothing raises, and each row survives the wire."""
    gateway = intake()
    for observed in observations:
        rows, _ = gateway.take(observed)
        rows += gateway.tick(observed.at_ms)
        for row in rows:
            assert codec.decode_item(codec.encode_item(row)) == row


def test_an_overloaded_scale_is_not_out_of_sight() -> None:
    """Samples without a number are handling, however long: the load that stands there afterwards was seen to come."""
    gateway = intake()
    rows: list[Item] = []
    for at_ms in range(0, 130_000, 200):
        observed: Sample | Trouble = sample(at_ms, 5_000.0, "timbangan-1", "mass_g")
        if 20_000 <= at_ms < 35_000:
            observed = Trouble(sensor="timbangan-1", at_ms=at_ms, kind="overload")
        elif at_ms >= 35_000:
            observed = sample(at_ms, 7_000.0, "timbangan-1", "mass_g")
        rows += gateway.take(observed)[0] + gateway.tick(at_ms)
    weighings = [(row.kind, row.before_g, row.after_g) for row in rows if isinstance(row, Weighing)]
    assert weighings == [("first", 0, 5_000), ("in", 5_000, 7_000)]


def test_a_tare_in_grams_reaches_the_detector() -> None:
    """What the scale says it subtracts goes with the weighing, and a new tare is no movement."""
    gateway = intake()
    rows: list[Item] = []
    for at_ms in range(0, 100_000, 200):
        value, tare_g = (5_000.0, 0.0) if at_ms < 20_000 else (4_000.0, 1_000.0)
        observed = Sample(
            sensor="timbangan-1", at_ms=at_ms, quantity="mass_g", value=value, load="gross", tare_g=tare_g
        )
        rows += gateway.take(observed)[0]
    weighings = [(row.kind, row.after_g - row.before_g, row.tare_g) for row in rows if isinstance(row, Weighing)]
    assert weighings == [("first", 5_000, 0.0), ("tare", -1_000, 1_000.0)]
