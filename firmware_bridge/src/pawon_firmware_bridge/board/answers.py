"""What a board says about commands and about itself: statuses, self-tests, and the names of channels and faults."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pawon_firmware_bridge.firmware import frame

_TESTED = struct.Struct("<HIIH")

STATUSES = {
    frame.STATUS_OK: "done",
    frame.STATUS_UNKNOWN: "the board's firmware is older and does not know this command",
    frame.STATUS_REFUSED: "refused: not wired, a value out of range, or it is doing the same already",
    frame.STATUS_NOT_STEADY: "not steady: the load moved; the stored zero is as before",
    frame.STATUS_FAILED: "failed: no readings, or the board cannot write its flash; the stored zero is as before",
}
"""Status of an answer -> what it means."""

FAULTS = {
    frame.FAULT_NONE: "ok",
    frame.FAULT_NOT_READY: "no conversion: the HX711 has no power, or its data or clock wire is off",
    frame.FAULT_NO_PRESENCE: "nobody on the 1-wire bus: no probe, no power, or no 4.7 kOhm pull-up",
    frame.FAULT_NO_ANSWER: "this probe is silent (or, for the bus, nobody there is a readable DS18B20)",
    frame.FAULT_STUCK_LOW: "data line stuck low: shorted to ground, or the clock wire is off",
    frame.FAULT_BUS_SHORTED: "the 1-wire data line is shorted to ground",
    frame.FAULT_SATURATED: "at the end of its range: a load cell wire is off or swapped, or it is overloaded",
    frame.FAULT_BAD_CRC: "its data arrives damaged: cable too long or not twisted, pull-up too weak",
    frame.FAULT_OPEN: "thermocouple not connected or broken",
    frame.FAULT_SHORT_GROUND: "thermocouple touches ground: use one that is insulated from its sheath",
    frame.FAULT_SHORT_SUPPLY: "thermocouple touches the supply",
    frame.FAULT_NO_CHIP: "no chip: no power, or its data or select wire is off",
    frame.FAULT_GARBLED: "words such a chip cannot say: noise, or the wrong chip in wiring.json",
    frame.FAULT_BOUNCING: "the contact does not come to rest: loose wire",
    frame.FAULT_TOO_MANY: "more than 8 probes on the bus: the others are not read",
}
"""Fault number -> what it means and where to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAnswer:
    """A board's word on a command: `status` 0 done, 1 unknown, 2 refused, 3 not steady, 4 failed (see `STATUSES`)."""

    command_sequence: int
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSelfTest:
    """What a board found when it tried its chips: channel name -> fault number, 0 for good (`FAULTS`).

    `overruns` counts passes of its loop over 100 ms since its start, at most 65535.
    """

    command_sequence: int
    free_memory_bytes: int
    uptime_ms: int
    overruns: int
    faults: Mapping[str, int]


def w1_name(rom: bytes) -> str:
    """A 1-wire id as Linux names its directory: eight bytes as on the bus -> `28-00000a1b2c3d`."""
    return f"{rom[0]:02x}-{rom[6:0:-1].hex()}"


def channel_name(channel: int, probes: Mapping[int, str]) -> str:
    """A channel's number -> its name; `probes` are the 1-wire ids heard so far."""
    single = {frame.CHANNEL_ONE_WIRE: "onewire", frame.CHANNEL_BUZZER: "buzzer", frame.CHANNEL_LIGHT: "light"}
    if channel in single:
        return single[channel]
    if channel < frame.FIRST_THERMOCOUPLE:
        return f"hx711-{channel - frame.FIRST_CELL}"
    if channel < frame.FIRST_SWITCH:
        return f"thermocouple-{channel - frame.FIRST_THERMOCOUPLE}"
    if channel < frame.FIRST_PROBE:
        return f"door-{channel - frame.FIRST_SWITCH}"
    return probes.get(channel, f"onewire-{channel}")


def read_self_test(body: bytes, probes: Mapping[int, str]) -> BoardSelfTest | None:
    """The body of a self-test frame, or None if it is none."""
    if len(body) < _TESTED.size or (len(body) - _TESTED.size) % 2:
        return None
    command_sequence, free_memory_bytes, uptime_ms, overruns = _TESTED.unpack_from(body)
    pairs = zip(body[_TESTED.size :: 2], body[_TESTED.size + 1 :: 2], strict=True)
    return BoardSelfTest(
        command_sequence=command_sequence,
        free_memory_bytes=free_memory_bytes,
        uptime_ms=uptime_ms,
        overruns=overruns,
        faults={channel_name(channel, probes): fault for channel, fault in pairs},
    )
