"""What a barcode on a sack or a box says: GS1 element strings, and the plain numbers of packs.

Read are bracketed text (``(01)08991234567891(17)260131``), what a scanner sends (a symbology identifier in front, FNC1
as ASCII 29 between elements), and EAN-13, EAN-8, UPC and ITF-14. Pure; the day is a parameter. Nothing is guessed: what
does not fit is a problem with its place, beside all that could be read. GS1 General Specifications, chapters 3
(identifiers), 7.9 (check digit) and 7.12 (century); lengths in ``gs1_ais``.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import date, time
from typing import NamedTuple

import msgspec

from .gs1_ais import SHAPES, Shape

# FNC1 between two elements as scanners send it.
GS = "\x1d"
# Longer than any label of a supplier; a 2D code can hold thousands of signs.
MAX_SIGNS = 300
# Lengths of the numbers of trade items: EAN-8, UPC-A, EAN-13 and ITF-14.
GTIN_LENGTHS = frozenset({8, 12, 13, 14})
# What a scanner puts in front (ISO/IEC 15424): GS1-128, DataMatrix, QR, DataBar and composite, DotCode; and plain
# EAN/UPC, EAN-8, ITF.
_ELEMENTS = ("]C1", "]d2", "]Q3", "]e0", "]J1")
_NUMBERS = ("]E0", "]E4", "]I0", "]I1")
# A composite component beside an EAN/UPC (GS1 General Specifications, 7.8).
_BESIDE = "|]e0"
# GS1 AI encodable character set 82.
_SIGNS = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_BRACKETS = re.compile(r"\(([0-9]{2,4})\)")
_DATES = {"11": "produced", "13": "packed", "15": "best_before", "17": "expires"}
_KEYS = {"00": "sscc", "01": "gtin", "02": "contained", "414": "gln"}
_COUNTS = frozenset({"30", "37"})


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What does not fit. ``at``: the sign, from 0, where the element begins; ``ai``: its identifier, if there is one.

    ``code``: ``empty``, ``long``, ``not-gs1`` (another kind of code), ``identifier`` (no such identifier), ``length``,
    ``digits``, ``sign`` (one that GS1 does not know), ``check-digit``, ``date``, ``time``, ``twice`` (said twice,
    differently).
    """

    at: int
    code: str
    ai: str = ""


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """What a barcode said. ``gtin`` and ``contained`` (of what is inside a box or pallet) have 14 digits.

    ``net_g`` in whole grams; ``count`` of AI 30 or 37; ``expires`` is the last day, until ``expires_at`` where the hour
    is said. ``unknown``: elements whose meaning is no matter here, as (identifier, content).
    """

    gtin: str = ""
    lot: str = ""
    produced: date | None = None
    packed: date | None = None
    best_before: date | None = None
    expires: date | None = None
    expires_at: time | None = None
    net_g: int | None = None
    count: int | None = None
    contained: str = ""
    sscc: str = ""
    gln: str = ""
    unknown: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()


class _Element(NamedTuple):
    at: int
    ai: str
    content: str


def read_barcode(text: str, today: date) -> Marked:
    """All that a barcode says. ``today`` decides the century of its dates."""
    if len(text) > MAX_SIGNS:
        return Marked(problems=(Problem(at=MAX_SIGNS, code="long"),))
    begin = len(text) - len(text.lstrip(" "))
    rest = text.strip(" \r\n\t")
    prefix = rest[:3] if rest.startswith("]") else ""
    content, at = rest[len(prefix) :], begin + len(prefix)
    if not content.strip(GS):
        return Marked(problems=(Problem(at=at, code="empty"),))
    if prefix and prefix not in (*_ELEMENTS, *_NUMBERS):
        return Marked(problems=(Problem(at=begin, code="not-gs1"),))
    if prefix in _NUMBERS:
        number, beside, more = content.partition(_BESIDE)
        return _gathered([_number(number, at)], _scanned(more, at + len(number + beside)), today)
    if not prefix and content.isascii() and content.isdecimal() and len(content) in GTIN_LENGTHS:
        return _gathered([_number(content, at)], iter(()), today)
    if content.startswith("("):
        return _gathered([], _bracketed(content, at), today)
    return _gathered([], _scanned(content, at), today)


def gtin_14(number: str) -> str:
    """A trade item's number in its long form; empty for what is none or whose check digit does not fit."""
    fits = number.isascii() and number.isdecimal() and len(number) in GTIN_LENGTHS and check_digit_fits(number)
    return number.zfill(14) if fits else ""


def check_digit_fits(number: str) -> bool:
    """Whether the last digit is what the others give: modulo 10, weights 3 and 1 from the right."""
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(number)))
    return weighed % 10 == 0


def _number(content: str, at: int) -> _Element | Problem:
    if not (content.isascii() and content.isdecimal()):
        return Problem(at=at, code="digits")
    if len(content) not in GTIN_LENGTHS:
        return Problem(at=at, code="length")
    return _Element(at, "01", content.zfill(14))


def _bracketed(text: str, at: int) -> Iterator[_Element | Problem]:
    """Identifiers in brackets. A text may hold brackets too: within it only those around a known identifier count."""
    marks: list[re.Match[str]] = []
    for mark in _BRACKETS.finditer(text):
        shape = SHAPES.get(marks[-1][1]) if marks else None
        if mark[1] in SHAPES or shape is None or shape.digits:
            marks.append(mark)
    if not marks or marks[0].start() != 0:
        yield Problem(at=at, code="identifier")
        return
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        content = text[mark.end() : len(text) if after is None else after.start()].strip(" " + GS)
        yield _Element(at + mark.start(), mark[1], content)


def _scanned(text: str, at: int) -> Iterator[_Element | Problem]:
    """Identifiers and contents behind each other. After what cannot be read it goes on behind the next separator."""
    place = 0
    while place < len(text):
        if text[place] == GS:
            place += 1
            continue
        ai = next((text[place : place + n] for n in (2, 3, 4) if text[place : place + n] in SHAPES), "")
        end = text.find(GS, place)
        end = len(text) if end < 0 else end
        if not ai:
            yield Problem(at=at + place, code="identifier")
            place = end
            continue
        begin, shape = place + len(ai), SHAPES[ai]
        stop = min(begin + shape.most, end) if shape.predefined else end
        yield _Element(at + place, ai, text[begin:stop])
        place = stop


def _gathered(first: list[_Element | Problem], more: Iterator[_Element | Problem], today: date) -> Marked:
    """Judge element by element; what is bad is told and left out."""
    said: dict[str, object] = {}
    unknown: list[tuple[str, str]] = []
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for one in (*first, *more):
        if isinstance(one, Problem):
            problems.append(one)
            continue
        code = _unfit(one)
        if code is None and seen.setdefault(one.ai, one.content) != one.content:
            code = "twice"
        meant = None if code else _meaning(one, today)
        if isinstance(meant, str):
            code = meant
        if code is not None:
            problems.append(Problem(at=one.at, code=code, ai=one.ai))
        elif isinstance(meant, dict):
            said |= _earlier(said, meant)
        elif (one.ai, one.content) not in unknown:
            unknown.append((one.ai, one.content))
    return msgspec.convert({**said, "unknown": tuple(unknown), "problems": tuple(problems)}, Marked)


def _unfit(one: _Element) -> str | None:
    """The code of what is wrong with a content whatever it means."""
    shape: Shape | None = SHAPES.get(one.ai)
    if shape is None:
        return "identifier"
    if not set(one.content) <= _SIGNS:
        return "sign"
    if shape.digits and not (one.content.isdecimal() or not one.content):
        return "digits"
    return None if shape.least <= len(one.content) <= shape.most else "length"


def _meaning(one: _Element, today: date) -> dict[str, object] | str | None:
    """What an element says, by field; a code of what is wrong with it; or ``None`` where it is no matter here."""
    ai, content = one.ai, one.content
    if ai in _KEYS:
        return {_KEYS[ai]: content} if check_digit_fits(content) else "check-digit"
    if ai in _DATES:
        day = _day(content, today, whole_months=True)
        return "date" if day is None else {_DATES[ai]: day}
    if ai == "7003":
        day, hour, minute = _day(content[:6], today, whole_months=False), int(content[6:8]), int(content[8:])
        if day is None:
            return "date"
        return {"expires": day, "expires_at": time(hour, minute)} if hour < 24 and minute < 60 else "time"
    if ai == "10":
        return {"lot": content}
    if ai in _COUNTS:
        return {"count": int(content)}
    if ai.startswith("310"):
        parts = 10 ** int(ai[3])
        return {"net_g": (int(content) * 1000 + parts // 2) // parts}
    return None


def _earlier(said: dict[str, object], meant: dict[str, object]) -> dict[str, object]:
    """What an element adds: of two days of expiry (17 and 7003) the earlier one, with its own hour."""
    before, after = said.get("expires"), meant.get("expires")
    if not (isinstance(before, date) and isinstance(after, date)):
        return meant
    if before == after:
        return {"expires_at": said.get("expires_at") or meant.get("expires_at")}
    return {"expires_at": None, **meant} if after < before else {}


def _day(content: str, today: date, *, whole_months: bool) -> date | None:
    """YYMMDD, in the century that brings it within 50 years of today; day 00 is the last of the month."""
    year, month, day = int(content[:2]), int(content[2:4]), int(content[4:])
    ahead = year - today.year % 100
    century = today.year // 100 - (1 if ahead >= 51 else -1 if ahead <= -50 else 0)
    year += century * 100
    if not (1 <= month <= 12 and 1 <= year <= 9999):
        return None
    last = calendar.monthrange(year, month)[1]
    if day == 0 and whole_months:
        day = last
    return date(year, month, day) if 1 <= day <= last else None
