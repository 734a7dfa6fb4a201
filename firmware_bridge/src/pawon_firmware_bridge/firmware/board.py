"""All that is wired to one board, looked at in turn; nothing here waits."""

import struct

import frame
import pins
from commands import Commands
from hx711 import HX711
from load_cells import LoadCell
from probes import Probes
from self_test import SelfTest
from switches import Switch
from tare import Tare
from thermocouples import Thermocouple
from timed_output import TimedOutput
from transmitter import Transmitter
from zeros import Zeros

VERSION = (0, 1, 0)
INTERVAL_MS = 200  # five readings a second: a hand on the platform is seen, and a load cell settles in two of them
QUIET_MS = 1000  # a frame is sent at least so often, so that silence means trouble
ZEROS_MS = 10000  # a host that begins to listen knows the zeros within this time
OVERRUN_MS = 100  # a pass that is longer loses conversions of an HX711 at 10 Hz
WIRED = {"hx711", "thermocouples", "switches", "onewire", "buzzer", "light", "interval_ms"}


class Board:
    """The chips of `wiring.json`, the commands, and what waits to be sent."""

    def __init__(self, now_ms):
        wiring = pins.wiring()
        unknown = [key for key in wiring if key not in WIRED]
        if unknown:
            raise ValueError("wiring.json: unknown key %s; known: %s" % (unknown[0], ", ".join(sorted(WIRED))))
        self._interval_ms = wiring.get("interval_ms", INTERVAL_MS)
        self._cells = [
            LoadCell(channel, HX711(*pins.hx711_pins(row), pins.guard, row.get("gain", 128)), now_ms)
            for channel, row in _rows(wiring, "hx711", frame.FIRST_CELL, frame.MAX_CELLS)
        ]
        self._thermocouples = [
            Thermocouple(channel, row["chip"], *pins.thermocouple_pins(row), now_ms)
            for channel, row in _rows(wiring, "thermocouples", frame.FIRST_THERMOCOUPLE, frame.MAX_THERMOCOUPLES)
        ]
        self._switches = [
            Switch(channel, pins.switch_pin(row), row.get("normally", "closed"), now_ms)
            for channel, row in _rows(wiring, "switches", frame.FIRST_SWITCH, frame.MAX_SWITCHES)
        ]
        self._probes = [Probes(pins.one_wire(wiring["onewire"]), now_ms)] if "onewire" in wiring else []
        self._outputs = {
            number: TimedOutput(channel, pins.output_switch(name, wiring[name]))
            for number, channel, name in (
                (frame.BUZZER, frame.CHANNEL_BUZZER, "buzzer"),
                (frame.LIGHT, frame.CHANNEL_LIGHT, "light"),
            )
            if name in wiring
        }
        self._zeros = Zeros(pins.zeros_path())
        self._commands = Commands(self)
        self._transmitter = Transmitter()
        self._tare = None
        self._test = None
        self._records = []
        self._sent_ms = self._zeros_ms = self._now_ms = now_ms
        self._overruns = 0

    def identify(self):
        """Say who this is, and which zeros are stored."""
        body = pins.board_id() + bytes(VERSION) + bytes([pins.reset_cause()])
        # The delimiter ends whatever a boot loader has printed before.
        self._transmitter.send(frame.HELLO, body, before=frame.DELIMITER)
        self._tell_zeros()

    def switch_on(self, number, on_ms, off_ms, repeats):
        """Buzzer or light; refused where there is none, because an alarm that nobody hears is not done."""
        if number not in self._outputs:
            return frame.STATUS_REFUSED
        self._outputs[number].begin(self._now_ms, on_ms, off_ms, repeats)
        return frame.STATUS_OK

    def set_interval(self, interval_ms):
        self._interval_ms = interval_ms

    def begin_tare(self, sequence, channel):
        """STATUS_REFUSED, or None: the answer comes when the tare has ended."""
        if self._tare or channel >= len(self._cells):
            return frame.STATUS_REFUSED
        self._tare = Tare(sequence, self._cells[channel])
        return None

    def begin_self_test(self, sequence):
        """STATUS_REFUSED, or None: the answer comes when every part has been tried."""
        if self._test:
            return frame.STATUS_REFUSED
        parts = self._cells + self._thermocouples + self._switches + self._probes + list(self._outputs.values())
        self._test = SelfTest(sequence, parts, self._now_ms)
        return None

    def hear(self, data):
        """Bytes from the host."""
        for sequence, status in self._commands.feed(data):
            self._answer(sequence, status)

    def step(self, now_ms):
        """Look at every chip once; send when it is time."""
        if now_ms - self._now_ms > OVERRUN_MS:
            self._overruns += 1
        self._now_ms = now_ms
        for output in self._outputs.values():
            output.step(now_ms)
        for cell in self._cells:
            self._add(cell.step(now_ms, self._interval_ms))
        for part in self._thermocouples + self._probes:
            self._add(part.step(now_ms))
        changed = [switch for switch in self._switches if switch.step(now_ms)]
        waited_ms = now_ms - self._sent_ms
        if changed or waited_ms >= QUIET_MS or (self._records and waited_ms >= self._interval_ms):
            self._send_samples()
        if now_ms - self._zeros_ms >= ZEROS_MS:
            self._tell_zeros()
        self._end_what_is_done()

    def _end_what_is_done(self):
        if self._tare and self._tare.status is not None:
            tare, self._tare = self._tare, None
            status = tare.status
            if status == frame.STATUS_OK:
                try:
                    self._zeros.store(tare.channel, tare.counts)
                except OSError:
                    status = frame.STATUS_FAILED
                self._tell_zeros()
            self._answer(tare.sequence, status)
        body = self._test.body(self._now_ms, self._overruns) if self._test else None
        if body is not None:
            sequence, self._test = self._test.sequence, None
            self._transmitter.send(frame.TESTED, body)
            self._answer(sequence, frame.STATUS_OK)

    def _tell_zeros(self):
        self._zeros_ms = self._now_ms
        records = self._zeros.records()
        if records:
            self._transmitter.send_samples(self._now_ms, records)

    def _answer(self, sequence, status):
        self._transmitter.send(frame.ANSWER, struct.pack("<HB", sequence, status))

    def _add(self, record):
        if record is None:
            return
        # A newer record of a channel replaces the one that waits: a slow interval must not outgrow a frame.
        self._records = [waiting for waiting in self._records if waiting[0] != record[0]]
        self._records.append(record)

    def _send_samples(self):
        self._sent_ms = self._now_ms
        states = [switch.record() for switch in self._switches]
        self._transmitter.send_samples(self._now_ms, self._records + [state for state in states if state])
        self._records = []


def _rows(wiring, key, first, most):
    rows = wiring.get(key, [])
    if len(rows) > most:
        raise ValueError("wiring.json: %d rows in %s, at most %d" % (len(rows), key, most))
    return enumerate(rows, first)
