"""`pawon-bridge board` as an installer uses it: the real firmware on a pty, the command's own words."""

from __future__ import annotations

import fcntl
import io
import json
import os
import select
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.firmware_bridge.bench import Bench

from pawon_firmware_bridge.board.calibration import CalibrationError, calibrate
from pawon_firmware_bridge.cli import main
from pawon_firmware_bridge.ds18b20 import scratchpad_of
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.board_channels import rom_of

MICROPYTHON = find_micropython()
needs_micropython = pytest.mark.skipif(MICROPYTHON is None, reason="no MicroPython wheel for this machine (aarch64)")
Words = pytest.CaptureFixture[str]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A board nobody listens to yet: its frames wait in a pty that the tool opens."""
    assert MICROPYTHON is not None
    cells = [{"counts": 84_210, "plugged": True}, {"counts": 7, "plugged": False}]
    probe = {"rom": rom_of("28-00000a1b2c3d").hex(), "scratchpad": scratchpad_of(370).hex(), "plugged": True}
    doors = [{"level": 1, "normally": "closed"}]
    with Bench(MICROPYTHON, tmp_path, hx711=cells, ds18b20=[probe], switches=doors) as started:
        yield started


class Wire:
    """Carries bytes between the board's pty and one the tool opens, as a USB cable does."""

    def __init__(self, bench: Bench) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._stop = threading.Event()

        def carry() -> None:
            board = bench._master
            while not self._stop.is_set():
                for ready in select.select([board, self._master], [], [], 0.1)[0]:
                    os.write(self._master if ready == board else board, os.read(ready, 4096))

        self._thread = threading.Thread(target=carry)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def port(bench: Bench) -> Iterator[str]:
    wire = Wire(bench)
    yield wire.path
    wire.close()


@needs_micropython
def test_identify_and_tare(port: str, bench: Bench, capsys: Words) -> None:
    """The board's id, firmware and zero are printed; a tare is answered with the zero it stored."""
    assert main(["board", port, "identify"]) == 0
    assert "board 00000000000000aa, firmware 0.1.0, last start: power" in capsys.readouterr().out
    assert main(["board", port, "tare", "0"]) == 0
    assert "hx711-0                stored zero 84210" in capsys.readouterr().out
    assert main(["board", port, "identify", "--json"]) == 0
    hello, zero = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (hello["hello"], hello["reset_cause"]) == ("00000000000000aa", 1)
    assert zero == {"zero": "hx711-0", "channel": "hx711-0", "counts": 84_210}


@needs_micropython
def test_refusals_are_said_in_words(port: str, capsys: Words) -> None:
    """A missing load cell, and one that is not wired, end with status 1 and the reason."""
    assert main(["board", port, "tare", "1"]) == 1
    assert "failed: no readings" in capsys.readouterr().err
    assert main(["board", port, "tare", "3"]) == 1
    assert "refused: not wired" in capsys.readouterr().err


@needs_micropython
def test_self_test_names_the_fault_and_the_remedy(port: str, capsys: Words) -> None:
    """Each channel has a line; a fault makes the status 1."""
    assert main(["board", port, "self-test"]) == 1
    said = capsys.readouterr().out
    assert "hx711-0            ok\n" in said
    assert (
        "hx711-1            no conversion: the HX711 has no power, or its data or clock wire is off (fault 1)\n" in said
    )
    assert "28-00000a1b2c3d    ok\n" in said
    assert "passes over 100 ms" in said
    assert main(["board", port, "self-test", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["faults"] == {
        "hx711-0": 0, "hx711-1": 1, "door-0": 0, "onewire": 0, "28-00000a1b2c3d": 0, "buzzer": 0, "light": 0,
    }  # fmt: skip


@needs_micropython
def test_watch_interval_and_outputs(port: str, bench: Bench, capsys: Words) -> None:
    """`watch` prints what comes, in words or as JSON; the other commands are obeyed."""
    assert main(["board", port, "interval", "100"]) == 0
    assert main(["board", port, "light", "--on-ms", "30", "--repeats", "1"]) == 0
    assert main(["board", port, "buzzer", "--on-ms", "30", "--repeats", "1"]) == 0
    assert main(["board", port, "watch", "--duration", "2.5"]) == 0
    said = capsys.readouterr().out
    assert "hx711-0                raw_counts 84210\n" in said
    assert "hx711-1                raw_counts disconnected\n" in said
    assert "28-00000a1b2c3d        temperature_c 23.125\n" in said
    assert "door-0                 door 1\n" in said
    assert sorted(set(bench.log.read_text().split("\n"))) == ["", "buzzer 0", "buzzer 1", "light 0", "light 1"]
    assert main(["board", port, "watch", "--duration", "0.5", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"raw_counts", "door"} <= {line.get("quantity") for line in lines}


@needs_micropython
def test_calibrate(port: str, bench: Bench, capsys: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty, then a known mass: the two lines for gateway.toml, and nothing else, on standard output."""

    class Person(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            self.pressed = getattr(self, "pressed", 0) + 1
            if self.pressed == 2:
                bench.chips["hx711"][0]["counts"] = 84_210 - 43_024
                bench.set()
            return "\n"

    monkeypatch.setattr("sys.stdin", Person())
    assert main(["board", port, "calibrate", "--channel", "0", "--mass-g", "2000"]) == 0
    said = capsys.readouterr()
    assert said.out == "counts_per_g = -21.512\nzero_counts = 84210\n"
    assert "Take everything off hx711-0" in said.err
    assert main(["board", port, "calibrate", "--channel", "1", "--mass-g", "2000"]) == 1
    assert "hx711-1 is disconnected" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["board", port, "calibrate", "--channel", "0", "--mass-g", "2000"]) == 1
    assert "nobody pressed Enter" in capsys.readouterr().err


def test_ports_that_cannot_be_had(tmp_path: Path, capsys: Words) -> None:
    """Each message names the place and the remedy."""
    missing = tmp_path / "ttyUSB9"
    assert main(["board", str(missing), "identify"]) == 2
    assert f"{missing}: no such port" in capsys.readouterr().err
    plain = tmp_path / "file"
    plain.write_text("")
    assert main(["board", str(plain), "identify"]) == 2
    assert f"{plain}: is no serial port" in capsys.readouterr().err
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    assert main(["board", name, "identify"]) == 2
    assert "no answer within 6 s, nothing is heard from it at all" in capsys.readouterr().err
    fcntl.flock(slave, fcntl.LOCK_EX)
    assert main(["board", name, "identify"]) == 2
    assert "another program holds it, probably the gateway; stop that first" in capsys.readouterr().err
    os.close(slave)
    os.close(master)


def test_decode_prints_a_zero(capsys: Words) -> None:
    """A captured zero of a load cell is a JSON line of its own."""
    digits = "03 02 07 03 60 ea 01 07 02 07 04 f2 48 01 03 51 94 00"
    assert main(["decode", "--protocol", "pawon-board", "--hex", digits]) == 0
    assert json.loads(capsys.readouterr().out) == {"zero": "hx711-2", "channel": "hx711-2", "counts": 84_210}


def test_a_port_without_permission(monkeypatch: pytest.MonkeyPatch, capsys: Words) -> None:
    """The kernel's refusal becomes the command that helps."""

    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("pawon_firmware_bridge.board.port.os.open", refuse)
    assert main(["board", "/dev/ttyUSB0", "identify"]) == 2
    assert "/dev/ttyUSB0: not allowed; join the group dialout (sudo usermod -aG dialout" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["interval", "10"], "50-65535 ms"),
        (["tare", "4"], "load cells are 0-3"),
        (["buzzer", "--on-ms", "70000"], "times are 0-65535"),
        (["light", "--repeats", "256"], "repeats 0-255"),
        (["calibrate", "--channel", "0", "--mass-g", "0"], "--mass-g must be over 0"),
        (["calibrate", "--channel", "4", "--mass-g", "1"], "--channel 0-3"),
    ],
)
def test_what_no_board_can_do(arguments: list[str], words: str, capsys: Words) -> None:
    """Refused with the range before the port is touched."""
    assert main(["board", "/nowhere", *arguments]) == 2
    assert words in capsys.readouterr().err


@given(
    zero=st.integers(-4_000_000, 4_000_000),
    counts_per_g=st.one_of(st.floats(5, 400), st.floats(-400, -5)),
    mass_g=st.floats(500, 5_000),
    noise=st.lists(st.integers(-20, 20), min_size=16, max_size=16),
)
def test_a_calibration_gives_the_mass_back(zero: int, counts_per_g: float, mass_g: float, noise: list[int]) -> None:
    """The two numbers turn the counts of the known mass into that mass, within what the noise allows."""
    full = zero + counts_per_g * mass_g
    found = calibrate([zero + n for n in noise], [full + n for n in noise[::-1]], mass_g)
    assert (full - found.zero_counts) / found.counts_per_g == pytest.approx(mass_g, rel=0.01, abs=5)


@pytest.mark.parametrize(
    ("empty", "loaded", "words"),
    [
        ([0, 500], [9000, 9000], "the load moves"),
        ([0, 0], [9000, 9900], "the load moves"),
        ([0, 10], [100, 110], "is it on this load cell"),
        ([5, 5], [5, 5], "is it on this load cell"),
    ],
)
def test_no_calibration(empty: list[float], loaded: list[float], words: str) -> None:
    """A load that moves, or a mass that changes nothing, gives no numbers that could be copied."""
    with pytest.raises(CalibrationError, match=words):
        calibrate(empty, loaded, 1000)
