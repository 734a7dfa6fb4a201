"""A simulated RS-485 line: Modbus RTU units on one port, each answering the questions that carry its number."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pawon_firmware_bridge.measurement import BadFrame
from pawon_firmware_bridge.modbus.frame import QUESTION_LENGTH, READS, encode_answer, encode_refusal, is_whole
from pawon_firmware_bridge.modbus.maps import MAPS
from pawon_firmware_bridge.modbus.register_map import encode_words, read_words
from pawon_firmware_bridge.simulator.port import Port
from pawon_firmware_bridge.simulator.rows import EventRow, ModbusRow
from pawon_firmware_bridge.simulator.truth import Truth
from pawon_firmware_bridge.simulator.warmth import Warmth

LISTEN_S = 0.02
"""Such a device takes this long to answer; questions are looked for as often."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
LONGEST_HEARD = 4 * QUESTION_LENGTH
"""A question that has not been understood by then is noise."""


class ModbusLine:
    """The port that its units share: it is there as long as one of them is opened."""

    def __init__(self, path: Path) -> None:
        self.port = Port(path)
        self._units: list[ModbusUnit] = []
        self._heard = b""

    def join(self, unit: ModbusUnit) -> None:
        self._units.append(unit)
        self.port.plug()

    def leave(self, unit: ModbusUnit) -> None:
        if unit in self._units:
            self._units.remove(unit)
        if not self._units:
            self.port.unplug()

    def serve(self, now: float) -> None:
        """Hear what was asked since the last time; every unit hears it, and one of them takes it."""
        self._heard += self.port.read()
        at = 0
        while at + QUESTION_LENGTH <= len(self._heard):
            question = self._heard[at : at + QUESTION_LENGTH]
            if not is_whole(question):
                at += 1
                continue
            at += QUESTION_LENGTH
            for unit in self._units:
                unit.asked(question, now)
        self._heard = self._heard[at:][-LONGEST_HEARD:]


class ModbusUnit:
    """One device. Unplugged it is silent, and its line goes on; `fault` breaks its sensor for a while."""

    def __init__(self, row: ModbusRow, line: ModbusLine, truth: Truth, random: Random) -> None:
        self.row = row
        self.due = 0.0
        self._line, self._truth, self._random = line, truth, random
        self._map = MAPS[row.protocol.removeprefix("modbus-")]
        self._warmth = Warmth(temperature_c=row.temperature_c, noise_c=row.noise_c, random=random)
        self._plugged = False
        self._broken_until = 0.0
        self._noise = b""
        self._answer, self._answer_at = b"", 0.0

    def open(self, now: float) -> None:
        self._line.join(self)
        self._plugged, self.due = True, now

    def close(self) -> None:
        self._line.leave(self)
        self._plugged = False

    def step(self, now: float) -> None:
        """Hear, and answer when the time for it has come."""
        self._line.serve(now)
        if self._answer and now >= self._answer_at:
            self._line.port.write(self._answer)
            self._answer = b""
        self.due = now + LISTEN_S

    def asked(self, question: bytes, now: float) -> None:
        """A question on the line, whoever it is for."""
        unit, function = question[0], question[1]
        if unit != self.row.unit or not self._plugged:
            return
        first, count = int.from_bytes(question[2:4], "big"), int.from_bytes(question[4:6], "big")
        offset = first - self._map.address
        if function not in READS or function != self._map.function:
            answer = encode_refusal(unit, function, ILLEGAL_FUNCTION)
        elif not count:
            answer = encode_refusal(unit, function, ILLEGAL_VALUE)
        elif offset < 0 or offset + count > self._map.count:
            answer = encode_refusal(unit, function, ILLEGAL_ADDRESS)
        else:
            answer = encode_answer(unit, function, self._words(now)[offset : offset + count])
        self._answer, self._answer_at = self._noise + answer, now + self.row.answer_s
        self._noise = b""

    def act(self, now: float, event: EventRow) -> None:
        """Do one of the actions such a unit knows."""
        match event.action:
            case "approach":
                self._warmth.approach(now, event.arguments["target_c"], event.arguments["tau_s"])
            case "unplug":
                self._plugged, self._answer = False, b""
            case "plug":
                self._plugged = True
            case "fault":
                self._broken_until = now + event.arguments["duration_s"]
            case "garbage":
                # Before its next answer: a line that crackles when its driver is switched on.
                self._noise = self._random.randbytes(int(event.arguments["count"]))
        value = event.arguments.get("target_c")
        self._truth.event(self.row.name, event.action, channel="temperature", quantity="temperature_c", value=value)

    def _words(self, now: float) -> tuple[int, ...]:
        temperature_c = self._warmth.temperature_c(now) + self._random.gauss(0.0, self.row.noise_c)
        values = {"temperature_c": temperature_c, "humidity_percent": self.row.humidity_percent}
        channels = {channel.name: values[channel.quantity] for channel in self._map.channels}
        words = encode_words(self._map, channels, broken=now < self._broken_until)
        said = read_words(self._map, words)
        for one in [] if isinstance(said, BadFrame) else said:
            self._truth.value(self.row.name, one.quantity, one.value, channel=one.channel, state=one.state)
        return words
