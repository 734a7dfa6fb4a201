"""A serial port that is opened again for ever: the one loop under every driver that hangs on a port.

The port's state is not believed and its failure is no news to the driver: it is told as a trouble of all its sensors,
named after what went with it, and tried again with backoff. What is read and written between is the driver's.
"""

from __future__ import annotations

import logging
import random
import termios
import threading
from collections.abc import Callable

import serial

from ..sample import Trouble
from .driver import Surroundings
from .port_table import PortTable

log = logging.getLogger(__name__)

BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 5.0


class Reopening:
    """One port. ``stopped`` is set by whoever ends the driver, and looked at by what uses the port."""

    def __init__(self, table: PortTable, around: Surroundings) -> None:
        self._table, self._around = table, around
        self.stopped = threading.Event()
        self._backoff_s = BACKOFF_FIRST_S

    def run(self, open_port: Callable[[], serial.Serial], use: Callable[[serial.Serial], None]) -> None:
        """Open and use the port until stopped. ``use`` returns when stopped and raises what the port raises."""
        said = ""
        while not self.stopped.is_set():
            opened = False
            try:
                with open_port() as port:
                    log.info("%s: port %s is open", self._table.name, port.port)
                    said, opened = "", True
                    use(port)
            except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError; termios.error is not
                if said != (said := str(error)):
                    log.warning("%s: port %s: %s", self._table.name, self._table.paths[0], error)
                self._lost(str(error), opened=opened)
            self.stopped.wait(self._backoff_s * random.uniform(0.7, 1.0))  # noqa: S311 - jitter, no secret
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_MOST_S)

    def went_well(self) -> None:
        """Something good came through the port: the next failure is a new one, and is not waited for so long."""
        self._backoff_s = BACKOFF_FIRST_S

    def trouble(self, kind: str, detail: str, raw: bytes = b"") -> None:
        """Tell a trouble of every sensor behind the port."""
        at_ms = self._around.monotonic_ms()
        for sensor in self._table.sensor:
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=kind, detail=detail, raw=raw))

    def _lost(self, detail: str, *, opened: bool) -> None:
        others = self._around.port_lost(self._table.name) if opened else []
        if others:
            # One cable is an accident; several at one moment are their hub or its power.
            self.trouble("hub_lost", f"went together with {', '.join(others)}: check the USB hub's power; {detail}")
        else:
            self.trouble("port_lost", detail)
