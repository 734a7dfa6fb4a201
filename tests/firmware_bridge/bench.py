"""A board on the desk: the real firmware under the real interpreter, its standard input and output on a pty."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
import tty
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pawon_firmware_bridge.board.parser import BoardAnswer, BoardParser, BoardSelfTest
from pawon_firmware_bridge.measurement import Event, Measurement

DEADLINE_S = 40.0
"""Waited in vain on any machine, also on a busy one; the slowest thing waited for, a zero told again, takes 10 s."""


class Bench:
    """Starts the firmware; `chips` is what the simulated chips hold and may be changed with `set`.

    Its flash is `zeros`; it outlives the program, as on a board.
    """

    def __init__(self, micropython: str, folder: Path, **chips: Any) -> None:
        self.log = folder / "log"
        self.zeros = folder / "zeros.json"
        self.watchdog = folder / "watchdog"
        self.chips: dict[str, Any] = {
            "board_id": "00000000000000aa",
            "reset_cause": 1,
            "log": str(self.log),
            "zeros": str(self.zeros),
            "watchdog": str(self.watchdog),
            **chips,
        }
        self._micropython = micropython
        self._path = folder / "chips.json"
        self.set()
        self._begin()

    def _begin(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        run = files("pawon_firmware_bridge") / "firmware" / "bench" / "run.py"
        self.process = subprocess.Popen(
            [self._micropython, str(run), str(self._path)], stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.frames = b""
        self._parser = BoardParser()
        self.events: list[Event] = []
        self.answers: list[BoardAnswer] = []
        self.self_tests: list[BoardSelfTest] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self.process.terminate()
        self.process.wait(5)

    def cut_power(self) -> None:
        """kill -9: the program has no moment to save anything."""
        self.process.kill()
        self.process.wait(5)
        self.hang_up()

    def start_again(self, reset_cause: int = 1, **chips: Any) -> None:
        """Power is back; the chips may hold something else by now."""
        self.chips.update(chips, reset_cause=reset_cause)
        self.set()
        self._begin()

    def set(self, **chips: Any) -> None:
        """Put `chips` into effect."""
        self.chips.update(chips)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self.chips))
        new.replace(self._path)

    def hang_up(self) -> None:
        """The host goes away."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def listen(self, seconds: float) -> None:
        """Read for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                self._take()

    def until(self, done: Callable[[], bool]) -> None:
        """Read until `done`; fails after `DEADLINE_S`."""
        end = time.monotonic() + DEADLINE_S
        while not done():
            left = end - time.monotonic()
            assert left > 0, f"not in time; heard {self.events[-5:]}, {self.answers[-2:]}"
            if select.select([self._master], [], [], left)[0]:
                self._take()

    def _take(self) -> None:
        data = os.read(self._master, 4096)
        self.frames += data
        self.events += self._parser.feed(data)
        self.answers += self._parser.take_answers()
        self.self_tests += self._parser.take_self_tests()

    def has(self, channel: str, value: float | None, state: str = "ok") -> Callable[[], bool]:
        """True once a channel's newest word is this; forgets everything before."""
        self.events.clear()

        def done() -> bool:
            told = [event for event in self.events if isinstance(event, Measurement) and event.channel == channel]
            return bool(told) and (told[-1].value, told[-1].state) == (value, state)

        return done
