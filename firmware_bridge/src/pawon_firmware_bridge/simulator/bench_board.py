"""A simulated board: the real firmware under the real interpreter, simulated chips below its drivers, behind a port.

The firmware reads its chips from a JSON file that is replaced here; its standard input and output are relayed to the
port. It ends when its standard input is closed, so it cannot outlive a simulator that was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from random import Random

from pawon_firmware_bridge.ds18b20 import STEPS_PER_DEGREE, crc8, scratchpad_of
from pawon_firmware_bridge.simulator.port import MAX_READ, Port
from pawon_firmware_bridge.simulator.rows import BoardProbeRow, BoardRow, CellRow, EventRow
from pawon_firmware_bridge.simulator.truth import Truth
from pawon_firmware_bridge.simulator.warmth import Warmth
from pawon_firmware_bridge.simulator.weighing_platform import Platform

STEP_S = 0.1
"""An HX711's conversion; values that change faster could not be seen."""

POWER_CAUSE, HARD_CAUSE = 1, 2
END_S = 2.0
"""A firmware that has not ended this long after its input was closed is killed."""

RESTART_S = 1.0
HIGHEST_COUNTS, LOWEST_COUNTS = 0x7FFFFF, -0x800000


def find_micropython() -> str | None:
    """The interpreter beside this Python (a virtual environment) or on PATH; None where there is none."""
    beside = Path(sys.executable).with_name("micropython")
    return str(beside) if beside.exists() else shutil.which("micropython")


def rom_of(name: str) -> bytes:
    """A 1-wire id as Linux spells it -> the eight bytes on the bus."""
    family, _, number = name.partition("-")
    body = bytes.fromhex(family) + bytes.fromhex(number)[::-1]
    return body + bytes([crc8(body)])


class Cell:
    """One load cell channel."""

    def __init__(self, row: CellRow, random: Random) -> None:
        self.row = row
        self.quantity = "raw_counts"
        self.plugged = True
        self.platform = Platform(
            mass_g=row.mass_g, division_g=1.0, noise_g=row.noise_g, capacity_g=float("inf"), random=random
        )

    def value(self, now: float) -> int:
        self.platform.settle(now)
        if self.platform.saturated(now):
            return HIGHEST_COUNTS
        counts = round(self.row.offset_counts + self.platform.cell_g(now) * self.row.counts_per_g)
        return min(max(counts, LOWEST_COUNTS), HIGHEST_COUNTS)

    def chip(self, value: int) -> dict[str, object]:
        return {"counts": value, "plugged": self.plugged}

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        match action:
            case "add" | "take":
                mass_g = arguments["mass_g"] if action == "add" else -arguments["mass_g"]
                self.platform.add(now, mass_g, arguments["duration_s"])
            case "touch":
                self.platform.touch(now, arguments["mass_g"], arguments["duration_s"])
            case "overload":
                self.platform.overload(now, arguments["duration_s"])


class Thermometer:
    """One DS18B20 channel."""

    def __init__(self, row: BoardProbeRow, random: Random) -> None:
        self.row = row
        self.quantity = "temperature_c"
        self.plugged = True
        self.warmth = Warmth(temperature_c=row.temperature_c, noise_c=row.noise_c, random=random)

    def value(self, now: float) -> int:
        return self.warmth.steps(now)

    def chip(self, value: int) -> dict[str, object]:
        scratchpad = scratchpad_of(value).hex()
        return {"rom": rom_of(self.row.name).hex(), "scratchpad": scratchpad, "plugged": self.plugged}

    def act(self, now: float, action: str, arguments: dict[str, float]) -> None:
        if action == "approach":
            self.warmth.approach(now, arguments["target_c"], arguments["tau_s"])


class BenchBoard:
    """One board; `fileno` is its firmware's output, for a selector."""

    def __init__(self, row: BoardRow, directory: Path, truth: Truth, random: Random, micropython: str) -> None:
        self.row = row
        self.port = Port(directory / row.path)
        self.due = 0.0
        self._chips_path = directory / f".{row.name}.chips.json"
        self._micropython = micropython
        self._truth = truth
        self._random = random
        self._channels: dict[str, Cell | Thermometer] = {
            channel.name: Cell(channel, random) if isinstance(channel, CellRow) else Thermometer(channel, random)
            for channel in row.channels
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at = 0.0
        self._reset_cause = POWER_CAUSE
        self._written = ""

    def open(self, now: float) -> None:
        self.port.plug()
        self.due = now
        self._show(now)
        self._start()

    def close(self) -> None:
        self._end()
        self.port.unplug()
        self._chips_path.unlink(missing_ok=True)

    def outputs(self) -> list[int]:
        """Descriptors that bring something: the firmware's output, and the port while somebody has it open."""
        found = []
        if self._process is not None and self._process.stdout is not None:
            found.append(self._process.stdout.fileno())
            if self.port.attached():
                found.append(self.port.fileno())
        return found

    def relay(self, descriptor: int, now: float) -> None:
        """Carry what `descriptor` brought to the other side."""
        process = self._process
        if process is None or process.stdout is None or process.stdin is None:
            return
        if descriptor != process.stdout.fileno():
            self._tell(process, self.port.read())
            return
        data = os.read(descriptor, MAX_READ)
        if data:
            self.port.write(data)
            return
        self._end()
        self._start_at = now + RESTART_S
        self._truth.event(self.row.name, "died")

    def step(self, now: float) -> None:
        """Renew the chips' values; start a firmware that has died."""
        self.due = max(self.due, now) + STEP_S
        self._show(now)
        if self._process is None and self.port.plugged and now >= self._start_at:
            self._start()

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions a board or one of its channels knows."""
        channel = self._channels.get(event.channel)
        if channel is not None:
            channel.plugged = event.action == "plug" or (channel.plugged and event.action != "unplug")
            channel.act(now, event.action, event.arguments)
        else:
            self._act_on_board(event)
        self._show(now)
        quantity = channel.quantity if channel is not None else ""
        value = event.arguments.get("target_c")
        self._truth.event(self.row.name, event.action, channel=event.channel, quantity=quantity, value=value)

    def _act_on_board(self, event: EventRow) -> None:
        match event.action:
            case "unplug":
                self._end()
                self.port.unplug()
            case "plug":
                self.port.plug()
                self._reset_cause = POWER_CAUSE
                self._start()
            case "restart":
                self._end()
                self._reset_cause = HARD_CAUSE
                self._start()
            case "garbage":
                self.port.write(self._random.randbytes(int(event.arguments["count"])))

    def _show(self, now: float) -> None:
        rows: dict[str, list[dict[str, object]]] = {"raw_counts": [], "temperature_c": []}
        for name, channel in sorted(self._channels.items()):
            value = channel.value(now)
            rows[channel.quantity].append(channel.chip(value))
            said = float(value) if channel.quantity == "raw_counts" else value / STEPS_PER_DEGREE
            if channel.plugged:
                self._truth.value(self.row.name, channel.quantity, said, channel=name)
            else:
                self._truth.value(self.row.name, channel.quantity, None, channel=name, state="disconnected")
        chips = {"board_id": self.row.board_id, "reset_cause": self._reset_cause, "log": None}
        text = json.dumps({**chips, "hx711": rows["raw_counts"], "ds18b20": rows["temperature_c"]})
        if text == self._written:
            return
        self._written = text
        new = self._chips_path.with_name(self._chips_path.name + ".new")
        new.write_text(text)
        new.replace(self._chips_path)

    def _start(self) -> None:
        if self._process is not None:
            return
        run = files("pawon_firmware_bridge") / "firmware" / "bench" / "run.py"
        self._process = subprocess.Popen(
            [self._micropython, str(run), str(self._chips_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A person's Ctrl-C is for the simulator, which then ends its boards one by one.
            start_new_session=True,
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _tell(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        try:
            os.write(process.stdin.fileno(), data)
        except (BlockingIOError, BrokenPipeError):
            return  # a firmware that does not listen loses the command, as on a wire
