"""A simulated board: the real firmware under the real interpreter, simulated chips below its drivers, behind a port.

The firmware reads its chips from a JSON file that is replaced here; its standard input and output are relayed to the
port. It ends when its standard input is closed, so it cannot outlive a simulator that was killed. Here are also the
parts of a board that are outside its program: the flash that keeps its zeros, and the watchdog that ends a program that
hangs.
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

from pawon_firmware_bridge.simulator.board_channels import Channel, channels_of
from pawon_firmware_bridge.simulator.port import MAX_READ, Port
from pawon_firmware_bridge.simulator.rows import BoardRow, EventRow
from pawon_firmware_bridge.simulator.truth import Truth

STEP_S = 0.1
"""An HX711's conversion; values that change faster could not be seen."""

POWER_CAUSE, HARD_CAUSE, WATCHDOG_CAUSE = 1, 2, 3
WATCHDOG_S = 8.0
"""As on a real board: a program that has not fed its watchdog for so long is ended and begins again."""

END_S = 2.0
"""A firmware that has not ended this long after its input was closed is killed."""

RESTART_S = 1.0


def find_micropython() -> str | None:
    """The interpreter beside this Python (a virtual environment) or on PATH; None where there is none."""
    beside = Path(sys.executable).with_name("micropython")
    return str(beside) if beside.exists() else shutil.which("micropython")


class BenchBoard:
    """One board; `fileno` is its firmware's output, for a selector."""

    def __init__(self, row: BoardRow, directory: Path, truth: Truth, random: Random, micropython: str) -> None:
        self.row = row
        self.port = Port(directory / row.path)
        self.due = 0.0
        self._chips_path = directory / f".{row.name}.chips.json"
        self._log_path = directory / f"{row.name}.outputs"
        self._zeros_path = directory / f".{row.name}.zeros.json"
        self._watchdog_path = directory / f".{row.name}.watchdog"
        self._micropython = micropython
        self._truth = truth
        self._random = random
        self._channels: dict[str, Channel] = dict(channels_of(row.channels, random))
        self._hangs = False
        self._feeding: int | None = None
        self._fed_at = 0.0
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
        zeros_new = self._zeros_path.with_name(self._zeros_path.name + ".new")
        for path in (self._chips_path, self._log_path, self._zeros_path, zeros_new, self._watchdog_path):
            path.unlink(missing_ok=True)

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
        elif self._process is not None and self._starved(now):
            self._truth.event(self.row.name, "watchdog")
            self._restart(WATCHDOG_CAUSE, now)

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions a board or one of its channels knows."""
        channel = self._channels.get(event.channel)
        if channel is not None:
            channel.act(now, event.action, event.arguments)
        else:
            self._act_on_board(now, event)
        self._show(now)
        quantity = channel.quantity if channel is not None else ""
        value = event.arguments.get("target_c")
        self._truth.event(self.row.name, event.action, channel=event.channel, quantity=quantity, value=value)

    def _act_on_board(self, now: float, event: EventRow) -> None:
        match event.action:
            case "unplug":
                self._end()
                self.port.unplug()
            case "plug":
                self.port.plug()
                self._restart(POWER_CAUSE, now)
            case "restart":
                self._restart(HARD_CAUSE, now)
            case "hang":
                self._hangs = True
            case "garbage":
                self.port.write(self._random.randbytes(int(event.arguments["count"])))

    def _restart(self, cause: int, now: float) -> None:
        self._end()
        self._reset_cause, self._hangs = cause, False
        self._show(now)
        self._start()

    def _starved(self, now: float) -> bool:
        try:
            feeding = self._watchdog_path.stat().st_mtime_ns
        except FileNotFoundError:
            feeding = None  # as on a real board, the watchdog begins with its first feeding
        if feeding is None or feeding != self._feeding:
            self._feeding, self._fed_at = feeding, now
        return now - self._fed_at > WATCHDOG_S

    def _show(self, now: float) -> None:
        parts: dict[str, list[dict[str, object]]] = {"hx711": [], "ds18b20": [], "thermocouples": [], "switches": []}
        for channel in self._channels.values():
            chip, said = channel.show(now)
            parts[channel.part].append(chip)
            for name, value, state in said:
                self._truth.value(self.row.name, channel.quantity, value, channel=name, state=state)
        board = {
            "board_id": self.row.board_id, "reset_cause": self._reset_cause, "hang": self._hangs,
            "log": str(self._log_path), "zeros": str(self._zeros_path), "watchdog": str(self._watchdog_path),
        }  # fmt: skip
        text = json.dumps({**board, **parts})
        if text == self._written:
            return
        self._written = text
        new = self._chips_path.with_name(self._chips_path.name + ".new")
        new.write_text(text)
        new.replace(self._chips_path)

    def _start(self) -> None:
        if self._process is not None:
            return
        self._watchdog_path.unlink(missing_ok=True)
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
