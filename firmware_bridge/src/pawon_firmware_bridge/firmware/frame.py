"""The wire between a board and its host: COBS frames with a CRC, one file for both ends.

Runs on MicroPython (the board) and on CPython (the host), so it uses neither typing nor dataclasses.

A frame is COBS(type u8, sequence u16, body, CRC-16 over all before it) and a zero byte; integers are little-endian.
COBS keeps zero out of the inside, so whoever joins late or lost bytes is in step again at the next zero.
Sources: Cheshire and Baker, Consistent Overhead Byte Stuffing (1997); CRC-16/CCITT-FALSE in the CRC RevEng catalogue.
"""

import struct

DELIMITER = b"\x00"

HELLO = 0x01  # board id 8 bytes, firmware version 3 x u8, reset cause u8
SAMPLES = 0x02  # board time ms u32, then records: channel u8, kind u8, length u8, bytes
ANSWER = 0x03  # sequence of the command u16, status u8
TESTED = 0x04  # sequence of the command u16, free memory bytes u32, uptime ms u32, overruns u16, then channel u8, fault u8
COMMAND = 0x81  # number u8, its arguments

FIRST_CELL = 0
FIRST_THERMOCOUPLE = 8
FIRST_SWITCH = 12
FIRST_PROBE = 16
CHANNEL_ONE_WIRE = 24  # the bus itself; this and those below appear in self-tests only
CHANNEL_BUZZER = 32
CHANNEL_LIGHT = 33
MAX_CELLS = MAX_THERMOCOUPLES = MAX_SWITCHES = 4
MAX_PROBES = 8

KIND_HX711 = 1  # counts i32
KIND_DS18B20 = 2  # ROM 8 bytes as on the bus (family first, CRC last), scratchpad 9 bytes as read
KIND_FAULT = 3  # fault u8, and for a DS18B20 its ROM 8 bytes
KIND_MAX31855 = 4  # 4 bytes as read, the first bit first
KIND_MAX6675 = 5  # 2 bytes as read, the first bit first
KIND_SWITCH = 6  # u8: 1 open, 0 closed
KIND_ZERO = 7  # counts i32: the stored zero of this load cell, never subtracted by the board

FAULT_NONE = 0  # in self-tests: tried and good
FAULT_NOT_READY = 1  # an HX711 gave no conversion in time: not powered, not connected
FAULT_NO_PRESENCE = 2  # nothing answered the 1-wire reset
FAULT_NO_ANSWER = 3  # this DS18B20 was there before and is silent now; without a ROM: somebody is there, nobody readable
FAULT_STUCK_LOW = 4  # an HX711 data line that never goes high: shorted, or no chip behind it
FAULT_BUS_SHORTED = 5  # the 1-wire line stays low when nobody drives it
# The others are the board's own judgement in self-tests; samples carry what the chip gave.
FAULT_SATURATED = 6  # an HX711 at the end of its range: load cell wire broken or swapped, or overloaded
FAULT_BAD_CRC = 7  # a DS18B20 whose scratchpad does not fit its CRC, or is all zeros
FAULT_OPEN = 8  # thermocouple not connected or broken
FAULT_SHORT_GROUND = 9  # thermocouple touches ground
FAULT_SHORT_SUPPLY = 10  # thermocouple touches the supply
FAULT_NO_CHIP = 11  # a thermocouple chip that is not there, or whose data line is stuck
FAULT_GARBLED = 12  # a word no such chip can say: noise, or the other chip's name in wiring.json
FAULT_BOUNCING = 13  # a switch that does not come to rest
FAULT_TOO_MANY = 14  # more DS18B20 on the bus than MAX_PROBES; the others are not read

IDENTIFY = 1
BUZZER = 2  # on_ms u16, off_ms u16, repeats u8
INTERVAL = 3  # interval_ms u16
LIGHT = 4  # as BUZZER
SELF_TEST = 5
TARE = 6  # channel u8

STATUS_OK = 0
STATUS_UNKNOWN = 1  # a command of a newer host
STATUS_REFUSED = 2  # arguments of a wrong length or out of range, not wired, or the same is being done already
STATUS_NOT_STEADY = 3  # the load moved during a tare; the stored zero is as before
STATUS_FAILED = 4  # no readings during a tare, or the flash cannot be written; the stored zero is as before

HEAD = struct.calcsize("<BH")
CHECK = 2
MAX_PAYLOAD = 250  # one COBS block (254) with room to spare
MAX_ENCODED = MAX_PAYLOAD + 2  # COBS adds one byte per 254, the delimiter is not counted
MAX_RECORDS = MAX_PAYLOAD - HEAD - CHECK - 4  # of one frame of samples: 4 cells, 4 thermocouples, 4 switches and 8 probes take 232 bytes


def crc16(data):
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected; b"123456789" gives 0x29B1."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    return crc


def cobs_encode(data):
    """Bytes without a zero; the delimiter is not added."""
    out = bytearray(b"\x00")
    head = 0
    for byte in data:
        if byte:
            out.append(byte)
        if not byte or len(out) - head == 255:
            out[head] = len(out) - head
            head = len(out)
            out.append(0)
    out[head] = len(out) - head
    return bytes(out)


def cobs_decode(data):
    """The bytes behind `cobs_encode`, or None if these cannot be its output."""
    out = bytearray()
    at = 0
    while at < len(data):
        length = data[at]
        block = data[at + 1 : at + length]
        if length == 0 or len(block) != length - 1 or 0 in block:
            return None
        out += block
        at += length
        if length < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def encode(kind, sequence, body):
    """One frame with its delimiter."""
    payload = struct.pack("<BH", kind, sequence & 0xFFFF) + body
    return cobs_encode(payload + struct.pack("<H", crc16(payload))) + DELIMITER


def decode(encoded):
    """(type, sequence, body) of the bytes between two delimiters, or None if they are not whole."""
    payload = cobs_decode(encoded)
    if payload is None or len(payload) < HEAD + CHECK:
        return None
    if crc16(payload[:-CHECK]) != struct.unpack("<H", payload[-CHECK:])[0]:
        return None
    kind, sequence = struct.unpack("<BH", payload[:HEAD])
    return kind, sequence, payload[HEAD:-CHECK]
