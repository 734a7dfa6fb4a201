"""A simulated DS18B20 on the gateway's own bus: a directory and a `w1_slave` file as the Linux kernel shows them.

The file is replaced whole, so a reader sees one reading or the next and never half of one; reading it takes no time,
where a real probe takes 750 ms.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from pawon_firmware_bridge.ds18b20 import (
    POWER_ON_STEPS,
    SCRATCHPAD_LENGTH,
    STEPS_PER_DEGREE,
    scratchpad_of,
)
from pawon_firmware_bridge.protocols.ds18b20_w1 import encode_w1_text
from pawon_firmware_bridge.simulator.rows import EventRow, ProbeRow
from pawon_firmware_bridge.simulator.truth import Truth
from pawon_firmware_bridge.simulator.warmth import Warmth

UNREADABLE = b"\xff" * SCRATCHPAD_LENGTH
"""What a read gives when the line is loose: the pull-up's ones, with a CRC that does not fit."""

POWER_ON = scratchpad_of(POWER_ON_STEPS, power_on=True)


class Probe:
    """Gives a new reading `rate_hz` times a second while plugged in."""

    def __init__(self, row: ProbeRow, directory: Path, truth: Truth, random: Random) -> None:
        self.row = row
        self.due = 0.0
        self._directory = directory / row.path
        self._file = self._directory / "w1_slave"
        self._new = self._directory / ".w1_slave.new"
        self._truth = truth
        self._warmth = Warmth(temperature_c=row.temperature_c, noise_c=row.noise_c, random=random)
        self._plugged = False
        self._unreadable = False
        self._last_good = POWER_ON
        self._written = b""

    def open(self, now: float) -> None:
        self._plug()
        # The kernel has converted long before the story begins.
        self.due = now
        self.step(now)

    def close(self) -> None:
        for path in (self._new, self._file):
            path.unlink(missing_ok=True)
        try:
            self._directory.rmdir()
        except OSError:
            pass  # it is gone already, or somebody else has put something in it
        self._plugged = False
        self._written = b""

    def step(self, now: float) -> None:
        """Convert and show."""
        self.due = max(self.due, now) + 1 / self.row.rate_hz
        if not self._plugged:
            return
        if self._unreadable:
            self._unreadable = False
            self._show(UNREADABLE, None, "crc")
            return
        steps = self._warmth.steps(now)
        self._last_good = scratchpad_of(steps)
        self._show(self._last_good, steps / STEPS_PER_DEGREE, "ok")

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions a probe knows."""
        target_c = event.arguments.get("target_c")
        match event.action:
            case "approach":
                self._warmth.approach(now, event.arguments["target_c"], event.arguments["tau_s"])
            case "unplug":
                self.close()
            case "plug":
                self._plug()
                self._show(POWER_ON, None, "power_on")
                self.due = now + 1 / self.row.rate_hz
            case "garbage":
                self._unreadable = True
        self._truth.event(self.row.name, event.action, channel=self.row.rom, quantity="temperature_c", value=target_c)

    def _plug(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._plugged = True

    def _show(self, scratchpad: bytes, value: float | None, state: str) -> None:
        self._truth.value(self.row.name, "temperature_c", value, channel=self.row.rom, state=state)
        text = encode_w1_text(scratchpad, last_good=self._last_good)
        if text == self._written:
            return
        self._written = text
        self._new.write_bytes(text)
        self._new.replace(self._file)
