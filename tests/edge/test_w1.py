"""1-wire probes, on a tree of files as the kernel shows it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.w1 import W1Bus
from pawon_edge.drivers.w1_table import W1Table
from pawon_edge.sample import Observed, Sample, Trouble
from pawon_firmware_bridge.ds18b20 import scratchpad_of
from pawon_firmware_bridge.protocols.ds18b20_w1 import encode_w1_text

ROM = "28-00000a1b2c3d"
OTHER = "28-00000a1b2c3e"
GOOD = encode_w1_text(scratchpad_of(64))


def put(root: Path, rom: str, text: bytes) -> None:
    """What the kernel would show for one probe."""
    (root / rom).mkdir(exist_ok=True)
    (root / rom / "w1_slave").write_bytes(text)


def make_bus(root: Path, interval_s: float, probes: dict[str, str], emit: Callable[[Observed], None]) -> W1Bus:
    """A bus as the gateway makes it from its table."""
    sensors = [{"rom": rom, "id": sensor} for rom, sensor in probes.items()]
    table = W1Table.model_validate({"root": str(root), "interval_s": interval_s, "sensor": sensors})
    return W1Bus(table=table, around=Surroundings(emit=emit, monotonic_ms=lambda: 1_000, port_lost=lambda name: []))


def one_round(root: Path, probes: dict[str, str]) -> list[Observed]:
    """What a bus says in one round, read by the bus's own thread body."""
    seen: list[Observed] = []
    bus = make_bus(root, 60, probes, seen.append)
    thread = threading.Thread(target=bus.run)
    thread.start()
    bus.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()
    return seen or one_round(root, probes)


def test_a_probe_is_read(tmp_path: Path) -> None:
    """The kernel's text becomes a temperature of the configured sensor."""
    put(tmp_path, ROM, GOOD)
    (seen,) = one_round(tmp_path, {ROM: "chiller-1"})
    assert isinstance(seen, Sample)
    assert (seen.sensor, seen.at_ms, seen.quantity, seen.value) == ("chiller-1", 1_000, "temperature_c", 4.0)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (encode_w1_text(scratchpad_of(85 * 16, power_on=True)), "power_on"),
        (encode_w1_text(bytes(9)), "zeros"),
        (encode_w1_text(bytes([*scratchpad_of(64)[:8], 0]), last_good=scratchpad_of(64)), "crc"),
        (b"", "bad_frames"),
        (b"\x00" * 10_000, "bad_frames"),
        (GOOD[:30], "bad_frames"),
    ],
)
def test_what_is_no_temperature_is_a_trouble_with_its_bytes(tmp_path: Path, text: bytes, kind: str) -> None:
    """Power-on value, shorted bus, bad checksum beside an old good value, empty, cut off, garbage: never a number."""
    put(tmp_path, ROM, text)
    (seen,) = one_round(tmp_path, {ROM: "chiller-1"})
    assert isinstance(seen, Trouble)
    assert seen.kind == kind
    assert len(seen.raw) <= 64


def test_a_missing_probe_does_not_hold_up_its_neighbour(tmp_path: Path) -> None:
    """One probe unplugged: it is told as disconnected, the other one is read in the same round."""
    put(tmp_path, OTHER, GOOD)
    gone, there = one_round(tmp_path, {ROM: "chiller-1", OTHER: "chiller-2"})
    assert isinstance(gone, Trouble)
    assert gone.kind == "disconnected"
    assert ROM in gone.detail
    assert isinstance(there, Sample)


def test_a_probe_plugged_in_again_is_read_in_the_next_round(tmp_path: Path) -> None:
    """Nothing has to be restarted when a probe comes back."""
    seen: list[Observed] = []
    told = threading.Event()

    def emit(observed: Observed) -> None:
        seen.append(observed)
        if isinstance(observed, Sample):
            told.set()
        else:
            put(tmp_path, ROM, GOOD)

    bus = make_bus(tmp_path, 0.5, {ROM: "chiller-1"}, emit)
    thread = threading.Thread(target=bus.run)
    thread.start()
    assert told.wait(5)
    bus.stop()
    thread.join(timeout=5)
    assert isinstance(seen[0], Trouble)
