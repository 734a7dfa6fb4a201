"""A Modbus line on a real pty: simulated units of every map, and a device of the tests that misbehaves to order."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import serial

from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.modbus import MAX_HEARD, ModbusLine
from pawon_edge.drivers.modbus_table import ModbusTable
from pawon_edge.drivers.reopening import BACKOFF_MOST_S
from pawon_edge.sample import Observed, Sample, Trouble
from pawon_firmware_bridge.modbus.frame import encode_answer, encode_question, encode_refusal
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.simulator import Simulator
from pawon_firmware_bridge.simulator.scenario import parse_scenario

DEADLINE_S = 30.0
Say = Callable[[bytes], bytes]


def steady(word: int) -> Say:
    """A Pt100 board that always measures this."""
    return lambda question: encode_answer(question[0], 3, (word,))


class Devices:
    """The far end of a line: what each unit says to a question, and when it was asked."""

    def __init__(self, path: Path, says: dict[int, Say]) -> None:
        self.path, self.says = path, says
        self.asked: list[tuple[float, int]] = []
        self._stop = threading.Event()
        self._master = -1
        self._thread: threading.Thread | None = None

    def plug(self) -> None:
        """The adapter appears under its name."""
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self._stop.clear()
        self._thread = threading.Thread(target=self._serve, args=(self._master, slave))
        self._thread.start()

    def unplug(self) -> None:
        """The adapter and its name are gone."""
        self.path.unlink(missing_ok=True)
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _serve(self, master: int, slave: int) -> None:
        heard = b""
        while not self._stop.is_set():
            if not select.select([master], [], [], 0.01)[0]:
                continue
            heard += os.read(master, 256)
            while len(heard) >= 8:
                question, heard = heard[:8], heard[8:]
                self.asked.append((time.monotonic(), question[0]))
                answer = self.says.get(question[0], lambda question: b"")(question)
                if answer:
                    os.write(master, answer)
        os.close(slave)
        os.close(master)


class Ears:
    """What the line emitted, and a way to wait for it."""

    def __init__(self) -> None:
        self.seen: list[Observed] = []

    def samples(self, sensor: str = "") -> list[Sample]:
        return [one for one in self.seen if isinstance(one, Sample) and one.sensor.startswith(sensor)]

    def troubles(self, kind: str = "") -> list[Trouble]:
        return [one for one in self.seen if isinstance(one, Trouble) and one.kind.startswith(kind)]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition; fails at the deadline."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"waited in vain; seen {self.seen[-5:]}"
            time.sleep(0.01)


def make(path: Path, ears: Ears, sensors: list[dict[str, Any]] | None = None, **settings: Any) -> ModbusLine:
    """A line as the gateway makes it from its table."""
    lost = settings.pop("port_lost", lambda name: [])
    sensors = sensors or [{"id": "oven-1", "unit": 1, "map": "pt100-board"}]
    table = ModbusTable.model_validate(
        {"name": "rs485", "path": str(path), "interval_s": 1, "timeout_s": 0.1, "sensor": sensors, **settings}
    )
    around = Surroundings(emit=ears.seen.append, monotonic_ms=lambda: time.monotonic_ns() // 1_000_000, port_lost=lost)
    return ModbusLine(table=table, around=around)


@contextmanager
def running(line: ModbusLine) -> Iterator[None]:
    """The line's thread; it must end soon after ``stop``."""
    thread = threading.Thread(target=line.run)
    thread.start()
    try:
        yield
        assert thread.is_alive(), "the line's thread died"
    finally:
        line.stop()
        thread.join(timeout=3)
    assert not thread.is_alive()


@contextmanager
def devices(path: Path, says: dict[int, Say]) -> Iterator[Devices]:
    """A plugged line with these units."""
    made = Devices(path, says)
    made.plug()
    try:
        yield made
    finally:
        made.unplug()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The port's name."""
    return tmp_path / "rs485"


@pytest.mark.parametrize("frame_format", ["8N1", "8E1", "8O1", "8N2"])
@pytest.mark.parametrize("name", list(MAPS))
def test_every_map_with_every_framing(
    tmp_path: Path, name: str, frame_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulated unit's values arrive, all by one question, over a port opened as configured (a pty has no parity)."""
    opened: list[dict[str, Any]] = []

    class Watched(serial.Serial):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            opened.append({"baud": args[1], **settings})
            super().__init__(*args, **settings)

    monkeypatch.setattr(serial, "Serial", Watched)
    story = (
        f'[[device]]\nname = "probe"\npath = "rs485"\nprotocol = "modbus-{name}"\nunit = 5\ntemperature_c = -20.5\n'
        "noise_c = 0\nhumidity_percent = 54.6\n"
    )
    quantities = {channel.name: channel.quantity for channel in MAPS[name].channels}
    sensors = [
        {"id": f"s-{channel}", "unit": 5, "map": name, "channel": channel, "quantity": quantity}
        for channel, quantity in quantities.items()
    ]
    ears = Ears()
    with (
        Simulator(parse_scenario(story.encode()), tmp_path) as simulator,
        running(make(simulator.paths["probe"], ears, sensors, baud=19200, format=frame_format, timeout_s=0.5)),
    ):
        ears.until(lambda: len(ears.samples()) >= len(sensors))
    values = {"temperature": -20.5, "humidity": 54.6}
    assert {one.sensor: (one.quantity, one.value) for one in ears.samples()} == {
        f"s-{channel}": (quantity, values[channel]) for channel, quantity in quantities.items()
    }
    # One question: the same bytes, the same moment.
    assert len({(one.at_ms, one.raw) for one in ears.samples()}) == len(ears.samples()) // len(sensors)
    wanted = {"baud": 19200, "bytesize": 8, "parity": frame_format[1], "stopbits": int(frame_format[2])}
    assert {key: opened[0][key] for key in wanted} == wanted
    assert opened[0]["exclusive"] is True


def test_a_broken_sensor_and_a_unit_unplugged(tmp_path: Path) -> None:
    """Simulated: the broken wire is named and its stale value kept away, the unplugged unit is silent, both return."""
    story = (
        '[[device]]\nname = "probe"\nprotocol = "modbus-simex-trs-02a"\npath = "rs485"\ntemperature_c = 4\nnoise_c = 0'
    )
    ears = Ears()
    with (
        Simulator(parse_scenario(story.encode()), tmp_path) as simulator,
        running(make(tmp_path / "rs485", ears, [{"id": "a", "unit": 1, "map": "simex-trs-02a"}], timeout_s=0.3)),
    ):
        ears.until(lambda: bool(ears.samples()))
        simulator.act("probe", "fault", duration_s=1.5)
        ears.until(lambda: bool(ears.troubles("open")))
        count = len(ears.samples())
        ears.until(lambda: len(ears.samples()) > count)
        simulator.act("probe", "unplug")
        ears.until(lambda: bool(ears.troubles("silent")))
        simulator.act("probe", "plug")
        count = len(ears.samples())
        ears.until(lambda: len(ears.samples()) > count)
        simulator.act("probe", "garbage", count=12)
        count = len(ears.samples())
        ears.until(lambda: len(ears.samples()) > count)
    assert {one.value for one in ears.samples()} == {4.0}
    (broken, *_) = ears.troubles("open")
    assert broken.raw == encode_answer(1, 3, (40, 0xA0))
    assert broken.detail == "registers 0028 00A0, 4 by the map simex-trs-02a"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\x00", b""),
        (b"\xff\x00\x01\x03", b""),
        (b"\x01\x03\x02\x00", b""),
        (bytes(range(200, 240)), b"\x00\xff"),
        (encode_question(1, 3, 0, 1), b""),
        (encode_answer(2, 3, (990,)), b""),
        (encode_answer(1, 4, (990,)), b""),
    ],
    ids=["a zero", "crackle", "half an answer", "much noise", "echo", "another unit", "another function"],
)
def test_an_answer_is_found_in_noise(path: Path, before: bytes, after: bytes) -> None:
    """Crackle as the driver is switched on, an adapter's echo, a late neighbour: the answer behind it is read."""
    ears = Ears()
    says = {1: lambda question: before + encode_answer(1, 3, (250,)) + after}
    with devices(path, says), running(make(path, ears)):
        ears.until(lambda: bool(ears.samples()))
    assert ears.samples()[0].value == 25.0
    assert ears.samples()[0].raw == encode_answer(1, 3, (250,))
    assert ears.troubles() == []


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        (b"", "silent", "nor did any of this line"),
        (encode_question(1, 3, 0, 1), "silent", "nor did any of this line"),
        (encode_answer(1, 3, (250,))[:4], "bad_frames", "4 bytes of 7 came"),
        (encode_answer(1, 3, (250,))[:-1] + b"\x00", "bad_frames", "the checksum is wrong"),
        (encode_answer(2, 3, (250,)), "bad_frames", "unit 2 answered"),
        (encode_refusal(1, 3, 2), "refused", "exception 2: it has no such registers"),
        (encode_answer(1, 3, (250, 0)), "bad_frames", "checksum"),
        (b"\xe0\x1c\xe0\xfc\x00", "unreadable", "baud or format"),
        (b"\x55" * 600, "babble", "without end"),
        (encode_answer(1, 3, (0x7FFF,)), "open", "registers 7FFF"),
        (encode_answer(1, 3, (3000,)), "open", "300 by the map pt100-board"),
    ],
)
def test_what_is_no_value_is_named_with_its_bytes(path: Path, answer: bytes, kind: str, detail: str) -> None:
    """Silence, half an answer, a wrong checksum, a stranger, a refusal, noise, a sentinel: told, and never a number."""
    ears = Ears()
    # As long a timeout as there may be: 600 bytes must have come before it, on a busy machine too.
    with devices(path, {1: lambda question: answer}), running(make(path, ears, timeout_s=0.5)):
        ears.until(lambda: bool(ears.troubles()))
    told = ears.troubles()[0]
    assert (told.sensor, told.kind) == ("oven-1", kind)
    assert detail in told.detail
    assert told.raw == (b"" if kind == "silent" else answer[:64])
    assert ears.samples() == []


def test_a_unit_that_recovers_is_read_in_the_next_round(path: Path) -> None:
    """After refusals, half answers and silence the first good answer is a sample."""
    ears, answers = Ears(), [encode_refusal(1, 3, 6), b"\x01\x03", b"", encode_answer(1, 3, (0,))]
    with (
        devices(path, {1: lambda question: answers.pop(0) if answers else b""}),
        running(make(path, ears)),
    ):
        ears.until(lambda: bool(ears.samples()))
    assert [one.kind for one in ears.troubles()][:3] == ["refused", "bad_frames", "silent"]
    assert ears.samples()[0].value == 0.0


def between(far: Devices, unit: int) -> list[list[int]]:
    """The other units that were asked between each two questions to this one, from its second question on."""
    units = [asked for _, asked in far.asked]
    places = [at for at, asked in enumerate(units) if asked == unit][1:]
    return [units[earlier + 1 : later] for earlier, later in pairwise(places)]


def test_dead_units_leave_the_living_their_interval(path: Path) -> None:
    """Six dead units beside two living ones: from the second round on, between two questions to a living one stand its
    neighbour and as many dead ones as fit in a quarter of the interval, nobody twice; one that returns is found."""
    ears = Ears()
    sensors = [{"id": f"s-{unit}", "unit": unit, "map": "pt100-board"} for unit in range(1, 9)]
    line = make(path, ears, sensors)
    (cost_s,) = {device.turn.cost_s for device in line._devices.values()}
    with devices(path, {7: steady(40), 8: steady(0)}) as far, running(line):
        ears.until(lambda: len(between(far, 8)) >= 4)
        assert {one.sensor for one in ears.troubles("silent")} == {f"s-{unit}" for unit in range(1, 7)}
        for living, neighbour in ((7, 8), (8, 7)):
            for others in between(far, living):
                assert len(set(others)) == len(others)
                assert neighbour in others
                assert (len(others) - 1) * cost_s <= 0.25
        far.says[3] = steady(30)
        ears.until(lambda: bool(ears.samples("s-3")))
    assert {one.value for one in ears.samples("s-8")} == {0.0}
    assert ears.troubles()[0].detail.startswith("unit 1 does not answer")


def test_a_dying_unit_costs_its_neighbour_one_question(path: Path) -> None:
    """A unit that answered and then gives only halves is asked once a round, never again at once, and is given up."""
    ears = Ears()
    sensors = [{"id": f"s-{unit}", "unit": unit, "map": "pt100-board"} for unit in (1, 2)]
    with devices(path, {1: steady(40), 2: steady(50)}) as far, running(make(path, ears, sensors)):
        ears.until(lambda: len(ears.samples("s-2")) >= 1)
        far.says[1] = lambda question: encode_answer(1, 3, (40,))[:5]
        ears.until(lambda: len(ears.troubles("bad_frames")) >= 3)
        ears.until(lambda: len(between(far, 2)) >= 4)
    # Given up, it comes after its neighbour from then on: once, nothing stands between two questions to unit 2.
    assert set(map(tuple, between(far, 2))) <= {(1,), ()}


def test_a_unit_that_trickles_is_given_up_after_its_own_time(path: Path) -> None:
    """Bytes that go on coming do not lengthen the wait: by the gateway's clock it ends with the unit's time."""
    ears, passed_ms = Ears(), [0]

    def tick() -> int:
        # Each look at the clock is a slice of time: the looks are counted, not the seconds of this machine.
        passed_ms[0] += 50
        return passed_ms[0]

    line = make(path, ears, timeout_s=2, interval_s=4)
    line._around = replace(line._around, monotonic_ms=tick)
    device = line._devices[1]
    with devices(path, {1: lambda question: b"\x01\x03\x02\x00"}), line._open() as port:
        began_ms = passed_ms[0]
        line._ask(port, device)
    assert ears.troubles()[0].kind == "bad_frames"
    assert ears.troubles()[0].at_ms - began_ms <= device.turn.cost_s * 1000 + 2 * 50


@pytest.mark.parametrize("units", [(1,), (1, 2)], ids=["alone", "beside another"])
def test_a_late_answer_is_not_taken_for_the_next_question(path: Path, units: tuple[int, ...]) -> None:
    """A unit slower than its timeout never gives its neighbour a value, nor one of a round before."""
    ears, count = Ears(), 0

    def slow(question: bytes) -> bytes:
        nonlocal count
        count += 1
        time.sleep(0.25)
        return encode_answer(1, 3, (count,))

    sensors = [{"id": f"s-{unit}", "unit": unit, "map": "pt100-board"} for unit in units]
    with devices(path, {1: slow, 2: lambda question: b""}), running(make(path, ears, sensors)):
        ears.until(lambda: len(ears.troubles()) >= 3 * len(units))
        if len(units) > 1:
            ears.until(lambda: any("unit 1 answered" in one.detail for one in ears.troubles("bad_frames")))
    assert ears.samples() == []


def test_a_port_is_lost_and_found(path: Path) -> None:
    """Every sensor of the line is told; the adapter that comes back, as another device, is read by the same thread."""
    ears = Ears()
    sensors = [{"id": f"s-{unit}", "unit": unit, "map": "pt100-board"} for unit in (1, 2)]
    line = make(path, ears, sensors)
    line._reopening._backoff_s = BACKOFF_MOST_S
    with devices(path, {1: steady(40), 2: steady(50)}) as far, running(line):
        for turn in (1, 2):
            count = len(ears.samples("s-2"))
            ears.until(lambda count=count: len(ears.samples("s-2")) > count)  # type: ignore[misc]
            far.unplug()
            ears.until(lambda turn=turn: len(ears.troubles("port_lost")) >= 2 * turn)  # type: ignore[misc]
            far.plug()
        count = len(ears.samples("s-2"))
        ears.until(lambda: len(ears.samples("s-2")) > count)
    assert {one.sensor for one in ears.troubles("port_lost")} == {"s-1", "s-2"}


def test_a_line_is_waited_for_and_goes_with_its_hub(path: Path) -> None:
    """A gateway that starts before its adapter needs no help; one that goes with others names their hub."""
    ears = Ears()
    far = Devices(path, {1: steady(40)})
    with running(make(path, ears, port_lost=lambda name: ["scale-1"])):
        ears.until(lambda: bool(ears.troubles("port_lost")))
        far.plug()
        ears.until(lambda: bool(ears.samples()))
        far.unplug()
        ears.until(lambda: bool(ears.troubles("hub_lost")))
    assert "went together with scale-1" in ears.troubles("hub_lost")[0].detail


def test_a_line_ends_soon_while_it_waits_for_an_answer(path: Path) -> None:
    """Two seconds of timeout, sixty of interval: ``stop`` waits for neither, and tells no trouble that was its own."""
    ears = Ears()
    with devices(path, {}) as far:
        line = make(path, ears, timeout_s=2, interval_s=60)
        thread = threading.Thread(target=line.run)
        thread.start()
        ears.until(lambda: bool(far.asked))
        line.stop()
        thread.join(timeout=1)
        assert not thread.is_alive()
    assert ears.seen == []


def test_nothing_is_heard_without_end() -> None:
    """The most that is kept of a babbling line is above the longest answer, and bounded."""
    assert 5 + 2 * 125 < MAX_HEARD <= 1024


def test_pymodbus_is_loaded_only_where_a_line_is_configured() -> None:
    """A kitchen without Modbus does not carry its library in memory."""
    code = "import sys, pawon_edge.gateway, pawon_edge.drivers.kinds; sys.exit('pymodbus' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
