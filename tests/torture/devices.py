"""The probes of a torture kitchen: files as the kernel's 1-wire driver shows them, and what they showed when."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.torture.accepted import Shown

from pawon_firmware_bridge.ds18b20 import STEPS_PER_DEGREE, scratchpad_of
from pawon_firmware_bridge.protocols.ds18b20_w1 import encode_w1_text

PROBES = tuple(f"chiller-{number}" for number in range(1, 9))
SHOW_S = 0.1
# DEMO: above 8 C for 15 s is an incident, which 5 s of cold end.
HOT_S, COLD_S = 19.0, 9.0
COLD_STEPS, HOT_STEPS = (0, 56), (9 * STEPS_PER_DEGREE, 19 * STEPS_PER_DEGREE)
# From one value to the next, so that a value comes again only after every other of its range.
STRIDE_STEPS = 37


class Devices:
    """Every probe shows another value ten times a second, hot and cold by turns, each at its own time."""

    def __init__(self, folder: Path) -> None:
        self.shown = Shown()
        self._files = {name: folder / rom(name) / "w1_slave" for name in PROBES}
        for file in self._files.values():
            file.parent.mkdir(parents=True)
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="devices", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """They show their last values for ever."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._ended.wait(SHOW_S):
            number += 1
            for place, (name, file) in enumerate(self._files.items()):
                in_cycle = (time.monotonic() - self._began + place * 5) % (HOT_S + COLD_S)
                low, high = HOT_STEPS if in_cycle > COLD_S else COLD_STEPS
                steps = low + number * STRIDE_STEPS % (high - low)
                new = file.with_suffix(".new")
                new.write_bytes(encode_w1_text(scratchpad_of(steps)))
                self.shown.show(name, time.time_ns() // 1_000_000, steps / STEPS_PER_DEGREE)
                new.replace(file)


def rom(probe: str) -> str:
    """Its 64-bit id, as the kernel names its folder."""
    return f"28-0000000000{PROBES.index(probe):02x}"
