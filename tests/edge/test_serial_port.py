"""A serial port on a real pty: a plug that is pulled, a wire that babbles, a board that listens."""

from __future__ import annotations

import os
import struct
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from tests.edge.ears import Ears, running

from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.serial_port import SerialPort
from pawon_edge.drivers.serial_table import SerialTable
from pawon_edge.hub import HubWatch
from pawon_edge.sample import Trouble
from pawon_edge.weighing import WeighingDetector
from pawon_firmware_bridge.board.commands import buzzer
from pawon_firmware_bridge.firmware import frame
from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS, yaohua_a9

FRAME = yaohua_a9.encode("+", "001560", 1)


class Wire:
    """The device's end of a pty behind a steady name."""

    def __init__(self, path: Path) -> None:
        self.path, self.master, self._slave = path, -1, -1

    def plug(self) -> None:
        """A device appears under the name."""
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """The device and its name are gone."""
        self.path.unlink(missing_ok=True)
        if self.master >= 0:
            os.close(self._slave)
            os.close(self.master)
            self.master = -1

    def say(self, data: bytes) -> None:
        """The device sends."""
        os.write(self.master, data)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    """A plugged device."""
    made = Wire(tmp_path / "scale")
    made.plug()
    yield made
    made.unplug()


def make(
    path: Path | list[Path],
    ears: Ears,
    *,
    protocol: str = "yaohua-a9",
    frame_format: str = "8N1",
    sensors: list[dict[str, Any]] | None = None,
    port_lost: Callable[[str], list[str]] = lambda name: [],
    **settings: Any,
) -> SerialPort:
    """A port as the gateway makes it from its table."""
    table = SerialTable.model_validate(
        {
            "name": "scale-1", "path": [str(name) for name in path] if isinstance(path, list) else str(path),
            "protocol": protocol, "baud": 9600, "format": frame_format,
            "sensor": sensors or [{"id": "timbangan-1"}], **settings,
        }
    )  # fmt: skip
    around = Surroundings(
        emit=ears.seen.append, monotonic_ms=lambda: time.monotonic_ns() // 1_000_000, port_lost=port_lost
    )
    return SerialPort(table=table, around=around)


def test_frames_become_samples_and_zero_is_one(wire: Wire) -> None:
    """Split anywhere on the wire, each frame gives its grams once, with its bytes."""
    ears = Ears()
    with running(make(wire.path, ears)):
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
        count = len(ears.samples)
        for byte in FRAME + yaohua_a9.encode("+", "000000", 1):
            wire.say(bytes([byte]))
        ears.until(lambda: len(ears.samples) >= count + 2 and ears.samples[-1].value == 0.0)
    assert {sample.value for sample in ears.samples} == {156_000.0, 0.0}
    assert ears.samples[0].raw == FRAME
    assert ears.every_kind == []


def test_garbage_is_counted_and_told(wire: Wire) -> None:
    """A wrong baud rate gives troubles that say so, never a sample; good frames are read again after, and then a
    damaged one is noise on a line that works."""
    ears = Ears()
    with running(make(wire.path, ears)):
        # Slower than the line could carry, so that however late the reader comes it is no babbler.
        ears.until(lambda: len(ears.every_kind) >= 5, poke=lambda: wire.say(bytes(range(16, 80))))
        assert set(ears.every_kind) == {"unreadable"}
        assert ears.samples == []
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
        ears.until(lambda: "bad_frames" in ears.every_kind, poke=lambda: wire.say(FRAME[:5] + b"9" + FRAME[6:] + FRAME))


def test_a_pulled_plug_is_told_and_a_new_one_is_found(wire: Wire) -> None:
    """The adapter comes back as another device under the same name, twice; the same thread reads it again."""
    ears = Ears()
    with running(make(wire.path, ears)):
        for turn in range(1, 3):
            count = len(ears.samples)
            ears.until(lambda count=count: len(ears.samples) > count, poke=lambda: wire.say(FRAME))  # type: ignore[misc]
            wire.unplug()
            ears.until(lambda turn=turn: ears.every_kind.count("port_lost") >= turn)  # type: ignore[misc]
            wire.plug()
        count = len(ears.samples)
        ears.until(lambda: len(ears.samples) > count, poke=lambda: wire.say(FRAME))


def test_a_port_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """A gateway that starts before its scale is plugged in needs nobody's help."""
    wire, ears = Wire(tmp_path / "scale"), Ears()
    with running(make(wire.path, ears)):
        ears.until(lambda: "port_lost" in ears.every_kind)
        wire.plug()
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
    wire.unplug()


def test_a_device_that_refuses_its_settings_does_not_end_the_thread(wire: Wire) -> None:
    """A terminal error (here: a pty knows no parity) is no OSError; it is told and tried again like any other."""
    ears = Ears()
    # With the speed as wanted only the parity is left to change, and that alone is what the system reports as failed.
    serial.Serial(str(wire.path), 9600, parity="E").close()
    with pytest.raises(termios.error):
        serial.Serial(str(wire.path), 9600, parity="E")
    with running(make(wire.path, ears, frame_format="8E1")):
        ears.until(lambda: ears.every_kind.count("port_lost") >= 2)
    assert "Invalid argument" in next(one.detail for one in ears.seen if isinstance(one, Trouble))


def test_good_data_makes_the_next_wait_short_again(wire: Wire) -> None:
    """After hours of failing, one good frame is enough: the next loss is looked after at once, not in five seconds."""
    ears = Ears()
    port = make(wire.path, ears)
    port._reopening._backoff_s = 3_600  # longer than anybody waits here
    with running(port):
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
        count = len(ears.samples)
        wire.unplug()
        wire.plug()
        ears.until(lambda: len(ears.samples) > count, poke=lambda: wire.say(FRAME))


def test_a_port_belongs_to_one_reader(wire: Wire) -> None:
    """Two readers of one port would each get half of the bytes: the second one is refused, and waits."""
    first, second = Ears(), Ears()
    with running(make(wire.path, first)):
        first.until(lambda: bool(first.samples), poke=lambda: wire.say(FRAME))
        with running(make(wire.path, second)):
            second.until(lambda: "port_lost" in second.every_kind)
    assert second.samples == []


def test_what_waited_in_the_port_is_not_news(wire: Wire) -> None:
    """Frames that came while nobody read are old and are thrown away at opening."""
    ears = Ears()
    wire.say(yaohua_a9.encode("+", "000777", 0) * 20)
    with running(make(wire.path, ears)):
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
    assert {sample.value for sample in ears.samples} == {156_000.0}


def test_overload_is_a_trouble_and_never_a_mass(wire: Wire) -> None:
    """A scale that says overload gives no number."""
    ears = Ears()
    frame = PROTOCOLS["st-gs"].parser()
    assert frame.feed(b"OL,GS,+0000000kg\r\n")
    with running(make(wire.path, ears, protocol="st-gs")):
        ears.until(lambda: "overload" in ears.every_kind, poke=lambda: wire.say(b"OL,GS,+0000000kg\r\n"))
    assert ears.samples == []


def test_a_boards_sensors_are_told_apart_and_counts_become_grams(wire: Wire) -> None:
    """Each channel goes to its own sensor; a load cell's counts are weighed by its calibration."""
    ears, example = Ears(), PROTOCOLS["pawon-board"].example
    measured = [e for e in PROTOCOLS["pawon-board"].parser().feed(example) if isinstance(e, Measurement)]
    (cell,) = [event for event in measured if event.quantity == "raw_counts"]
    (probe,) = [event for event in measured if event.quantity == "temperature_c"]
    sensors = [
        {"id": "timbangan-1", "channel": cell.channel, "counts_per_g": -10.0, "zero_counts": 300},
        {"id": "chiller-1", "channel": probe.channel, "quantity": "temperature_c"},
    ]
    with running(make(wire.path, ears, protocol="pawon-board", sensors=sensors)):
        ears.until(
            lambda: {one.sensor for one in ears.samples} == {"timbangan-1", "chiller-1"}, poke=lambda: wire.say(example)
        )
    found = {one.sensor: (one.quantity, one.value) for one in ears.samples}
    assert cell.value is not None
    assert found == {
        "timbangan-1": ("mass_g", (cell.value - 300) / -10.0),
        "chiller-1": ("temperature_c", probe.value),
    }


def test_the_buzzer_reaches_the_board(wire: Wire) -> None:
    """An alarm is written to the board while its measurements go on being read."""
    ears = Ears()
    port = make(wire.path, ears, protocol="pawon-board")
    os.set_blocking(wire.master, False)
    written = b""

    def read() -> None:
        nonlocal written
        wire.say(PROTOCOLS["pawon-board"].example)
        try:
            written += os.read(wire.master, 4096)
        except BlockingIOError:
            pass

    with running(port):
        ears.until(lambda: bool(ears.seen), poke=read)
        port.sound_alarm()
        ears.until(lambda: buzzer(400, 200, 10, sequence=2) in written, poke=read)


def test_an_alarm_from_before_the_port_was_lost_is_not_sounded_later(tmp_path: Path) -> None:
    """A board plugged in again hears the present alarm, not the sixteen it missed; a scale is never buzzed at."""
    wire, ears = Wire(tmp_path / "board"), Ears()
    port = make(wire.path, ears, protocol="pawon-board")
    with running(port):
        ears.until(lambda: "port_lost" in ears.every_kind)
        for _ in range(40):
            port.sound_alarm()
        wire.plug()
        os.set_blocking(wire.master, False)
        ears.until(
            lambda: bool(ears.samples) or len(ears.every_kind) > 3,
            poke=lambda: wire.say(PROTOCOLS["pawon-board"].example),
        )
        heard = [frame.decode(piece) for piece in os.read(wire.master, 4096).split(frame.DELIMITER) if piece]
        assert [said[2][0] for said in heard if said is not None] == [frame.IDENTIFY]
    wire.unplug()


def test_a_board_that_does_not_listen_does_not_stop_the_others(wire: Wire) -> None:
    """Commands that nobody reads fill the wire; the thread survives it and still ends when asked."""
    ears = Ears()
    port = make(wire.path, ears, protocol="pawon-board")
    with running(port):
        for _ in range(600):
            port.sound_alarm()
            time.sleep(0.001)
        ears.until(lambda: bool(ears.seen), poke=lambda: wire.say(PROTOCOLS["pawon-board"].example))


def test_a_device_that_hangs_in_a_frame_is_named(wire: Wire) -> None:
    """Half a frame and then nothing is told once, with its bytes."""
    ears = Ears()
    with running(make(wire.path, ears)):
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(FRAME))
        wire.say(FRAME[:7])
        ears.until(lambda: "half_frame" in ears.every_kind)
        (told,) = [one for one in ears.seen if isinstance(one, Trouble) and one.kind == "half_frame"]
        assert told.raw.endswith(FRAME[:7])


def test_a_babbler_is_named_and_rested_from(wire: Wire) -> None:
    """Good frames faster than the line could carry them are a babble, and do not keep the gateway busy."""
    ears = Ears()
    with running(make(wire.path, ears)):
        ears.until(lambda: "babble" in ears.every_kind, poke=lambda: wire.say(FRAME * 200))
        assert ears.samples
        # The flood that waited in the port is thrown away; what comes after it is read.
        count = len(ears.samples)
        ears.until(lambda: len(ears.samples) > count, poke=lambda: wire.say(FRAME))


def test_an_adapter_that_comes_back_under_another_name_is_found(tmp_path: Path) -> None:
    """Of the names of one adapter the first that is there is opened; after a loss, whichever has it now."""
    first, second = Wire(tmp_path / "by-path"), Wire(tmp_path / "by-id")
    ears = Ears()
    first.plug()
    with running(make([first.path, second.path], ears)):
        ears.until(lambda: bool(ears.samples), poke=lambda: first.say(FRAME))
        first.unplug()
        second.plug()
        ears.until(lambda: "port_lost" in ears.every_kind)
        count = len(ears.samples)
        ears.until(lambda: len(ears.samples) > count, poke=lambda: second.say(FRAME))
    second.unplug()


def test_ports_of_one_hub_are_lost_together(tmp_path: Path) -> None:
    """Two ports that vanish at one moment are their hub's fault, and both are read again when it comes back."""
    wires = [Wire(tmp_path / f"port-{number}") for number in (1, 2)]
    for wire in wires:
        wire.plug()
    ears = [Ears(), Ears()]
    hub = HubWatch(monotonic_ms=lambda: time.monotonic_ns() // 1_000_000)
    ports = [
        make(wire.path, ear, port_lost=lambda name, number=number: hub.port_lost(f"{name}-{number}"))  # type: ignore[misc]
        for number, (wire, ear) in enumerate(zip(wires, ears, strict=True))
    ]
    with running(ports[0]), running(ports[1]):
        for wire, ear in zip(wires, ears, strict=True):
            ear.until(lambda ear=ear: bool(ear.samples), poke=lambda wire=wire: wire.say(FRAME))  # type: ignore[misc]
        for wire in wires:
            wire.unplug()
        ears[0].until(lambda: "hub_lost" in ears[0].every_kind + ears[1].every_kind)
        for wire, ear in zip(wires, ears, strict=True):
            wire.plug()
            count = len(ear.samples)
            ear.until(lambda ear=ear, count=count: len(ear.samples) > count, poke=lambda wire=wire: wire.say(FRAME))  # type: ignore[misc]
    for wire in wires:
        wire.unplug()


def test_a_port_that_hangs_delays_no_other(tmp_path: Path) -> None:
    """One device is silent in the middle of a frame; its neighbour's frames arrive as ever."""
    hung, well = Wire(tmp_path / "hung"), Wire(tmp_path / "well")
    hung.plug()
    well.plug()
    ears = [Ears(), Ears()]
    with running(make(hung.path, ears[0])), running(make(well.path, ears[1])):
        hung.say(FRAME[:5])
        for _ in range(20):
            count = len(ears[1].samples)
            ears[1].until(lambda count=count: len(ears[1].samples) > count, poke=lambda: well.say(FRAME))  # type: ignore[misc]
    assert ears[0].samples == []
    for wire in (hung, well):
        wire.unplug()


def test_another_board_on_the_port_is_refused(wire: Wire) -> None:
    """A port that names its board believes no other, and none before it has said who it is."""
    ears, row = Ears(), PROTOCOLS["pawon-board"]
    sensors = [{"id": "suhu-1", "quantity": "temperature_c"}]

    def hello(board_id: str) -> bytes:
        body = bytes.fromhex(board_id) + bytes((0, 1, 0, 1))
        return frame.encode(frame.HELLO, 0, body)

    right, wrong = "00000000000000aa", "00000000000000bb"
    with running(make(wire.path, ears, protocol="pawon-board", sensors=sensors, board=right)):
        ears.until(lambda: "swapped" in ears.every_kind, poke=lambda: wire.say(row.example))
        ears.until(lambda: ears.every_kind.count("swapped") > 3, poke=lambda: wire.say(hello(wrong) + row.example))
        assert ears.samples == []
        ears.until(lambda: bool(ears.samples), poke=lambda: wire.say(hello(right) + row.example))


def test_a_load_cell_without_a_zero_gives_no_mass(wire: Wire) -> None:
    """Nobody knows what empty is: that is a trouble with its remedy, never a mass from a zero that was made up."""
    ears = Ears()
    sensors = [{"id": "timbangan-1", "channel": "hx711-0", "counts_per_g": 20.0}]
    with running(make(wire.path, ears, protocol="pawon-board", sensors=sensors)):
        ears.until(lambda: "no_zero" in ears.every_kind, poke=lambda: wire.say(PROTOCOLS["pawon-board"].example))
    assert ears.samples == []


def test_a_new_zero_of_the_board_is_a_tare_and_no_movement(wire: Wire) -> None:
    """Samples say what they were measured against, so that another zero is never taken for another load."""
    ears = Ears()
    sensors = [{"id": "timbangan-1", "channel": "hx711-0", "counts_per_g": 1.0}]
    sent = 0

    def say(zero: int, counts: int) -> None:
        nonlocal sent
        for body in (struct.pack("<BBBi", 0, frame.KIND_ZERO, 4, zero), struct.pack("<BBBi", 0, 1, 4, counts)):
            wire.say(frame.encode(frame.SAMPLES, sent, struct.pack("<I", sent) + body))
            sent += 1

    with running(make(wire.path, ears, protocol="pawon-board", sensors=sensors)):
        ears.until(lambda: len(ears.samples) >= 20, poke=lambda: say(1_000, 6_000))
        ears.until(lambda: ears.samples[-1].value == 0.0, poke=lambda: say(6_000, 6_000))
    assert {(one.value, one.load) for one in ears.samples} == {(5_000.0, "zero 1000"), (0.0, "zero 6000")}
    scale = WeighingDetector(sensor="timbangan-1", division_g=10)
    told = [
        row.kind
        for load, value in (("zero 1000", 5_000.0), ("zero 6000", 0.0))
        for at_ms in range(0, 30_000, 200)
        for row in scale.take(at_ms + (30_000 if value == 0.0 else 0), value, load=load)
    ]
    assert told == ["first", "tare"]
