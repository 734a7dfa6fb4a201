"""What a device said, as values: the one vocabulary that every parser speaks and every driver hears.

Bad input is a value too (`BadFrame`): it is counted and kept for a person to look at, never raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_RAW = 64
"""Bytes of a bad frame that are kept: four frames of the longest scale format, enough to see what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One thing one device said at one moment.

    `quantity` is `mass_g`, `temperature_c`, `humidity_percent`, `raw_counts` (an uncalibrated HX711), `door` or `power`
    (1 open or on, 0 not), and of devices without a wire `battery_percent` and `supply_v`; the unit is in the name.
    `value` is None unless `state` is `ok`: what is not a number never travels as one. The other states are `overload`,
    `underload`, `power_on`, `crc`, `zeros`, `low_power`, `disconnected`, `open` (a broken wire), `short_ground`,
    `short_supply`, `unavailable`, `battery` and `nonsense` (a value that such a device cannot have).
    `stable` is what the device says about itself, None where its format cannot say. `load` is `gross`, `net` or `tare`.
    `tare_g` is the tare in grams that the device subtracts, where the same frame says it.
    `channel` names the sensor of a device with several: `hx711-0`, `door-0`, a 1-wire id as Linux spells it, an address
    letter.
    """

    quantity: str
    value: float | None
    state: str = "ok"
    stable: bool | None = None
    load: str | None = None
    tare_g: float | None = None
    channel: str = ""
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFrame:
    """Bytes that mean nothing, or that say frames are missing; `raw` holds at most `MAX_RAW` of them."""

    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardHello:
    """A board introduces itself: at its start, and whenever it is asked to identify itself.

    `board_id` is 16 hex digits of the chip's unique id; `reset_cause` is the chip's own number (1 power, 2 hard reset,
    3 watchdog, 4 deep sleep, 5 soft reset); `restarted` is True when a board that was heard before began again.
    """

    board_id: str
    version: tuple[int, int, int]
    reset_cause: int
    restarted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardZero:
    """The zero a board has stored for one of its load cells: told after each hello, after a tare, and every 10 s.

    The board never subtracts it: `counts` belongs beside the `raw_counts` of the same `channel`. A channel without a
    word of this kind has no stored zero.
    """

    channel: str
    counts: int


Event = Measurement | BadFrame | BoardHello | BoardZero


class Parser(Protocol):
    """Bytes in, events out; takes any chunking, never raises, holds a bounded buffer, reads no clock and no port."""

    def feed(self, data: bytes, /) -> Sequence[Event]: ...


class StreamParser(Parser, Protocol):
    """A parser that can also be told that no more bytes will come (the end of a captured file).

    `wasted` counts the bytes of the stream that were no frame; `waiting` are those at its end that may become one.
    """

    wasted: int

    @property
    def waiting(self) -> int: ...

    def finish(self) -> Sequence[Event]: ...
