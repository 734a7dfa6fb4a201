"""Simulated devices as a gateway meets them: real ptys, real files, a real interpreter; the truth file is the judge."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, Event, Measurement, Parser
from pawon_firmware_bridge.protocols import PROTOCOLS, read_w1_text
from pawon_firmware_bridge.simulator import ScenarioError, Simulator
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.port import MAX_UNREAD, Port
from pawon_firmware_bridge.simulator.scenario import parse_scenario

DEADLINE_S = 30.0
needs_micropython = pytest.mark.skipif(find_micropython() is None, reason="no MicroPython wheel for this machine")

SCALES = """
[[device]]
name = "a12"
protocol = "yaohua-a12-wg"
rate_hz = 40
mass_g = 48_500
[[device]]
name = "a9"
protocol = "yaohua-a9"
path = "ports/a9"
rate_hz = 40
decimals = 2
[[device]]
name = "st"
protocol = "st-gs"
rate_hz = 40
mass_g = -35
division_g = 5
noise_g = 1
"""
PROBE = """
[[device]]
name = "chiller"
protocol = "ds18b20-w1"
path = "w1/28-000000000c01"
rate_hz = 10
temperature_c = 3.4
"""
BOARD = """
[[device]]
name = "board"
protocol = "pawon-board"
board_id = "00000000000000aa"
[[device.channel]]
name = "hx711-0"
mass_g = 1_000
counts_per_g = -20
[[device.channel]]
name = "28-000000000a01"
temperature_c = 66
noise_c = 0
"""


class Reader:
    """Opens a port as a gateway would, without pyserial's own clearing of the line."""

    def __init__(self, path: Path, parser: Parser) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.parser = parser
        self.events: list[Event] = []

    def close(self) -> None:
        os.close(self.file)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + DEADLINE_S
        while not done():
            left = end - time.monotonic()
            assert left > 0, f"not in time; heard {self.events[-5:]}"
            if select.select([self.file], [], [], left)[0]:
                self.events += self.parser.feed(os.read(self.file, 4096))

    def values(self) -> list[float | None]:
        return [event.value for event in self.events if isinstance(event, Measurement)]


@pytest.fixture
def truth() -> io.StringIO:
    return io.StringIO()


def _rows(truth: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in truth.getvalue().splitlines()]


def _start(content: str, folder: Path, truth: io.StringIO) -> Simulator:
    return Simulator(parse_scenario(content.encode()), folder, truth=truth)


def _wait(done: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("device", "protocol", "after_g"),
    [("a12", "yaohua-a12-wg", 43_500.0), ("a9", "yaohua-a9", 4_000.0), ("st", "st-gs", 4_000.0)],
)
def test_bytes_through_the_port_are_the_truth(
    device: str, protocol: str, after_g: float, tmp_path: Path, truth: io.StringIO
) -> None:
    """What a parser reads from the port, during and after a taking, is what the truth file says, and nothing else."""
    loaded = SCALES.replace("mass_g = -35", "mass_g = 9_000").replace("decimals = 2", "decimals = 2\nmass_g = 9_000")
    story = f'[[event]]\nat_s = 0.3\ndevice = "{device}"\naction = "take"\nmass_g = 5_000\nduration_s = 0.3\n'
    with _start(loaded + story, tmp_path, truth) as simulator:
        reader = Reader(simulator.paths[device], PROTOCOLS[protocol].parser())
        reader.until(lambda: any(row["event"] == "settled" for row in _rows(truth)))
        before = len(reader.events)
        reader.until(lambda: len(reader.events) > before + 3)
        reader.close()
    assert not [event for event in reader.events if isinstance(event, BadFrame)]
    told = [row["value"] for row in _rows(truth) if row["device"] == device and not row["event"]]
    heard = [value for value, _ in groupby(reader.values())]
    assert len(heard) > 5
    assert heard in [told[at : at + len(heard)] for at in range(len(told))]
    assert abs((heard[-1] or 0.0) - after_g) <= 5.0


def test_st_gs_says_when_it_is_unstable(tmp_path: Path, truth: io.StringIO) -> None:
    """The one format with a stability flag shows it during a touch, and shows negative masses."""
    with _start(SCALES, tmp_path, truth) as simulator:
        reader = Reader(simulator.paths["st"], PROTOCOLS["st-gs"].parser())
        reader.until(lambda: bool(reader.events))
        simulator.act("st", "touch", mass_g=500, duration_s=0.2)
        reader.until(lambda: any(isinstance(event, Measurement) and event.stable is False for event in reader.events))
        reader.close()
    first = reader.events[0]
    assert isinstance(first, Measurement)
    assert first.stable
    assert first.value in (-40.0, -35.0, -30.0)


def test_overload_garbage_and_babble(tmp_path: Path, truth: io.StringIO) -> None:
    """Overload is a state; garbage is a bad frame and no more; babble is many good frames and harms no neighbour."""
    with _start(SCALES, tmp_path, truth) as simulator:
        reader = Reader(simulator.paths["a12"], PROTOCOLS["yaohua-a12-wg"].parser())
        reader.until(lambda: bool(reader.events))
        simulator.act("a12", "overload", duration_s=0.2)
        reader.until(lambda: any(getattr(event, "state", "") == "overload" for event in reader.events))
        reader.until(lambda: reader.values()[-1] == 48_500.0)
        simulator.act("a12", "garbage", count=200)
        reader.until(lambda: any(isinstance(event, BadFrame) for event in reader.events))
        neighbour = Reader(simulator.paths["a9"], PROTOCOLS["yaohua-a9"].parser())
        simulator.act("a12", "babble", duration_s=0.5, rate_hz=1000)
        began, before = time.monotonic(), len(reader.events)
        reader.until(lambda: time.monotonic() - began > 0.5)
        babbled = len(reader.events) - before
        neighbour.until(lambda: len(neighbour.events) >= 15)
        reader.close()
        neighbour.close()
    assert babbled > 150
    assert set(reader.values()) == {48_500.0, None}


def test_unplugged_scale_comes_back_under_its_name(tmp_path: Path, truth: io.StringIO) -> None:
    """Unplugging takes the link away and ends the reader; plugging in gives a new pty under the old name."""
    with _start(SCALES, tmp_path, truth) as simulator:
        path = simulator.paths["a9"]
        reader = Reader(path, PROTOCOLS["yaohua-a9"].parser())
        reader.until(lambda: bool(reader.events))
        simulator.act("a9", "unplug")
        _wait(lambda: not path.is_symlink())
        with pytest.raises(OSError, match="No such file"):
            os.open(path, os.O_RDONLY | os.O_NOCTTY)
        reader.close()
        simulator.act("a9", "plug")
        _wait(path.is_symlink)
        again = Reader(path, PROTOCOLS["yaohua-a9"].parser())
        again.until(lambda: bool(again.events))
        again.close()
    assert again.values()[0] == 0.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    made = Port(tmp_path / "tty")
    made.plug()
    yield made
    made.unplug()


def test_nobody_listening_loses_the_bytes(port: Port) -> None:
    """A reader that opens, or opens again, hears the present: nothing from before, though it left bytes unread."""
    port.write(b"old")
    first = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    port.write(b"unread")
    os.close(first)
    port.write(b"lost")
    second = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    port.write(b"new")
    assert os.read(second, 100) == b"new"
    os.close(second)


def test_a_reader_that_does_not_read_blocks_nobody(port: Port) -> None:
    """A stalled reader costs old bytes, never a wait, and finds at most some seconds of frames when it wakes."""
    reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    began = time.monotonic()
    for number in range(5000):
        port.write(b"%015d" % number)
    assert time.monotonic() - began < 2.0
    # Now at the pace of a wire, so that the kernel carries each frame over before the next.
    for number in range(500):
        port.write(b"%015d" % number)
        time.sleep(0.0002)
    found = os.read(reader, 65_536)
    assert len(found) <= 3 * MAX_UNREAD
    assert found.endswith(b"499")
    os.close(reader)


def test_a_real_device_is_never_replaced(tmp_path: Path, truth: io.StringIO) -> None:
    """A file or device node that bears a simulated port's name is left alone, and so is what was plugged in before."""
    (tmp_path / "st").write_text("mine")
    simulator = _start(SCALES, tmp_path, truth)
    with pytest.raises(FileExistsError, match="not a simulated port"):
        simulator.start()
    assert [path.name for path in tmp_path.iterdir()] == ["st"]
    assert (tmp_path / "st").read_text() == "mine"


def test_a_probe_is_a_kernel_file(tmp_path: Path, truth: io.StringIO) -> None:
    """A reading is true to the truth file; a vanished probe is a vanished directory, and returns with 85 C first."""
    with _start(PROBE, tmp_path, truth) as simulator:
        path = simulator.paths["chiller"]
        assert path == tmp_path / "w1" / "28-000000000c01" / "w1_slave"
        simulator.act("chiller", "approach", target_c=-18, tau_s=0.2)
        read: list[Measurement | BadFrame] = []

        def look() -> Measurement | BadFrame:
            read.append(read_w1_text(path.read_bytes(), path.parent.name))
            return read[-1]

        _wait(lambda: abs((getattr(look(), "value", None) or 0.0) + 18) < 0.1)
        told = {row["value"] for row in _rows(truth) if not row["event"]}
        assert {event.value for event in read if isinstance(event, Measurement)} <= told
        assert all(isinstance(event, Measurement) for event in read)
        simulator.act("chiller", "garbage")
        _wait(lambda: getattr(look(), "state", "") == "crc")
        simulator.act("chiller", "unplug")
        _wait(lambda: not path.parent.exists())
        simulator.act("chiller", "plug")
        _wait(path.exists)
        assert getattr(look(), "state", "") == "power_on"
        _wait(lambda: abs((getattr(look(), "value", None) or 0.0) + 18) < 0.1)
    assert list(tmp_path.iterdir()) == []


@needs_micropython
def test_a_board_is_the_real_firmware(tmp_path: Path, truth: io.StringIO) -> None:
    """A board behind a port measures, obeys, loses a chip, restarts and is unplugged like one in a kitchen."""
    with _start(BOARD, tmp_path, truth) as simulator:
        parser = PROTOCOLS["pawon-board"].parser()
        reader = Reader(simulator.paths["board"], parser)

        def told(channel: str) -> tuple[float | None, str] | None:
            found = [event for event in reader.events if isinstance(event, Measurement) and event.channel == channel]
            return (found[-1].value, found[-1].state) if found else None

        os.write(reader.file, commands.identify(sequence=1))
        reader.until(lambda: any(isinstance(event, BoardHello) for event in reader.events))
        reader.until(lambda: told("hx711-0") == (-20_000.0, "ok") and told("28-000000000a01") == (66.0, "ok"))
        simulator.act("board", "add", channel="hx711-0", mass_g=500, duration_s=0.2)
        simulator.act("board", "unplug", channel="28-000000000a01")
        reader.until(lambda: told("hx711-0") == (-30_000.0, "ok"))
        reader.until(lambda: told("28-000000000a01") == (None, "disconnected"))
        reader.events.clear()
        simulator.act("board", "restart")
        reader.until(lambda: any(isinstance(event, BoardHello) and event.restarted for event in reader.events))
        simulator.act("board", "unplug")
        _wait(lambda: not simulator.paths["board"].is_symlink())
        reader.close()
        simulator.act("board", "plug")
        _wait(simulator.paths["board"].is_symlink)
        again = Reader(simulator.paths["board"], PROTOCOLS["pawon-board"].parser())
        again.until(lambda: -30_000.0 in again.values())
        again.close()
    assert list(tmp_path.iterdir()) == []


def test_without_micropython_the_board_is_left_out(
    tmp_path: Path, truth: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no interpreter the board is missing and named; the other devices are there."""
    monkeypatch.setattr("pawon_firmware_bridge.simulator.simulator.find_micropython", lambda: None)
    with _start(SCALES + BOARD, tmp_path, truth) as simulator:
        assert simulator.left_out == ["board"]
        assert set(simulator.paths) == {"a12", "a9", "st"}
        assert all(path.is_symlink() for path in simulator.paths.values())


def test_a_story_repeats(tmp_path: Path, truth: io.StringIO) -> None:
    """With `repeat_s` the events come again and again, at their times."""
    story = "repeat_s = 0.3\n" + PROBE + '[[event]]\nat_s = 0.1\ndevice = "chiller"\naction = "garbage"\n'
    scenario = parse_scenario(story.encode())
    Simulator(scenario, tmp_path, truth=truth).run(duration_s=0.85)
    times = [row["time"] for row in _rows(truth) if row["event"] == "garbage"]
    assert len(times) == 3
    assert all(abs(later - earlier - 0.3) < 0.1 for earlier, later in pairwise(times))


def test_impossible_actions_are_refused(tmp_path: Path, truth: io.StringIO) -> None:
    """Asking for what cannot happen is told at once and with its reason."""
    simulator = _start(SCALES, tmp_path, truth)
    for device, action, reason in [
        ("nobody", "add", "no device 'nobody'"),
        ("a12", "explode", "unknown action 'explode'"),
        ("a12", "add", "mass_g: missing"),
        ("a9", "overload", "action overload is not for yaohua-a9"),
    ]:
        with pytest.raises(ScenarioError, match=reason):
            simulator.act(device, action)


@needs_micropython
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    """A signal ends the command with status 0, its boards with it, and leaves neither links nor files behind."""
    folder, truth = tmp_path / "devices", tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "pawon_firmware_bridge.cli", "simulate", "demo", "--dir", str(folder)]
    process = subprocess.Popen([*command, "--truth", str(truth)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["left_out"] == []
    assert set(first["devices"]) == {
        "scale-rice", "scale-receiving", "scale-prep", "chiller-1", "chiller-2", "freezer", "board-hot",
    }  # fmt: skip
    assert all(Path(path).exists() for path in first["devices"].values())
    board = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(board) == 1
    process.send_signal(number)
    assert process.wait(5) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert not Path(f"/proc/{board[0]}").exists()
    assert list(folder.iterdir()) == []
    assert {json.loads(line)["device"] for line in truth.read_text().splitlines()} >= {"chiller-1", "board-hot"}


@needs_micropython
def test_a_killed_simulator_leaves_no_process_and_can_start_again(tmp_path: Path) -> None:
    """kill -9 leaves links behind but no firmware; the next start takes their place."""
    command = [sys.executable, "-m", "pawon_firmware_bridge.cli", "simulate", "demo", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    paths = json.loads(process.stdout.readline())["devices"]
    [board] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait(5)
    _wait(lambda: not _runs(board))
    assert Path(paths["scale-rice"]).is_symlink()
    done = subprocess.run([*command, "--duration", "0.3"], capture_output=True, timeout=20, check=True)
    assert json.loads(done.stdout.splitlines()[0])["devices"] == paths
    assert list(tmp_path.iterdir()) == []


@needs_micropython
def test_the_demo_is_cheap(tmp_path: Path) -> None:
    """Three scales at 10 Hz, probes and a board cost at most a tenth of a core, with readers attached."""
    command = [sys.executable, "-m", "pawon_firmware_bridge.cli", "simulate", "demo", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    paths = json.loads(process.stdout.readline())["devices"]
    readers = [
        Reader(Path(paths[name]), PROTOCOLS[protocol].parser())
        for name, protocol in (("scale-rice", "yaohua-a12-wg"), ("board-hot", "pawon-board"))
    ]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    pids = [str(process.pid), *children]
    # Start-up (imports) is paid once; the bar is about running.
    began, used = time.monotonic(), _cpu_s(pids)
    readers[0].until(lambda: time.monotonic() - began > 2.0)
    share = (_cpu_s(pids) - used) / (time.monotonic() - began)
    process.terminate()
    process.wait(5)
    for reader in readers:
        reader.close()
    assert share <= 0.10


def _cpu_s(pids: list[str]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
