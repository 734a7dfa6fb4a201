"""A temperature logger's CSV as rows in order of time; what cannot be used is named with its line.

Pure over lines. Only the columns ``time``, ``temperature_c``, ``door`` and ``power`` are read. Nothing is mended: a row
out of order stays out, a value that no thermometer measures is no temperature.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

# No logger writes longer lines; a file that has one is something else, and must not fill the memory.
LONGEST_LINE_BYTES = 65_536
# What thermometers in kitchens measure; beyond it lies a broken wire.
COLDEST_C, HOTTEST_C = -60.0, 260.0
# A DS18B20 says exactly 85 when it lost its power, and its libraries -127 when it does not answer.
POWER_ON_C, DISCONNECTED_C = 85.0, -127.0
# Only 85.0 so far from the value before is the power-on value: cores and hot water pass 85 C too.
POWER_ON_JUMP_C = 10.0
# Clocks outside of these years are broken, and a time near the calendar's end could not be written in every zone.
FIRST_YEAR, LAST_YEAR = 1970, 2199
LONGEST_DATE = len("2026-11-22")
SHOWN_CHARS = 40
_EPOCH, _LOCAL_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001 - files without an offset

Unusable = Literal["empty", "header", "columns-twice", "utf-16", "mixed-offsets", "no-rows"]
# Rows that stay out as a whole; the rest of a row with one of the others is used.
LeftOutBecause = Literal["too-long", "columns", "time", "year", "order", "doubled", "value"]
DoubtedBecause = Literal["no-value", "outside", "power-on", "disconnected", "door", "power"]

_OPEN = dict.fromkeys(("open", "buka", "terbuka", "on", "1", "true"), True)
_SHUT = dict.fromkeys(("closed", "tutup", "tertutup", "off", "0", "false"), False)
DOOR_WORDS = {**_OPEN, **_SHUT}
# Whether a "closed" power contact means current or none is the installer's secret: those words stay unknown.
POWER_WORDS = {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}


class LogError(ValueError):
    """A file that cannot be judged at all: ``because``, at ``line`` (from 1)."""

    def __init__(self, because: Unusable, line: int, detail: str = "") -> None:
        super().__init__(f"line {line}: {because} {detail}")
        self.because, self.line, self.detail = because, line, detail


class LogRow(NamedTuple):
    """A row of the file: its line, its time in ms since 1970 (of the file's own clock when it has no offset).

    ``value``: C, None when it was no temperature. ``door``: open; ``power``: there is some; None: unknown.
    ``doubted``: what of the row was not believed, with the text that stood there.
    """

    line: int
    at_ms: int
    value: float | None
    door: bool | None
    power: bool | None
    doubted: tuple[tuple[DoubtedBecause, str], ...] = ()


class LeftOut(NamedTuple):
    """A row that is not used."""

    line: int
    because: LeftOutBecause
    text: str


class CsvLog:
    """The rows of one file. ``lines``: raw ones, None for one longer than ``LONGEST_LINE_BYTES``.

    ``zone``: the offset of the file's first row, in which times are to be written; None: the file has none. Raises
    ``LogError`` at once for a header that cannot be used, and while iterating for offsets in some rows only.
    """

    def __init__(self, lines: Iterable[bytes | None]) -> None:
        self._lines = enumerate(lines, 1)
        self._header()
        self.zone: tzinfo | None = None
        self.writes_z = False

    def __iter__(self) -> Iterator[LogRow | LeftOut]:
        delimiter, decimal_comma, width = self._delimiter, self._delimiter == ";", self._width
        time_at, value_at, door_at, power_at = self._time_at, self._value_at, self._door_at, self._power_at
        last_ms, last_value = -(2**62), math.nan
        is_first, has_offset = True, False
        for number, raw in self._lines:
            if raw is None:
                yield LeftOut(number, "too-long", "")
                continue
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not line.strip():
                continue
            fields = line.split(delimiter) if '"' not in line else _quoted(line, delimiter)
            if len(fields) < width:
                yield LeftOut(number, "columns", _shown(line))
                continue
            moment = _moment(fields[time_at].strip())
            if moment is None:
                yield LeftOut(number, "time", _shown(fields[time_at]))
                continue
            if is_first:
                is_first, self.zone, has_offset = False, moment.tzinfo, moment.tzinfo is not None
                self.writes_z = fields[time_at].strip()[-1] in "Zz"
            elif (moment.tzinfo is not None) is not has_offset:
                raise LogError("mixed-offsets", number, _shown(fields[time_at]))
            if not FIRST_YEAR <= moment.year <= LAST_YEAR:
                yield LeftOut(number, "year", _shown(fields[time_at]))
                continue
            since = moment - (_EPOCH if has_offset else _LOCAL_EPOCH)
            at_ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
            text = fields[value_at].strip()
            value = _number(text, decimal_comma)
            if value is None:
                yield LeftOut(number, "value", _shown(text))
                continue
            if at_ms <= last_ms:
                yield LeftOut(number, "doubled" if at_ms == last_ms else "order", _shown(fields[time_at]))
                continue
            last_ms = at_ms
            doubted: tuple[tuple[DoubtedBecause, str], ...] = ()
            believed: float | None = None
            if COLDEST_C <= value <= HOTTEST_C and not (
                value == POWER_ON_C and abs(value - last_value) > POWER_ON_JUMP_C
            ):
                last_value = value
                believed = value
            else:
                doubted = ((_doubt(value), _shown(text)),)
            door = power = None
            if door_at is not None and (word := fields[door_at].strip()):
                door = DOOR_WORDS.get(word.lower())
                doubted = doubted if door is not None else (*doubted, ("door", _shown(word)))
            if power_at is not None and (word := fields[power_at].strip()):
                power = POWER_WORDS.get(word.lower())
                doubted = doubted if power is not None else (*doubted, ("power", _shown(word)))
            yield LogRow(number, at_ms, believed, door, power, doubted)

    def _header(self) -> None:
        for number, raw in self._lines:
            if raw is None:
                raise LogError("header", number)
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise LogError("utf-16", number)
            line = raw.decode("utf-8-sig", "replace").strip("\r\n")
            if not line.strip():
                continue
            for delimiter in (",", ";"):
                names = [name.strip().lower() for name in _quoted(line, delimiter)]
                if {"time", "temperature_c"} <= set(names):
                    break
            else:
                raise LogError("header", number, _shown(line))
            ours = [name for name in names if name in ("time", "temperature_c", "door", "power")]
            if len(ours) != len(set(ours)):
                raise LogError("columns-twice", number, _shown(line))
            self._delimiter = delimiter
            self._time_at, self._value_at = names.index("time"), names.index("temperature_c")
            self._door_at = names.index("door") if "door" in ours else None
            self._power_at = names.index("power") if "power" in ours else None
            self._width = 1 + max(names.index(name) for name in ours)
            return
        raise LogError("empty", 1)


def write_time(at_ms: int, zone: tzinfo | None, *, writes_z: bool = False) -> str:
    """ISO 8601 with the offset of ``zone`` (None: without one); milliseconds only where there are some."""
    since = timedelta(milliseconds=at_ms)
    moment = _LOCAL_EPOCH + since if zone is None else (_EPOCH + since).astimezone(zone)
    text = moment.isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds")
    return text.removesuffix("+00:00") + "Z" if writes_z else text


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if len(text) > LONGEST_DATE else None
    except ValueError:
        return None


def _number(text: str, decimal_comma: bool) -> float | None:
    """The number; not-a-number where nothing stands; None for what is none."""
    if not text:
        return math.nan
    if decimal_comma and "," in text:
        text = text.replace(",", ".")  # with a point besides it there are two then, and it is no number
    # Python's own liberties ("1_0", other scripts' digits) are not a logger's.
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _doubt(value: float) -> DoubtedBecause:
    if math.isnan(value):
        return "no-value"
    if value == POWER_ON_C:
        return "power-on"
    return "disconnected" if value == DISCONNECTED_C else "outside"


def _quoted(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _shown(text: str) -> str:
    """Enough of a text to find it, on one line."""
    return repr(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "...")
