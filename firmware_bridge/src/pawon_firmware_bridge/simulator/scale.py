"""A simulated scale: a platform, an indicator that prints it in its maker's format, and a port."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from pawon_firmware_bridge.protocols import st_gs, yaohua_a9, yaohua_a12_wg
from pawon_firmware_bridge.simulator.port import Port
from pawon_firmware_bridge.simulator.rows import EventRow, ScaleRow
from pawon_firmware_bridge.simulator.truth import Truth
from pawon_firmware_bridge.simulator.weighing_platform import Platform, Reading


def _a12_frame(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return yaohua_a12_wg.encode_error(reading.state)
    kilograms = f"{reading.mass_g / 1000:07.{row.decimals}f}"
    return yaohua_a12_wg.encode(kilograms if row.decimals else kilograms[1:])


def _a9_frame(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return b""  # the format has no frame for it
    steps = round(reading.mass_g * 10**row.decimals / 1000)
    return yaohua_a9.encode("-" if steps < 0 else "+", f"{abs(steps):06d}", row.decimals)


def _st_gs_frame(row: ScaleRow, reading: Reading) -> bytes:
    if reading.mass_g is None:
        return st_gs.encode_error(reading.state)
    return st_gs.encode(f"{reading.mass_g / 1000:+08.{row.decimals}f}", stable=reading.stable)


FRAMES: dict[str, Callable[[ScaleRow, Reading], bytes]] = {
    "yaohua-a12-wg": _a12_frame,
    "yaohua-a9": _a9_frame,
    "st-gs": _st_gs_frame,
}


class Scale:
    """Sends `rate_hz` frames a second while plugged in; its mass goes on changing while it is not."""

    def __init__(self, row: ScaleRow, directory: Path, truth: Truth, random: Random) -> None:
        self.row = row
        self.port = Port(directory / row.path)
        self.due = 0.0
        self._truth = truth
        self._random = random
        self._frame = FRAMES[row.protocol]
        self._babble_until = 0.0
        self._babble_hz = row.rate_hz
        self._platform = Platform(
            mass_g=row.mass_g,
            division_g=row.division_g,
            noise_g=row.noise_g,
            capacity_g=row.capacity_g,
            random=random,
        )

    def open(self, now: float) -> None:
        self.port.plug()
        self.due = now

    def close(self) -> None:
        self.port.unplug()

    def step(self, now: float) -> None:
        """Send one frame and say when the next is due; a late one is skipped, never sent twice."""
        rate_hz = self._babble_hz if now < self._babble_until else self.row.rate_hz
        self.due += 1 / rate_hz
        if self.due < now:
            self.due = now + 1 / rate_hz
        if self._platform.settle(now):
            self._truth.event(self.row.name, "settled", quantity="mass_g", value=self._platform.settled_g)
        self.port.read()  # an indicator in continuous mode listens to nobody
        reading = self._platform.read(now)
        frame = self._frame(self.row, reading)
        if frame and self.port.plugged:
            self._truth.value(self.row.name, "mass_g", reading.mass_g, state=reading.state)
            self.port.write(frame)

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions a scale knows."""
        arguments = event.arguments
        match event.action:
            case "add":
                self._platform.add(now, arguments["mass_g"], arguments["duration_s"])
            case "take":
                self._platform.add(now, -arguments["mass_g"], arguments["duration_s"])
            case "touch":
                self._platform.touch(now, arguments["mass_g"], arguments["duration_s"])
            case "overload":
                self._platform.overload(now, arguments["duration_s"])
            case "unplug":
                self.port.unplug()
            case "plug":
                self.port.plug()
            case "garbage":
                self.port.write(self._random.randbytes(int(arguments["count"])))
            case "babble":
                self._babble_until, self._babble_hz = now + arguments["duration_s"], arguments["rate_hz"]
                self.due = now
        self._truth.event(self.row.name, event.action, quantity="mass_g", value=self._platform.coming_g)
