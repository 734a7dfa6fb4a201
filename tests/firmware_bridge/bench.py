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

from pawon_firmware_bridge.board.parser import BoardAnswer, BoardParser
from pawon_firmware_bridge.measurement import Event, Measurement

DEADLINE_S = 8.0


class Bench:
    """Starts the firmware; `chips` is what the simulated chips hold and may be changed with `set`."""

    def __init__(self, micropython: str, folder: Path, **chips: Any) -> None:
        self.log = folder / "log"
        self.chips: dict[str, Any] = {
            "board_id": "00000000000000aa",
            "reset_cause": 1,
            "log": str(self.log),
            "hx711": [],
            "ds18b20": [],
            **chips,
        }
        self._path = folder / "chips.json"
        self.set()
        self._master, slave = os.openpty()
        tty.setraw(slave)
        run = files("pawon_firmware_bridge") / "firmware" / "bench" / "run.py"
        self.process = subprocess.Popen([micropython, str(run), str(self._path)], stdin=slave, stdout=slave)
        os.close(slave)
        self._parser = BoardParser()
        self.events: list[Event] = []
        self.answers: list[BoardAnswer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self.process.terminate()
        self.process.wait(5)

    def set(self) -> None:
        """Put `chips` into effect."""
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

    def until(self, done: Callable[[], bool]) -> None:
        """Read until `done`; fails after `DEADLINE_S`."""
        end = time.monotonic() + DEADLINE_S
        while not done():
            left = end - time.monotonic()
            assert left > 0, f"not in time; heard {self.events[-5:]}"
            if select.select([self._master], [], [], left)[0]:
                self.events += self._parser.feed(os.read(self._master, 4096))
                self.answers += self._parser.take_answers()

    def has(self, channel: str, value: float | None, state: str = "ok") -> Callable[[], bool]:
        """True once a channel's newest word is this; forgets everything before."""
        self.events.clear()

        def done() -> bool:
            told = [event for event in self.events if isinstance(event, Measurement) and event.channel == channel]
            return bool(told) and (told[-1].value, told[-1].state) == (value, state)

        return done
