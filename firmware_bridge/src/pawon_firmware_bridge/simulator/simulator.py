"""Runs a scenario: one loop that sends frames, fires events and relays boards, in this thread or in one of its own."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self, TextIO

from pawon_firmware_bridge.simulator.actions import ACTIONS, action_problems
from pawon_firmware_bridge.simulator.bench_board import BenchBoard, find_micropython
from pawon_firmware_bridge.simulator.modbus_line import ModbusLine, ModbusUnit
from pawon_firmware_bridge.simulator.probe import Probe
from pawon_firmware_bridge.simulator.rows import BoardRow, DeviceRow, EventRow, ModbusRow, ProbeRow, ScaleRow, Scenario
from pawon_firmware_bridge.simulator.scale import Scale
from pawon_firmware_bridge.simulator.scenario import ScenarioError, kinds_of
from pawon_firmware_bridge.simulator.tables import read_table
from pawon_firmware_bridge.simulator.truth import Truth, TruthRow

LONGEST_WAIT_S = 1.0
"""The loop looks at everything at least this often."""

FEWEST_WAIT_S = 0.001
"""Babbling devices are served at most 1,000 times a second, so that they leave room for the others."""

Device = Scale | Probe | BenchBoard | ModbusUnit


class Simulator:
    """The devices of one scenario below one directory.

    `with Simulator(scenario, directory) as simulator:` plugs everything in, tells the story in a thread, and takes
    everything away at the end. `run` does the same in the calling thread.
    """

    def __init__(
        self,
        scenario: Scenario,
        directory: Path,
        *,
        truth: TextIO | None = None,
        on_event: Callable[[TruthRow], None] | None = None,
        micropython: str | None = None,
    ) -> None:
        self.left_out: list[str] = []
        self.paths: dict[str, Path] = {}
        self._scenario = scenario
        self._directory = directory
        self._truth = Truth(truth, on_event)
        self._micropython = micropython or find_micropython()
        self._devices: dict[str, Device] = {}
        self._lines: dict[str, ModbusLine] = {}
        self._asked: deque[EventRow] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_read, self._wake_write = -1, -1
        for row in scenario.devices:
            self._build(row)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Plug everything in, then tell the story in a thread; on return every path exists. OSError if one cannot."""
        began = self._open()
        self._thread = threading.Thread(target=self._serve, args=(began, None), name="simulator")
        self._thread.start()

    def run(self, duration_s: float | None = None, *, ready: Callable[[], None] | None = None) -> None:
        """Plug everything in and tell the story here, until `duration_s` has passed or `end` is called.

        `ready` is called once every path exists. OSError if one cannot.
        """
        self._serve(self._open(), duration_s, ready)

    def end(self) -> None:
        """Ask the story to end, without waiting for it; safe in a signal handler and from any thread."""
        self._stopping.set()
        self._wake()

    def stop(self) -> None:
        """End the story of `start` and wait until everything is taken away."""
        self.end()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def act(self, device: str, action: str, *, channel: str = "", **arguments: float) -> None:
        """Let something happen now, as an event of a scenario would. ScenarioError if it cannot."""
        problems: list[str] = []
        row = next((row for row in self._scenario.devices if row.name == device), None)
        if row is None or action not in ACTIONS:
            raise ScenarioError([f"no device {device!r}" if row is None else f"unknown action {action!r}"])
        values = read_table(arguments, ACTIONS[action].fields, "", problems)
        problem = action_problems(action, *kinds_of(row, channel))
        if problem or problems:
            raise ScenarioError([*problems, *([problem] if problem else [])])
        known = {key: float(value) for key, value in values.items()}
        self._asked.append(EventRow(at_s=0.0, device=device, channel=channel, action=action, arguments=known))
        self._wake()

    def _build(self, row: DeviceRow) -> None:
        # Each device has its own chance, so that adding one does not change the noise of the others.
        random = Random(f"{self._scenario.seed} {row.name}")  # noqa: S311 - noise, not a secret
        self.paths[row.name] = self._directory / row.path
        match row:
            case ScaleRow():
                self._devices[row.name] = Scale(row, self._directory, self._truth, random)
            case ProbeRow():
                self._devices[row.name] = Probe(row, self._directory, self._truth, random)
                self.paths[row.name] /= "w1_slave"
            case ModbusRow():
                line = self._lines.setdefault(row.path, ModbusLine(self._directory / row.path))
                self._devices[row.name] = ModbusUnit(row, line, self._truth, random)
            case BoardRow() if self._micropython is not None:
                self._devices[row.name] = BenchBoard(row, self._directory, self._truth, random, self._micropython)
            case BoardRow():
                del self.paths[row.name]
                self.left_out.append(row.name)

    def _open(self) -> float:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        began = time.monotonic()
        try:
            for device in self._devices.values():
                device.open(began)
        except OSError:
            self._close()
            raise
        return began

    def _close(self) -> None:
        for device in self._devices.values():
            device.close()
        for path in sorted({path.parent for path in self.paths.values()}, key=lambda path: -len(path.parts)):
            _remove_empty(path, self._directory)
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._wake_read, self._wake_write = -1, -1
        self._stopping.clear()

    def _wake(self) -> None:
        if self._wake_write >= 0:
            try:
                os.write(self._wake_write, b"!")
            except OSError:
                return  # it is full of earlier wake-ups, or the story has just ended

    def _serve(self, began: float, duration_s: float | None, ready: Callable[[], None] | None = None) -> None:
        until = float("inf") if duration_s is None else began + duration_s
        story = _Story(self._scenario, began)
        try:
            if ready is not None:
                ready()
            while not self._stopping.is_set():
                now = time.monotonic()
                if now >= until:
                    break
                self._fire([*story.take(now), *self._take_asked()], now)
                for device in self._devices.values():
                    if now >= device.due:
                        device.step(now)
                due = min([device.due for device in self._devices.values()], default=until)
                self._listen(min(due, story.due, until))
        finally:
            self._close()

    def _take_asked(self) -> list[EventRow]:
        asked = []
        while self._asked:
            asked.append(self._asked.popleft())
        return asked

    def _fire(self, events: list[EventRow], now: float) -> None:
        for event in events:
            device = self._devices.get(event.device)
            if device is not None:
                device.act(now, event)

    def _listen(self, until: float) -> None:
        """Wait for the next thing to do, and carry meanwhile what boards and their hosts say."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        boards: dict[int, BenchBoard] = {}
        for device in self._devices.values():
            if isinstance(device, BenchBoard):
                for descriptor in device.outputs():
                    boards[descriptor] = device
                    poll.register(descriptor, select.POLLIN)
        wait_s = min(max(until - time.monotonic(), FEWEST_WAIT_S), LONGEST_WAIT_S)
        for descriptor, _ in poll.poll(wait_s * 1000):
            if descriptor == self._wake_read:
                os.read(descriptor, 4096)
            else:
                boards[descriptor].relay(descriptor, time.monotonic())


class _Story:
    """The scenario's events on the clock, again and again if it repeats."""

    def __init__(self, scenario: Scenario, began: float) -> None:
        self._events = scenario.events
        self._repeat_s = scenario.repeat_s
        self._began = began
        self._next = 0

    @property
    def due(self) -> float:
        if not self._events or (not self._repeat_s and self._next >= len(self._events)):
            return float("inf")
        round_number, at = divmod(self._next, len(self._events))
        return self._began + round_number * self._repeat_s + self._events[at].at_s

    def take(self, now: float) -> list[EventRow]:
        """The events that are due."""
        events = []
        while self.due <= now:
            events.append(self._events[self._next % len(self._events)])
            self._next += 1
        return events


def _remove_empty(path: Path, top: Path) -> None:
    while path != top and path.is_relative_to(top):
        try:
            path.rmdir()
        except FileNotFoundError:
            pass  # a probe has taken its own directory away
        except OSError:
            return  # somebody else has something in it
        path = path.parent
