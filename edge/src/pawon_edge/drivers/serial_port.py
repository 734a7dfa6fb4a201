"""A serial port with one scale, or one board with several sensors.

The port's state is not believed (an unplugged adapter stays "open"): sensors are judged by the age of their data. A
port that fails is closed and opened again with backoff, for ever, in this one loop.
"""

from __future__ import annotations

import logging
from collections import deque

import serial

from pawon_firmware_bridge.board import commands
from pawon_firmware_bridge.measurement import BadFrame, BoardHello, BoardZero, Event, Measurement, StreamParser
from pawon_firmware_bridge.protocols.poll import Dialogue

from ..sample import Sample, Trouble
from .driver import Surroundings
from .port_watch import PortWatch
from .reopening import Reopening
from .serial_table import SerialSensor, SerialTable

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.2
# More than a second of the fastest port at once is a backlog of old frames, not news.
MAX_READ_BYTES = 4096
# Bytes trickle in one a millisecond at 9600 baud; waking for each costs more than all the rest of the gateway. The time
# of a usual frame: the rest of it is read at once.
GATHER_S = 0.015
# A babbling port is not listened to for so long: its bytes must not cost the other sensors their time.
BABBLE_REST_S = 1.0
MAX_COMMANDS = 16


class SerialPort:
    """Reads one port until stopped; emits from the port's own thread."""

    def __init__(self, *, table: SerialTable, around: Surroundings) -> None:
        self._table, self._around, self._row = table, around, table.row
        self._reopening = Reopening(table, around)
        self._commands: deque[bytes] = deque(maxlen=MAX_COMMANDS)
        self._sequence = 0
        self._refused_board = ""
        self._board = ""
        self._zeros: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self._table.name

    def run(self) -> None:
        """The thread's body."""
        self._reopening.run(self._open, self._listen)

    def stop(self) -> None:
        """End soon."""
        self._reopening.stopped.set()

    def sound_alarm(self) -> None:
        """Ask a board to sound and to light; nothing happens on a port that is no board."""
        if self._row.kind == "board":
            for told in (commands.buzzer, commands.light):
                self._command(told(400, 200, 10, sequence=self._next()))

    def _open(self) -> serial.Serial:
        bits, parity, stop = tuple(self._table.format)
        baud = self._table.baud or self._row.baud
        port = serial.Serial(
            self._table.present_path, baud, bytesize=int(bits), parity=parity, stopbits=int(stop),
            timeout=READ_TIMEOUT_S, write_timeout=1.0, exclusive=True,
        )  # fmt: skip
        # What waited in the port while nobody read is old, and so is what it should have been told.
        port.reset_input_buffer()
        self._commands.clear()
        return port

    def _listen(self, port: serial.Serial) -> None:
        """Read until the port fails or we stop; something good shortens the next wait again."""
        now_ms = self._around.monotonic_ms
        parser, dialogue = self._row.parser(**self._table.settings), self._dialogue()
        watch = PortWatch(baud=port.baudrate, opened_ms=now_ms())
        self._refused_board = "a board that has not said who it is" if self._table.board else ""
        if self._row.kind == "board":
            self._command(commands.identify(sequence=self._next()))
        pause_ms = round(self._row.poll.interval_s * 1000) if self._row.poll is not None else 0
        ask_at_ms = now_ms() + pause_ms
        while not self._reopening.stopped.is_set():
            while self._commands:
                port.write(self._commands.popleft())
            if dialogue is not None and now_ms() >= ask_at_ms:
                ask_at_ms = now_ms() + pause_ms
                port.write(dialogue.ask())
            data = port.read(min(MAX_READ_BYTES, max(1, port.in_waiting)))
            at_ms = now_ms()
            if dialogue is not None and data:
                port.write(dialogue.hear(data))
            if data:
                watch.heard(data, self._take(parser, data, watch, at_ms), at_ms)
            if watch.babbles:
                self._reopening.trouble(
                    "babble", "more bytes than the line can carry; check the device and its cable", watch.tail
                )
                self._reopening.stopped.wait(BABBLE_REST_S)
                port.reset_input_buffer()
            elif (trouble := watch.trouble(parser.waiting, at_ms)) is not None:
                self._reopening.trouble(*trouble, watch.tail)
            if data:
                self._reopening.stopped.wait(GATHER_S)

    def _dialogue(self) -> Dialogue | None:
        poll = self._row.poll
        if poll is None:
            return None
        return poll.dialogue(address=self._table.address or poll.addresses[0]) if poll.addresses else poll.dialogue()

    def _take(self, parser: StreamParser, data: bytes, watch: PortWatch, at_ms: int) -> int:
        """Hand on what the bytes say; how many usable frames they completed."""
        good = 0
        for event in parser.feed(data):
            if isinstance(event, Measurement):
                good += 1
                if self._measured(event, at_ms):
                    self._reopening.went_well()
            elif isinstance(event, BadFrame):
                self._reopening.trouble(watch.name_bad_frame(), event.reason, event.raw)
            else:
                good += 1
                self._board_said(event)
        return good

    def _board_said(self, event: Event) -> None:
        if isinstance(event, BoardHello):
            log.info("%s: board %s, firmware %s", self.name, event.board_id, event.version)
            wanted = self._table.board
            self._refused_board = "" if wanted in (None, event.board_id) else f"board {event.board_id}"
            if self._board != event.board_id:
                self._board = event.board_id
                self._zeros.clear()  # those of another board
        elif isinstance(event, BoardZero):
            self._zeros[event.channel] = event.counts

    def _measured(self, event: Measurement, at_ms: int) -> bool:
        if event.load == "tare":
            return True  # what the scale subtracts; the scale answers, but this is no load
        if self._refused_board:
            self._reopening.trouble("swapped", f"{self._refused_board} is on this port, {self._table.board} should be")
            return False
        sensor = next((s for s in self._table.sensor if s.channel in ("", event.channel)), None)
        return sensor is not None and self._emit(sensor, event, at_ms)

    def _emit(self, sensor: SerialSensor, event: Measurement, at_ms: int) -> bool:
        quantity, value, load = event.quantity, event.value, event.load
        if event.state != "ok" or value is None:
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=event.state, raw=event.raw))
            return False
        if quantity == "raw_counts" and sensor.counts_per_g is not None:
            zero = self._zeros.get(event.channel) if sensor.zero_counts is None else sensor.zero_counts
            if zero is None:
                detail = "the board has no zero: empty the platform and tare it, or set zero_counts"
                self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind="no_zero", detail=detail, raw=event.raw))
                return False
            # Another zero is another thing that is measured, as when somebody presses the tare key.
            quantity, value, load = "mass_g", (value - zero) / sensor.counts_per_g, f"zero {zero}"
        self._around.emit(
            Sample(
                sensor=sensor.id, at_ms=at_ms, quantity=quantity, value=value, stable=event.stable, load=load,
                tare_g=event.tare_g, raw=event.raw,
            )
        )  # fmt: skip
        return True

    def _command(self, command: bytes) -> None:
        self._commands.append(command)

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return self._sequence
