"""Many rows of JSON as columns, a tenth of their size, and back again byte for byte.

Rows of one device differ only in their numbers. So each row is split into its *shape* (the text with holes where the
numbers stood) and the numbers; each hole of each shape is a column of integers, stored as differences of differences or
differences, whichever is smaller once compressed. What does not come back as the same bytes is kept as it is: this
changes the encoding of the record and never its content, whatever a row holds.

Pure: bytes in, bytes out. ``VERSION`` leads every block.
"""

from __future__ import annotations

import lzma
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

VERSION = 1
# One block is unpacked as a whole: a day of a default kitchen has 60,000 rows.
MAX_ROWS = 100_000
# A packed block that claims to hold more was not made here.
MAX_UNPACKED_BYTES = 256 << 20
MAX_DECIMALS = 12
_MAX_DIGITS = 15  # below 2**53, so that no reader is tempted to lose any

# A string is part of the shape, digits and all; a number is what stands between.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?![0-9.eE])')
_HOLE = b"\x00"
_CHECK = 4
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]


class ColumnError(Exception):
    """A block is damaged or was written by a newer version; the text says which."""


@dataclass(slots=True)
class _Column:
    """One hole of one shape: numbers as (digits, decimals), and the most decimals among them."""

    decimals: int = 0
    point: bool = False
    values: list[tuple[int, int]] = field(default_factory=list)


def pack(rows: Sequence[bytes]) -> bytes:
    """One block of at most ``MAX_ROWS`` rows. Raises ``ValueError`` for more."""
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows)} rows are more than {MAX_ROWS}")
    shapes: dict[bytes, int] = {}
    columns: list[list[_Column]] = []
    order: list[int] = []
    odd: list[bytes] = []
    for row in rows:
        shape, numbers = _split(row)
        if shape is None:
            order.append(0)
            odd.append(row)
            continue
        place = shapes.setdefault(shape, len(shapes) + 1)
        if place > len(columns):
            columns.append([_Column(point=decimals > 0) for _, decimals in numbers])
        order.append(place)
        for column, (digits, decimals) in zip(columns[place - 1], numbers, strict=True):
            column.decimals = max(column.decimals, decimals)
            column.values.append((digits, decimals))
    streams = [_texts(list(shapes)), _texts(odd), _integers(order)]
    for of_shape in columns:
        for column in of_shape:
            scaled = [digits * 10 ** (column.decimals - decimals) for digits, decimals in column.values]
            streams.append(bytes([column.decimals, column.point]) + _integers(scaled))
    body = bytes([VERSION]) + lzma.compress(_texts(streams), lzma.FORMAT_RAW, filters=_FILTERS)
    return body + zlib.crc32(body).to_bytes(_CHECK)


def unpack(block: bytes) -> Iterator[bytes]:
    """The rows of a block, in order. Raises ``ColumnError``."""
    if block[:1] != bytes([VERSION]):
        raise ColumnError(f"block of version {block[:1].hex() or 'nothing'}, known is {VERSION}")
    if zlib.crc32(block[:-_CHECK]).to_bytes(_CHECK) != block[-_CHECK:]:
        raise ColumnError("block is damaged: its checksum is wrong")
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
        raw = unpacker.decompress(block[1:-_CHECK], MAX_UNPACKED_BYTES)
        if not unpacker.eof:
            raise ColumnError("block is cut short, or unpacks to more than it may")
        streams = list(_read_texts(raw))
        shapes, odd = list(_read_texts(streams[0])), iter(list(_read_texts(streams[1])))
        order = _read_integers(streams[2])
        at = 3
        rows: list[Iterator[bytes]] = [odd]
        counts = Counter(order)
        for shape in shapes:
            pieces = shape.split(_HOLE)
            width = len(pieces) - 1
            rows.append(_fill(pieces, streams[at : at + width], counts[len(rows)]))
            at += width
        out = [next(rows[place]) for place in order]
    except (lzma.LZMAError, IndexError, ValueError, StopIteration) as error:
        raise ColumnError(f"block is damaged: {error or type(error).__name__}") from error
    yield from out


def _split(row: bytes) -> tuple[bytes | None, list[tuple[int, int]]]:
    """A row's shape and its numbers as (digits, decimals); no shape if it would not come back the same."""
    if _HOLE in row:
        return None, []
    numbers: list[tuple[int, int]] = []

    def hole(found: re.Match[bytes]) -> bytes:
        text = found[1]
        if text is None:
            return found[0]
        whole, _, part = text.partition(b".")
        digits = int(whole + part)
        if len(part) > MAX_DECIMALS or len(text) > _MAX_DIGITS or _written(digits, len(part), bool(part)) != text:
            return found[0]
        numbers.append((digits, len(part)))
        return b"." + _HOLE if part else _HOLE

    return _TOKEN.sub(hole, row), numbers


def _written(digits: int, decimals: int, point: bool) -> bytes:
    """A number as JSON writers print it: no needless zero, but one digit after a point."""
    if not point:
        return b"%d" % digits
    sign, text = (b"-" if digits < 0 else b""), b"%0*d" % (decimals + 1, abs(digits))
    part = text[len(text) - decimals :].rstrip(b"0") or b"0"
    return sign + text[: len(text) - decimals] + b"." + part


def _fill(pieces: list[bytes], streams: list[bytes], count: int) -> Iterator[bytes]:
    columns = [
        [_written(value, stream[0], bool(stream[1])) for value in _read_integers(stream[2:])] for stream in streams
    ]
    # The point before a hole tells two shapes apart; the number brings its own.
    heads = [piece.removesuffix(b".") if stream[1] else piece for piece, stream in zip(pieces, streams, strict=False)]
    for place in range(count):
        yield (
            b"".join(text for head, column in zip(heads, columns, strict=True) for text in (head, column[place]))
            + pieces[-1]
        )


def _integers(values: list[int]) -> bytes:
    """Values, their differences or the differences of those: whichever takes the fewest bytes."""
    best = b""
    for turns in range(3):
        if turns:
            values = [value - before for before, value in zip([0, *values], values, strict=False)]
        packed = bytes([turns]) + b"".join(map(_varint, values))
        if turns == 0 or len(packed) < len(best) or (len(packed) == len(best) and len(set(packed)) < len(set(best))):
            best = packed
    return best


def _read_integers(stream: bytes) -> list[int]:
    turns, values = stream[0], []
    value = shift = 0
    for byte in stream[1:]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append((value >> 1) ^ -(value & 1))
            value = shift = 0
    if shift:
        raise ValueError("a number is cut short")
    for _ in range(turns):
        total = 0
        for place, step in enumerate(values):
            total += step
            values[place] = total
    return values


def _varint(value: int) -> bytes:
    """Zigzag, seven bits a byte, the low ones first."""
    left = (value << 1) if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while left >= 0x80:
        out.append((left & 0x7F) | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def _texts(texts: Iterable[bytes]) -> bytes:
    return b"".join(_varint(len(text)) + text for text in texts)


def _read_texts(stream: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        length = shift = 0
        while True:
            byte = stream[at]
            length |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if byte < 0x80:
                break
        length >>= 1
        if at + length > len(stream):
            raise ValueError("a text is cut short")
        yield stream[at : at + length]
        at += length
