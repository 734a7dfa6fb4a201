"""Modbus RTU frames of the two questions that read registers, and of their answers. Pure: bytes in, values out.

For `pawon-bridge modbus`, the simulated devices and the tests; the gateway's driver frames by pymodbus, so that each
side of a test line speaks its own. Sources: Modbus application protocol V1.1b3, 6.3, 6.4 and 7; Modbus over serial line
V1.02, 2.5.1 and 6.2.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame

READ_HOLDING = 3
READ_INPUT = 4
READS = (READ_HOLDING, READ_INPUT)
REFUSED = 0x80
"""Set in the function of an answer that is a refusal (an "exception response")."""

MAX_WORDS = 125
"""Of one answer: its length byte and the 256 bytes of a frame allow no more."""

REFUSAL_LENGTH = 5
QUESTION_LENGTH = 8

REFUSALS: dict[int, str] = {
    1: "it does not know this function: another map (function 3 or 4)",
    2: "it has no such registers: another map, or another address and count",
    3: "it does not read so many registers at once: a smaller count",
    4: "it failed inside: switch it off and on; if it comes again, replace it",
    5: "it needs longer for this: a longer interval_s",
    6: "it is busy: a longer interval_s, and only one master on the line",
    8: "its memory is damaged: replace it",
    10: "the converter before it cannot reach it: check the converter's settings",
    11: "the device behind the converter does not answer: check its power, A/B and unit number",
}
"""What an exception code says and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Registers that were read, 0 to 65535 each."""

    unit: int
    function: int
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The device answered that it cannot; `function` is the one that was asked."""

    unit: int
    function: int
    code: int

    @property
    def meaning(self) -> str:
        return explain_refusal(self.code)


def explain_refusal(code: int) -> str:
    """An exception code in words, with the remedy."""
    return f"exception {code}: {REFUSALS.get(code, 'a code of its maker; see its manual')}"


def crc16(data: bytes) -> int:
    """x^16 + x^15 + x^2 + 1, reflected (0xA001), start 0xFFFF; it is sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def close(body: bytes) -> bytes:
    """A frame: the body with its checksum."""
    return body + crc16(body).to_bytes(2, "little")


def is_whole(data: bytes) -> bool:
    """True if `data` ends in the checksum of what stands before it."""
    return len(data) > 2 and crc16(data[:-2]).to_bytes(2, "little") == data[-2:]


def encode_question(unit: int, function: int, address: int, count: int) -> bytes:
    """The question for `count` registers from `address` on, as it is numbered on the wire (from 0)."""
    return close(bytes((unit, function)) + address.to_bytes(2, "big") + count.to_bytes(2, "big"))


def encode_answer(unit: int, function: int, words: tuple[int, ...]) -> bytes:
    """The answer with these registers."""
    return close(bytes((unit, function, 2 * len(words))) + b"".join(word.to_bytes(2, "big") for word in words))


def encode_refusal(unit: int, function: int, code: int) -> bytes:
    """The answer of a device that cannot."""
    return close(bytes((unit, function | REFUSED, code)))


def read_answer(frame: bytes) -> Answer | Refusal | BadFrame:
    """What one whole answer says."""
    raw = frame[:MAX_RAW]
    if len(frame) < REFUSAL_LENGTH:
        return BadFrame(reason=f"{len(frame)} bytes are no whole answer", raw=raw)
    if not is_whole(frame):
        wanted = crc16(frame[:-2]).to_bytes(2, "little").hex(" ")
        return BadFrame(reason=f"wrong checksum: {frame[-2:].hex(' ')}, should be {wanted}", raw=raw)
    unit, function, third = frame[:3]
    if function & REFUSED:
        if len(frame) != REFUSAL_LENGTH:
            return BadFrame(reason="a refusal has five bytes", raw=raw)
        return Refusal(unit=unit, function=function & ~REFUSED, code=third)
    if function not in READS:
        return BadFrame(reason=f"function {function} reads no registers", raw=raw)
    if len(frame) == QUESTION_LENGTH and third != QUESTION_LENGTH - 5:
        return BadFrame(reason="this is a question, or its echo", raw=raw)
    if third % 2 or len(frame) != third + 5:
        return BadFrame(reason=f"its length byte says {third}, and {len(frame) - 5} bytes came", raw=raw)
    body = frame[3:-2]
    words = tuple(int.from_bytes(body[at : at + 2], "big") for at in range(0, third, 2))
    return Answer(unit=unit, function=function, words=words)
