r"""Lines in an installer's own pattern, for an indicator whose order of fields no table here has.

A pattern is a Python regular expression for one whole line without its end (CR, LF or both), with named groups:
`number` (needed; digits and a point), `sign`, `unit` (g, kg, lb ...), `head` (ST, US, OL, UL), `load` (GS, G, NT, N,
TR, T). For example `(?P<sign>[+-])(?P<number> *[0-9.]+) (?P<unit>kg) (?P<load>[GN])`.

A regular expression can take a year over one line. Lines are therefore short, and a pattern in which a line could be
read in more than `MOST_WAYS` ways is refused before the first byte comes.
"""

from __future__ import annotations

import re
from math import comb
from typing import Any

from pawon_firmware_bridge.measurement import Measurement
from pawon_firmware_bridge.protocols.printed_mass import GRAMS_PER_UNIT, field_grams
from pawon_firmware_bridge.protocols.resynchroniser import REJECT, Frame, Verdict
from pawon_firmware_bridge.protocols.whole_lines import WholeLines

LONGEST_LINE = 40
"""Bytes with the line's end; the longest format in the tables has 22."""

LONGEST_PATTERN = 300
"""Characters; the family's own pattern has fewer."""

MOST_WAYS = 50_000_000
"""Upper bound of ways to read one line: at worst about a second, which no line of a real indicator comes near."""

GROUPS = ("number", "sign", "unit", "head", "load")
HEADS = {b"ST": "ok", b"US": "ok", b"OL": "overload", b"UL": "underload"}
LOADS = {b"GS": "gross", b"G": "gross", b"NT": "net", b"N": "net", b"TR": "tare", b"T": "tare"}


class PatternError(ValueError):
    """The pattern cannot be used; the message says why."""


class PatternParser(WholeLines):
    """One indicator's stream, read with `pattern`; `unit` is taken where the line names none."""

    def __init__(self, pattern: str, *, unit: str = "kg") -> None:
        if unit not in GRAMS_PER_UNIT:
            raise PatternError(f"unit {unit!r} is none of {', '.join(GRAMS_PER_UNIT)}")
        self._pattern = compile_pattern(pattern)
        self._default_unit = unit
        super().__init__(self._read_line, longest=LONGEST_LINE, ends=b"\r\n")

    def _read_line(self, line: bytes) -> Verdict:
        match = self._pattern.fullmatch(line[:-1])
        if match is None:
            return REJECT
        found = {name: text.strip() for name, text in match.groupdict(b"").items()}
        head, load = found.get("head", b"").upper(), LOADS.get(found.get("load", b"").upper())
        state = HEADS.get(head, "ok")
        if state != "ok":
            event = Measurement(quantity="mass_g", value=None, state=state, load=load, raw=line)
            return Frame(length=len(line), event=event)
        unit = found.get("unit", b"").decode("ascii", "replace").lower() or self._default_unit
        value = field_grams(found.get("sign", b"") + found["number"], unit) if unit in GRAMS_PER_UNIT else None
        if value is None:
            return REJECT
        stable = head == b"ST" if head else None
        event = Measurement(quantity="mass_g", value=value, stable=stable, load=load, raw=line)
        return Frame(length=len(line), event=event, unit=unit, shape=len(line))


def compile_pattern(text: str) -> re.Pattern[bytes]:
    """The pattern, ready for use. `PatternError` with the reason if it cannot be used."""
    if len(text) > LONGEST_PATTERN:
        raise PatternError(f"{len(text)} characters; at most {LONGEST_PATTERN}")
    try:
        pattern = re.compile(text.encode("ascii"))
    except UnicodeEncodeError as error:
        raise PatternError("only ASCII characters; write others as \\x80") from error
    except (re.error, RecursionError, OverflowError) as error:
        raise PatternError(f"not a regular expression: {error}") from error
    if "number" not in pattern.groupindex:
        raise PatternError("no group (?P<number>...)")
    if strange := sorted(set(pattern.groupindex) - set(GROUPS)):
        raise PatternError(f"unknown group {', '.join(strange)}; known are {', '.join(GROUPS)}")
    if pattern.fullmatch(b"") is not None:
        raise PatternError("fits an empty line")
    if _ways(text) > MOST_WAYS:
        raise PatternError("could take very long: fewer or bounded repetitions, such as {0,8} instead of *")
    return pattern


def _ways(text: str) -> int:
    """An upper bound of the ways in which a line can be divided among the pattern's repetitions and alternatives."""
    counts = {"open": 0, "bounded": 1}
    # The one exact reading of a regular expression is the standard library's own; its place is private.
    tree: Any = re._parser.parse(text)  # type: ignore[attr-defined]
    _count(tree, counts, repeated=False)
    return comb(LONGEST_LINE + counts["open"], counts["open"]) * counts["bounded"]


def _count(tree: Any, counts: dict[str, int], *, repeated: bool) -> None:
    for operation, argument in tree:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, body = argument
            varies = most != least
            if repeated and (varies or most > 1):
                raise PatternError("a repetition inside a repetition")
            ways = min(int(most), LONGEST_LINE) - min(int(least), LONGEST_LINE) + 1
            if ways > LONGEST_LINE // 2:
                counts["open"] += 1
            else:
                counts["bounded"] *= ways
            _count(body, counts, repeated=repeated or int(most) > 1)
        elif name == "BRANCH":
            if repeated:
                raise PatternError("alternatives inside a repetition")
            counts["bounded"] *= _choices(argument[1])
            for branch in argument[1]:
                _count(branch, counts, repeated=repeated)
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            _count(argument[-1] if name == "SUBPATTERN" else argument, counts, repeated=repeated)
        elif name in ("GROUPREF", "GROUPREF_EXISTS", "ASSERT", "ASSERT_NOT"):
            raise PatternError("back references, conditions and look-around are not allowed")


def _choices(branches: Any) -> int:
    """How many of the alternatives can fit at one place: of plain words, those that begin one another."""
    words = [[value for operation, value in branch if str(operation) == "LITERAL"] for branch in branches]
    if any(len(word) != len(branch) for word, branch in zip(words, branches, strict=True)):
        return len(branches)
    return max(sum(word[: len(other)] == other for other in words) for word in words)
