"""A serial port with one scale, or one board with several sensors.

The port's state is not believed (an unplugged adapter stays "open"): sensors are judged by the age of their data. A
port that fails is closed and opened again with backoff, for ever, in this one loop.
"""

from __future__ import annotations

import logging
import random
import termios
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import serial

from pawon_firmware_bridge.board.commands import buzzer
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS

from ..sample import Observed, Sample, Trouble

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.2
# More than a second of the fastest port at once is a backlog of old frames, not news.
MAX_READ_BYTES = 4096
# Bytes trickle in one a millisecond at 9600 baud; waking for each costs more than all the rest of the gateway. The time
# of a usual frame: the rest of it is read at once.
GATHER_S = 0.015
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One sensor behind the port. A load cell without a scale's own calibration gives counts:
    mass = (counts - ``zero_counts``) / ``counts_per_g``."""

    sensor: str
    channel: str
    counts_per_g: float | None = None
    zero_counts: int = 0


@dataclass(slots=True)
class SerialPort:
    """Reads one port until stopped. ``emit`` is called from the port's own thread."""

    name: str
    path: str
    protocol: str
    baud: int
    frame_format: str
    channels: list[Channel]
    emit: Callable[[Observed], None]
    monotonic_ms: Callable[[], int]
    # What the protocol's own parser and dialogue take: an installer's pattern, an address on a shared line.
    settings: dict[str, str] = field(default_factory=dict)
    address: str = ""
    bad_frames: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _commands: deque[bytes] = field(default_factory=lambda: deque(maxlen=16))
    _sequence: int = 0
    _backoff_s: float = BACKOFF_FIRST_S

    def run(self) -> None:
        """The thread's body."""
        said = ""
        while not self._stop.is_set():
            try:
                with self._open() as port:
                    log.info("%s: port %s is open", self.name, self.path)
                    said = ""
                    self._listen(port)
            except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError; termios.error is not
                if said != (said := str(error)):
                    log.warning("%s: port %s: %s", self.name, self.path, error)
                self._trouble("port_lost", str(error))
            self._stop.wait(self._backoff_s * random.uniform(0.7, 1.0))  # noqa: S311 - jitter, no secret
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_MOST_S)

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def sound_buzzer(self) -> None:
        """Ask the board to sound; nothing happens on a port that is no board."""
        if self.protocol == "pawon-board":
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._commands.append(buzzer(400, 200, 10, sequence=self._sequence))

    def _open(self) -> serial.Serial:
        bits, parity, stop = tuple(self.frame_format)
        port = serial.Serial(
            self.path, self.baud, bytesize=int(bits), parity=parity, stopbits=int(stop), timeout=READ_TIMEOUT_S,
            write_timeout=1.0, exclusive=True,
        )  # fmt: skip
        # What waited in the port while nobody read is old, and so is what it should have been told.
        port.reset_input_buffer()
        self._commands.clear()
        return port

    def _listen(self, port: serial.Serial) -> None:
        """Read until the port fails or we stop; something good shortens the next wait again."""
        row = PROTOCOLS[self.protocol]
        parser, poll = row.parser(**self.settings), row.poll
        dialogue = None
        if poll is not None:
            dialogue = poll.dialogue(address=self.address or poll.addresses[0]) if poll.addresses else poll.dialogue()
        ask_at_ms = self.monotonic_ms() + (round(poll.interval_s * 1000) if poll is not None else 0)
        while not self._stop.is_set():
            while self._commands:
                port.write(self._commands.popleft())
            if dialogue is not None and poll is not None and self.monotonic_ms() >= ask_at_ms:
                ask_at_ms = self.monotonic_ms() + round(poll.interval_s * 1000)
                port.write(dialogue.ask())
            data = port.read(min(MAX_READ_BYTES, max(1, port.in_waiting)))
            at_ms = self.monotonic_ms()
            if dialogue is not None and data:
                port.write(dialogue.hear(data))
            for event in parser.feed(data) if data else ():
                if isinstance(event, Measurement):
                    if self._measured(event, at_ms):
                        self._backoff_s = BACKOFF_FIRST_S
                elif isinstance(event, BadFrame):
                    self.bad_frames += 1
                    self._trouble("bad_frames", event.reason, event.raw)
                elif isinstance(event, BoardHello):
                    log.info("%s: board %s, firmware %s", self.name, event.board_id, event.version)
            if data:
                self._stop.wait(GATHER_S)

    def _measured(self, event: Measurement, at_ms: int) -> bool:
        if event.load == "tare":
            return True  # what the scale subtracts; the scale answers, but this is no load
        for channel in self.channels:
            if channel.channel not in ("", event.channel):
                continue
            quantity, value = event.quantity, event.value
            if event.state != "ok" or value is None:
                self.emit(Trouble(sensor=channel.sensor, at_ms=at_ms, kind=event.state, raw=event.raw))
                return False
            if quantity == "raw_counts" and channel.counts_per_g is not None:
                quantity, value = "mass_g", (value - channel.zero_counts) / channel.counts_per_g
            self.emit(
                Sample(
                    sensor=channel.sensor, at_ms=at_ms, quantity=quantity, value=value, stable=event.stable,
                    load=event.load, raw=event.raw,
                )
            )  # fmt: skip
            return True
        return False

    def _trouble(self, kind: str, detail: str, raw: bytes = b"") -> None:
        at_ms = self.monotonic_ms()
        for channel in self.channels:
            self.emit(Trouble(sensor=channel.sensor, at_ms=at_ms, kind=kind, detail=detail, raw=raw))
