"""Is a sensor alive?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pawon_contract import codec
from pawon_contract.messages import SensorFault
from pawon_edge.health import Health
from pawon_edge.sample import Trouble


def health(fault_after_ms: int = 30_000) -> Health:
    """A sensor watched since 1 s after boot."""
    return Health(sensor="chiller-1", fault_after_ms=fault_after_ms, started_ms=1_000)


def trouble(at_ms: int, kind: str = "power_on", detail: str = "", raw: bytes = b"") -> Trouble:
    """No usable value."""
    return Trouble(sensor="chiller-1", at_ms=at_ms, kind=kind, detail=detail, raw=raw)


def test_85_degrees_once_is_no_fault() -> None:
    """A probe's power-on value after plugging in is counted, and forgotten with the next good value."""
    probe = health()
    probe.saw_trouble(trouble(2_000))
    assert probe.tick(12_000) is None
    assert probe.saw_good(12_000) is None
    assert probe.tick(41_999) is None
    assert (probe.good, probe.bad, probe.fault) == (1, 1, None)


def test_a_fault_is_named_after_the_last_trouble_and_said_once() -> None:
    """Nothing good for the patience given: one fault, with the bytes that showed it; the next good value ends it."""
    probe = health()
    probe.saw_good(2_000)
    probe.saw_trouble(trouble(12_000, "crc"))
    probe.saw_trouble(trouble(22_000, "disconnected", detail="no such probe", raw=b"\x50\x05"))
    assert probe.tick(31_999) is None
    fault = probe.tick(32_000)
    assert fault == SensorFault(
        at_ms=32_000, sensor="chiller-1", fault="disconnected", detail="no such probe", raw="5005"
    )
    assert probe.tick(60_000) is None
    assert probe.status(60_000).state == "disconnected"
    assert probe.saw_good(61_000) == SensorFault(at_ms=61_000, sensor="chiller-1", fault="disconnected", cleared=True)
    assert probe.saw_good(62_000) is None
    assert probe.status(62_500).state == "ok"


def test_silence_is_a_fault_of_its_own_from_the_start_on() -> None:
    """A sensor that never said anything is faulty after its patience, and is not called ok before."""
    probe = health()
    assert probe.status(2_000).state == "waiting"
    assert probe.status(2_000).age_ms is None
    fault = probe.tick(31_000)
    assert fault is not None
    assert fault.fault == "silent"


@given(detail=st.text(max_size=500), raw=st.binary(max_size=5_000))
def test_any_fault_fits_the_wire(detail: str, raw: bytes) -> None:
    """However long the bytes and the words of a trouble are, the row made of it can be read by the server."""
    probe = health()
    probe.saw_trouble(trouble(2_000, "bad_frames", detail=detail, raw=raw))
    fault = probe.tick(40_000)
    assert fault is not None
    assert codec.decode_item(codec.encode_item(fault)) == fault


@given(st.lists(st.tuples(st.sampled_from(["good", "bad", "tick"]), st.integers(1, 40_000)), max_size=60))
def test_faults_open_and_close_in_turns(events: list[tuple[str, int]]) -> None:
    """Opened (and said again), cleared, opened: never cleared twice, and never open while good data is fresh."""
    probe, now, rows = health(), 1_000, []
    for kind, wait in events:
        now += wait
        if kind == "good":
            rows.append(probe.saw_good(now))
            assert probe.fault is None
        elif kind == "bad":
            probe.saw_trouble(trouble(now))
        else:
            rows.append(probe.tick(now))
            since = probe.started_ms if probe.last_good_ms is None else probe.last_good_ms
            assert (probe.fault is not None) == (now - since >= 30_000)
    said = [row.cleared for row in rows if row is not None]
    turns = [cleared for n, cleared in enumerate(said) if n == 0 or cleared or said[n - 1]]
    assert turns == [n % 2 == 1 for n in range(len(turns))]


def test_a_gateway_that_stood_still_accuses_nobody() -> None:
    """After a suspension the sensors get their time anew; one that stays silent is a fault all the same."""
    probe = health()
    probe.saw_good(2_000)
    probe.forgive(90_000)
    assert probe.tick(90_000) is None
    assert probe.tick(119_999) is None
    assert probe.tick(120_000) is not None
