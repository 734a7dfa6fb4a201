"""Many rows of JSON as columns, a hundredth of their size, and back again byte for byte.

Rows of one device differ only in their numbers. So each row is split into its *shape* (the text with holes where the
numbers stood; a stretch that repeats, as in a weighing's trace, stands there once) and the numbers; each hole of each
shape is a column of integers, stored as what a guess from its neighbours leaves over. In which order shapes follow each
other is guessed from their first numbers, which are times. What does not come back as the same bytes is kept as it is:
this changes the encoding of the record and never its content, whatever a row holds.

Pure: bytes in, bytes out. ``VERSION`` leads every block.
"""

from __future__ import annotations

import bz2
import heapq
import lzma
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

VERSION = 1
# One block is unpacked as a whole: a day of a default kitchen has 60,000 rows.
MAX_ROWS = 100_000
# A packed block that claims to hold more was not made here.
MAX_UNPACKED_BYTES = 256 << 20
MAX_DECIMALS = 12
_MAX_DIGITS = 15  # below 2**53, so that no reader is tempted to lose any

# A string is part of the shape, digits and all; a number is what stands between.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(?![0-9.eE])')
_HOLE, _RUN = b"\x00", b"\x01"
# A list of numbers that follows itself, holes only: ``[0,20.5],[200,20.5],...``
_REPEATS = re.compile(rb"(\[[.,\x00]*\x00\])(?:,\1)+")
_CHECK = 4
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
_LZMA, _BZ2 = b"\x00", b"\x01"
# How many columns to the left a column is compared with: ``high`` looks at ``low``, ``count`` and ``value``.
_LOOK_LEFT = 3


class ColumnError(Exception):
    """A block is damaged or was written by a newer version; the text says which."""


@dataclass(slots=True)
class _Column:
    """One hole of one shape: numbers as (digits, decimals), and the most decimals among them."""

    decimals: int = 0
    point: bool = False
    values: list[tuple[int, int]] = field(default_factory=list)

    def take(self, numbers: Iterable[tuple[int, int]]) -> None:
        for number in numbers:
            self.values.append(number)
            self.decimals = max(self.decimals, number[1])
            self.point = self.point or number[1] > 0

    def scaled(self) -> list[int]:
        return [digits * 10 ** (self.decimals - decimals) for digits, decimals in self.values]


def pack(rows: Sequence[bytes]) -> bytes:
    """One block of at most ``MAX_ROWS`` rows. Raises ``ValueError`` for more."""
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{len(rows)} rows are more than {MAX_ROWS}")
    shapes: dict[bytes, int] = {}
    columns: list[list[_Column]] = []
    order: list[int] = []
    odd: list[bytes] = []
    for row in rows:
        shape, fields = _split(row)
        if shape is None:
            order.append(0)
            odd.append(row)
            continue
        place = shapes.setdefault(shape, len(shapes) + 1)
        if place > len(columns):
            columns.append([_Column() for _ in fields])
        order.append(place)
        for column, numbers in zip(columns[place - 1], fields, strict=True):
            column.take(numbers)
    scaled = [[column.scaled() for column in of_shape] for of_shape in columns]
    surprises = _surprises(order, [of_shape[0] if of_shape else [] for of_shape in scaled])
    groups = [_texts([_texts(list(shapes)), _texts(odd), _varints(surprises)])]
    # Columns of the same place in different shapes are alike: side by side they pack best.
    groups += [
        _texts(
            bytes([of_shape[hole].decimals, of_shape[hole].point]) + _guessed(numbers, hole)
            for of_shape, numbers in zip(columns, scaled, strict=True)
            if hole < len(of_shape)
        )
        for hole in _turn_of(max((len(of_shape) for of_shape in columns), default=0))
    ]
    body = bytes([VERSION]) + _texts(map(_squeezed, groups))
    return body + zlib.crc32(body).to_bytes(_CHECK)


def unpack(block: bytes) -> Iterator[bytes]:
    """The rows of a block, in order. Raises ``ColumnError``."""
    if block[:1] != bytes([VERSION]):
        raise ColumnError(f"block of version {block[:1].hex() or 'nothing'}, known is {VERSION}")
    if zlib.crc32(block[:-_CHECK]).to_bytes(_CHECK) != block[-_CHECK:]:
        raise ColumnError("block is damaged: its checksum is wrong")
    try:
        groups = _unsqueezed(block[1:-_CHECK])
        shape_texts, odd_texts, surprises = _read_texts(next(groups))
        shapes, odd = list(_read_texts(shape_texts)), iter(list(_read_texts(odd_texts)))
        widths = [shape.count(_HOLE) + shape.count(_RUN) // 2 for shape in shapes]
        columns: list[list[list[int]]] = [[[] for _ in range(width)] for width in widths]
        kinds: list[list[tuple[int, bool]]] = [[(0, False)] * width for width in widths]
        for hole in _turn_of(max(widths, default=0)):
            streams = _read_texts(next(groups))
            for of_shape, kind in zip(columns, kinds, strict=True):
                if hole < len(of_shape):
                    stream = next(streams)
                    kind[hole] = (stream[0], bool(stream[1]))
                    of_shape[hole] = _read_guessed(stream[2:], of_shape, hole)
        order = _order(_read_varints(surprises), [of_shape[0] if of_shape else [] for of_shape in columns])
        counts = Counter(order)
        rows = [odd, *(
            _fill(shape, columns[place], kinds[place], counts[place + 1]) for place, shape in enumerate(shapes)
        )]  # fmt: skip
        out = [next(rows[place]) for place in order]
    except (lzma.LZMAError, OSError, EOFError, IndexError, ValueError, StopIteration) as error:
        raise ColumnError(f"block is damaged: {error or type(error).__name__}") from error
    yield from out


# --- a row and its shape ----------------------------------------------------------------------------------------------


def _split(row: bytes) -> tuple[bytes | None, list[list[tuple[int, int]]]]:
    """A row's shape and, for each of its columns, its numbers as (digits, decimals); no shape if it would not come back
    the same. A repeated stretch has a column that counts, and its holes' columns hold as many numbers."""
    if _HOLE in row or _RUN in row:
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

    shape = _TOKEN.sub(hole, row)
    out: list[bytes] = []
    fields: list[list[tuple[int, int]]] = []
    at = done = 0
    for run in _REPEATS.finditer(shape):
        before, unit = shape[done : run.start()], run[1]
        single, width = before.count(_HOLE), unit.count(_HOLE)
        times = run[0].count(_HOLE) // width
        fields += [[number] for number in numbers[at : at + single]]
        at += single
        fields.append([(times, 0)])
        fields += [numbers[at + place : at + width * times : width] for place in range(width)]
        at += width * times
        out += [before, _RUN + unit + _RUN]
        done = run.end()
    fields += [[number] for number in numbers[at:]]
    return b"".join([*out, shape[done:]]), fields


def _written(digits: int, decimals: int, point: bool) -> bytes:
    """A number as JSON writers print it: no needless zero, but one digit after a point."""
    if not point:
        return b"%d" % digits
    sign, text = (b"-" if digits < 0 else b""), b"%0*d" % (decimals + 1, abs(digits))
    part = text[len(text) - decimals :].rstrip(b"0") or b"0"
    return sign + text[: len(text) - decimals] + b"." + part


def _fill(shape: bytes, columns: list[list[int]], kinds: list[tuple[int, bool]], count: int) -> Iterator[bytes]:
    """``count`` rows of one shape."""
    texts = [
        iter([_written(value, decimals, point) for value in column])
        for column, (decimals, point) in zip(columns, kinds, strict=True)
    ]
    # Even pieces stand once, odd ones are repeated stretches, led by the column that counts them.
    stretches: list[tuple[list[bytes], list[Iterator[bytes]], Iterator[int] | None]] = []
    at = 0
    for number, stretch in enumerate(shape.split(_RUN)):
        times = None
        if number % 2:
            times, at = iter(columns[at]), at + 1
        pieces = stretch.split(_HOLE)
        width = len(pieces) - 1
        # The point before a hole tells two shapes apart; the number brings its own.
        heads = [
            piece.removesuffix(b".") if point else piece
            for piece, (_, point) in zip(pieces, kinds[at : at + width], strict=False)
        ]
        stretches.append(([*heads, pieces[-1]], texts[at : at + width], times))
        at += width
    for _ in range(count):
        row: list[bytes] = []
        for pieces, holes, times in stretches:
            for again in range(1 if times is None else next(times)):
                if again:
                    row.append(b",")
                for piece, text in zip(pieces, holes, strict=False):
                    row += (piece, next(text))
                row.append(pieces[-1])
        yield b"".join(row)


# --- which shape comes next -------------------------------------------------------------------------------------------


class _Guess:
    """Guesses that the shape whose first number is the smallest comes next: rows of a record stand in order of time."""

    def __init__(self, firsts: list[list[int]]) -> None:
        self._firsts, self._at = firsts, [0] * len(firsts)
        self._heap = [(column[0], place, 0) for place, column in enumerate(firsts) if column]
        heapq.heapify(self._heap)

    def next(self) -> int:
        """The place of the shape, counted from 1; 0 for none."""
        while self._heap and self._heap[0][2] != self._at[self._heap[0][1]]:
            heapq.heappop(self._heap)
        return self._heap[0][1] + 1 if self._heap else 0

    def came(self, place: int) -> None:
        """What really came."""
        if place:
            shape = place - 1
            self._at[shape] += 1
            if self._at[shape] < len(self._firsts[shape]):
                heapq.heappush(self._heap, (self._firsts[shape][self._at[shape]], shape, self._at[shape]))


def _surprises(order: list[int], firsts: list[list[int]]) -> list[int]:
    """For each row 0 where the guess is right, else the place of its shape plus one."""
    guess, out = _Guess(firsts), []
    for place in order:
        out.append(0 if place == guess.next() != 0 else place + 1)
        guess.came(place)
    return out


def _order(surprises: list[int], firsts: list[list[int]]) -> list[int]:
    guess, out = _Guess(firsts), []
    for surprise in surprises:
        out.append(surprise - 1 if surprise else guess.next())
        guess.came(out[-1])
    return out


# --- columns of integers ----------------------------------------------------------------------------------------------


def _turn_of(width: int) -> range | list[int]:
    """In which turn columns are packed: the first, a time, comes last, for the others tell of it."""
    return [*range(1, width), 0] if width else []


def _guessed(columns: list[list[int]], place: int) -> bytes:
    """A column as what a guess leaves over. A number is guessed to be 0, the one above it, or that as much again as
    before; or to be as the number so many columns to the left; a first number, which is a time, also to have grown by
    another column's number times a constant, as a report's time does by the samples it counts. Whichever is likely to
    pack best is taken."""
    values, best, least = columns[place], b"", math.inf
    for method, guess in _guesses(columns, place):
        rest = values if guess is None else [value - guessed for value, guessed in zip(values, guess, strict=True)]
        for turns in range(3):
            if turns:
                rest = _steps(rest)
            unit = math.gcd(*rest) or 1
            packed = method + bytes([turns]) + _varints([unit, *(value // unit for value in rest)])
            if (cost := _cost(packed)) < least:
                best, least = packed, cost
    return best


def _guesses(columns: list[list[int]], place: int) -> Iterator[tuple[bytes, list[int] | None]]:
    """Ways to guess a column from others: how that is written down, and the guess."""
    values = columns[place]
    yield b"\x00", None
    if place:
        for left in range(1, min(place - 1, _LOOK_LEFT) + 1):
            if len(columns[place - left]) == len(values):
                yield bytes([left]), columns[place - left]
        return
    for right in range(1, min(len(columns) - 1, _LOOK_LEFT) + 1):
        other = columns[right]
        if len(other) == len(values) > 1 and (total := sum(other[1:])) > 0 and (grown := values[-1] - values[0]) > 0:
            yield bytes([right]) + _varints([grown, total]), _grown(other, grown, total)


def _read_guessed(stream: bytes, columns: list[list[int]], place: int) -> list[int]:
    other, at = stream[0], 1
    guess: list[int] | None = None
    if other and place:
        guess = columns[place - other]
    elif other:
        (grown, total), at = _leading_varints(stream, at, 2)
        guess = _grown(columns[other], grown, total)
    unit, *values = _read_varints(stream[at + 1 :])
    values = [value * unit for value in values]
    for _ in range(stream[at]):
        values = list(accumulate(values))
    return values if guess is None else [value + guessed for value, guessed in zip(values, guess, strict=True)]


def _steps(values: list[int]) -> list[int]:
    return [value - before for before, value in zip([0, *values], values, strict=False)]


def _grown(counts: list[int], grown: int, total: int) -> list[int]:
    """Where a time stands that grows by ``grown / total`` with every count, from 0 at the first."""
    return [(so_far - counts[0]) * grown // total for so_far in accumulate(counts)]


def _cost(packed: bytes) -> float:
    """About how many bits this takes: its bytes' entropy, and a byte for each that has to be learnt."""
    counts = Counter(packed)
    return 8.0 * len(counts) + sum(count * math.log2(len(packed) / count) for count in counts.values())


def _varints(values: Iterable[int]) -> bytes:
    return b"".join(map(_varint, values))


def _read_varints(stream: bytes) -> list[int]:
    values = []
    value = shift = 0
    for byte in stream:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append((value >> 1) ^ -(value & 1))
            value = shift = 0
    if shift:
        raise ValueError("a number is cut short")
    return values


def _leading_varints(stream: bytes, at: int, count: int) -> tuple[list[int], int]:
    """``count`` numbers from ``at``, and where they end."""
    end = at
    for _ in range(count):
        while stream[end] >= 0x80:
            end += 1
        end += 1
    return _read_varints(stream[at:end]), end


def _varint(value: int) -> bytes:
    """Zigzag, seven bits a byte, the low ones first."""
    left = (value << 1) if value >= 0 else (-value << 1) - 1
    if left < 0x80:
        return _BYTES[left]
    out = bytearray()
    while left >= 0x80:
        out.append((left & 0x7F) | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_BYTES = [bytes([value]) for value in range(0x80)]


# --- texts and compression --------------------------------------------------------------------------------------------


def _squeezed(group: bytes) -> bytes:
    """The smaller of two: LZMA sees what repeats, bz2 is better at noise."""
    return min(
        _LZMA + lzma.compress(group, lzma.FORMAT_RAW, filters=_FILTERS), _BZ2 + bz2.compress(group), key=len
    )  # fmt: skip


def _unsqueezed(stream: bytes) -> Iterator[bytes]:
    left = MAX_UNPACKED_BYTES
    for group in _read_texts(stream):
        unpacker: lzma.LZMADecompressor | bz2.BZ2Decompressor
        unpacker = (
            bz2.BZ2Decompressor() if group[:1] == _BZ2 else lzma.LZMADecompressor(lzma.FORMAT_RAW, None, _FILTERS)
        )
        raw = unpacker.decompress(group[1:], left)
        if not unpacker.eof:
            raise ValueError("it is cut short, or unpacks to more than it may")
        left -= len(raw)
        yield raw


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
