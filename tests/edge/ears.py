"""What a driver emitted, a way to wait for it, and the driver's thread; for drivers whose world is another program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pawon_edge.drivers.driver import Driver, Surroundings
from pawon_edge.sample import Observed, Sample, Trouble


class Ears:
    """Everything that was emitted, in order."""

    def __init__(self) -> None:
        self.seen: list[Observed] = []

    @property
    def around(self) -> Surroundings:
        """A gateway's surroundings that only listens."""
        return Surroundings(
            emit=self.seen.append,
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
            port_lost=lambda name: [],
        )

    @property
    def samples(self) -> list[Sample]:
        return [one for one in self.seen if isinstance(one, Sample)]

    @property
    def troubles(self) -> list[Trouble]:
        return [one for one in self.seen if isinstance(one, Trouble)]

    def values(self, sensor: str) -> list[float]:
        """What one sensor measured."""
        return [one.value for one in self.samples if one.sensor == sensor]

    @property
    def every_kind(self) -> list[str]:
        """What troubled any sensor."""
        return [one.kind for one in self.troubles]

    def kinds(self, sensor: str) -> list[str]:
        """What troubled one sensor."""
        return [one.kind for one in self.troubles if one.sensor == sensor]

    def until(
        self, condition: Callable[[], object], seconds: float = 30.0, poke: Callable[[], object] | None = None
    ) -> None:
        """Wait for the condition, poking again and again; fails at the deadline."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain; seen {self.seen[-8:]}"
            if poke is not None:
                poke()
            time.sleep(0.02)


@contextmanager
def running(driver: Driver) -> Iterator[threading.Thread]:
    """The driver's thread; it must live until ``stop`` and end soon after it."""
    thread = threading.Thread(target=driver.run)
    thread.start()
    try:
        yield thread
        assert thread.is_alive(), "the driver's thread died"
    finally:
        driver.stop()
        thread.join(timeout=8)
    assert not thread.is_alive()
