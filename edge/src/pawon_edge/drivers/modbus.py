"""An RS-485 line of Modbus RTU devices: asks them one after another, each device once for all its values.

pymodbus makes the questions and reads the answers (its RTU framer and messages); the port is ours. Its own serial
client waits by the wall clock, which jumps on a gateway without a battery; waits up to twice its timeout for half an
answer; loses an answer behind a single byte of noise; and keeps from us why a port did not open.
Imported only where a line is configured: pymodbus costs 1.6 MB of memory.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import serial
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame
from pawon_firmware_bridge.modbus.frame import REFUSAL_LENGTH, REFUSED, explain_refusal, is_whole
from pawon_firmware_bridge.modbus.register_map import RegisterMap, judge_channel, read_words

from ..sample import Sample, Trouble
from .driver import Surroundings
from .modbus_table import ModbusSensor, ModbusTable
from .modbus_turns import Unit, take_turns
from .reopening import Reopening

log = logging.getLogger(__name__)

# ``stop`` is looked at this often while an answer is waited for.
SLICE_S = 0.05
# Cheap devices miss a question that follows at once upon the last answer; 3.5 characters are the rule for slow lines.
PAUSE_S = 0.02
PAUSE_CHARACTERS = 3.5
# A character takes up to eleven bits: start, eight, parity, stop.
CHARACTER_BITS = 11
# No answer has more; what is beyond is somebody who talks unasked.
MAX_HEARD = 512


class _Device:
    """One unit with what is asked of it and who gets it."""

    def __init__(self, number: int, row: RegisterMap, sensors: list[ModbusSensor], table: ModbusTable) -> None:
        self.row, self.sensors = row, sensors
        self.answer_length = REFUSAL_LENGTH + 2 * row.count
        self.turn = Unit(number=number, cost_s=self.wait_s(table) + SLICE_S + PAUSE_S)

    def wait_s(self, table: ModbusTable) -> float:
        """For how long its answer is waited for, from the end of the question's writing into the port."""
        return table.timeout_s + (8 + self.answer_length) * CHARACTER_BITS / table.baud


class ModbusLine:
    """Asks every unit of its line each ``interval_s``."""

    def __init__(self, *, table: ModbusTable, around: Surroundings) -> None:
        self._table, self._around = table, around
        self._reopening = Reopening(table, around)
        self._framer = FramerRTU(DecodePDU(False))
        maps = table.maps
        of: dict[int, list[ModbusSensor]] = {}
        for sensor in table.sensor:
            of.setdefault(sensor.unit, []).append(sensor)
        self._devices = {
            unit: _Device(unit, maps[sensors[0].map], sensors, table) for unit, sensors in sorted(of.items())
        }

    @property
    def name(self) -> str:
        return self._table.name

    def run(self) -> None:
        """The thread's body."""
        self._reopening.run(self._open, self._ask_rounds)

    def stop(self) -> None:
        """End soon."""
        self._reopening.stopped.set()

    def _open(self) -> serial.Serial:
        bits, parity, stop = tuple(self._table.format)
        return serial.Serial(
            self._table.present_path, self._table.baud, bytesize=int(bits), parity=parity, stopbits=int(stop),
            timeout=SLICE_S, write_timeout=1.0, exclusive=True,
        )  # fmt: skip

    def _ask_rounds(self, port: serial.Serial) -> None:
        """Until the port fails or we stop."""
        turns = [device.turn for device in self._devices.values()]
        number = 0
        for turn in turns:
            # Behind a newly opened port may be another line: what was known of the units is not.
            turn.misses, turn.answered = 0, False
        while not self._reopening.stopped.is_set():
            began_ms = self._around.monotonic_ms()
            for turn in take_turns(turns, number, self._table.interval_s):
                if self._reopening.stopped.is_set():
                    return
                self._ask(port, self._devices[turn.number])
                self._reopening.stopped.wait(max(PAUSE_S, PAUSE_CHARACTERS * CHARACTER_BITS / self._table.baud))
            number += 1
            took_s = (self._around.monotonic_ms() - began_ms) / 1000
            self._reopening.stopped.wait(max(0.0, self._table.interval_s - took_s))

    def _ask(self, port: serial.Serial, device: _Device) -> None:
        # A late answer or noise of before is no answer to this question.
        port.reset_input_buffer()
        question = self._question(device)
        port.write(question)
        heard, answer = self._hear(port, device)
        if heard == question:
            heard = b""  # an adapter that echoes, and nobody behind it
        device.turn.heard(answer is not None)
        if answer is not None:
            self._reopening.went_well()
        if isinstance(answer, ExceptionResponse):
            self._trouble(device, "refused", explain_refusal(answer.exception_code), heard)
        elif answer is not None:
            self._take(device, answer.registers, heard)
        elif not self._reopening.stopped.is_set():
            self._trouble(device, *self._name_miss(device, heard), heard)

    def _question(self, device: _Device) -> bytes:
        row = device.row
        kind = ReadHoldingRegistersRequest if row.function == 3 else ReadInputRegistersRequest
        return self._framer.buildFrame(kind(address=row.address, count=row.count, dev_id=device.turn.number))

    def _hear(self, port: serial.Serial, device: _Device) -> tuple[bytes, ModbusPDU | None]:
        """The bytes that came, and the answer in them; both as soon as it is whole, or after the unit's time."""
        heard = b""
        until_ms = self._around.monotonic_ms() + round(device.wait_s(self._table) * 1000)
        while (
            not self._reopening.stopped.is_set() and self._around.monotonic_ms() < until_ms and len(heard) < MAX_HEARD
        ):
            missing = device.answer_length - len(heard)
            data = port.read(missing if missing > 0 else max(1, port.in_waiting))
            heard += data
            found = self._find(heard, device) if data else None
            if found is not None:
                return found
        return heard, None

    def _find(self, heard: bytes, device: _Device) -> tuple[bytes, ModbusPDU] | None:
        """The device's answer in what was heard, wherever it begins: adapters echo the question, and lines crackle."""
        unit, function, count = device.turn.number, device.row.function, device.row.count
        starts = (
            (bytes((unit, function, 2 * count)), device.answer_length),
            (bytes((unit, function | REFUSED)), REFUSAL_LENGTH),
        )
        for start, length in starts:
            at = heard.find(start)
            while at >= 0:
                frame = heard[at : at + length]
                if len(frame) == length and (answer := self._decode(frame, unit)) is not None:
                    return frame, answer
                at = heard.find(start, at + 1)
        return None

    def _decode(self, frame: bytes, unit: int) -> ModbusPDU | None:
        try:
            return self._framer.handleFrame(frame, unit, 0)[1]
        except ModbusException:
            return None

    def _name_miss(self, device: _Device, heard: bytes) -> tuple[str, str]:
        """Kind and detail of an answer that did not come."""
        unit = device.turn.number
        if not heard:
            if not any(other.turn.answered for other in self._devices.values()):
                return "silent", (
                    f"unit {unit} does not answer, nor did any of this line: check power, A/B, baud, format and units"
                )
            return "silent", f"unit {unit} does not answer: check its power, its cable and its unit number"
        if len(heard) >= MAX_HEARD:
            return "babble", f"unit {unit} was asked and bytes came without end: another master, or a broken device"
        foreign = heard[0]
        if foreign != unit and is_whole(heard):
            return "bad_frames", f"unit {unit} was asked and unit {foreign} answered: two masters, or it is too slow"
        prefix = bytes((unit, device.row.function))
        if prefix in heard:
            came = len(heard) - heard.index(prefix)
            if came < device.answer_length:
                return "bad_frames", f"unit {unit}: {came} bytes of {device.answer_length} came"
            return "bad_frames", f"unit {unit}: the checksum is wrong: noise, termination, or two devices of one number"
        if any(other.turn.answered for other in self._devices.values()):
            return "bad_frames", f"unit {unit}: bytes that are no answer: noise, termination, a loose cable"
        return "unreadable", f"unit {unit}: bytes that are no answer: baud or format is wrong, or A and B are exchanged"

    def _take(self, device: _Device, words: Sequence[int], raw: bytes) -> None:
        """Hand on what the registers say."""
        said = read_words(device.row, words, raw[:MAX_RAW])
        if isinstance(said, BadFrame):
            self._trouble(device, "bad_frames", said.reason, raw)
            return
        at_ms = self._around.monotonic_ms()
        for sensor in device.sensors:
            at = device.row.channel_names.index(sensor.channel) if sensor.channel else 0
            one = said[at]
            if one.value is not None:
                self._around.emit(
                    Sample(sensor=sensor.id, at_ms=at_ms, quantity=one.quantity, value=one.value, raw=one.raw)
                )
                continue
            value, _ = judge_channel(device.row.channels[at], words)
            registers = " ".join(f"{word:04X}" for word in words)
            detail = f"registers {registers}" + ("" if value is None else f", {value:g} by the map {device.row.name}")
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=one.state, detail=detail, raw=one.raw))

    def _trouble(self, device: _Device, kind: str, detail: str, raw: bytes = b"") -> None:
        at_ms = self._around.monotonic_ms()
        for sensor in device.sensors:
            self._around.emit(Trouble(sensor=sensor.id, at_ms=at_ms, kind=kind, detail=detail, raw=raw[:MAX_RAW]))
