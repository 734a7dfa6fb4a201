"""DS18B20 probes on the Pi's 1-wire bus, read from the kernel's files one after another.

A read takes the sensor's 750 ms conversion; a probe that is gone fails at once and does not hold up its neighbours.
"""

from __future__ import annotations

import threading

from pawon_firmware_bridge.measurement import BadFrame
from pawon_firmware_bridge.protocols import read_w1_text

from ..sample import Observed, Sample, Trouble
from .driver import Surroundings
from .w1_table import W1Table

MAX_FILE_BYTES = 4096


class W1Bus:
    """Reads all probes of the bus every ``interval_s``."""

    def __init__(self, *, table: W1Table, around: Surroundings) -> None:
        self._table, self._around = table, around
        self._stop = threading.Event()

    @property
    def name(self) -> str:
        return "w1"

    def run(self) -> None:
        """The thread's body."""
        while not self._stop.is_set():
            began_ms = self._around.monotonic_ms()
            for probe in self._table.sensor:
                self._around.emit(self._read(probe.rom, probe.id))
            self._stop.wait(max(0.05, self._table.interval_s - (self._around.monotonic_ms() - began_ms) / 1000))

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def _read(self, rom: str, sensor: str) -> Observed:
        try:
            with (self._table.root / rom / "w1_slave").open("rb") as handle:
                text = handle.read(MAX_FILE_BYTES)
        except OSError as error:
            detail = f"{rom}: {error.strerror}"
            return Trouble(sensor=sensor, at_ms=self._around.monotonic_ms(), kind="disconnected", detail=detail)
        at_ms = self._around.monotonic_ms()
        event = read_w1_text(text, rom)
        if isinstance(event, BadFrame):
            return Trouble(sensor=sensor, at_ms=at_ms, kind="bad_frames", detail=event.reason, raw=event.raw)
        if event.value is None:
            return Trouble(sensor=sensor, at_ms=at_ms, kind=event.state, raw=event.raw)
        return Sample(sensor=sensor, at_ms=at_ms, quantity=event.quantity, value=event.value, raw=event.raw)
