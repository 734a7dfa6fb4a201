"""An installer's own pattern for the `ST,GS` family's many cousins."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS
from pawon_firmware_bridge.protocols.line_pattern import LONGEST_LINE, PatternError, compile_pattern

FAMILY = r"(?P<head>ST|US|OL|UL),(?P<load>GS|NT|G|N),?\s*(?P<sign>[+-]?)\s*(?P<number>\d*\.?\d+)\s*,?(?P<unit>kg|g|lb)"

# pattern, line, (grams, state, stable, load)
LINES = [
    (FAMILY, b"ST,GS,+ 0.876kg\r\n", (876.0, "ok", True, "gross")),
    (FAMILY, b"US,NT,- 12.34,lb\r\n", (-5597.3298458, "ok", False, "net")),
    (r"(?P<head>OL),.*|(?P<number>[0-9.]+)", b"OL,------\r", (None, "overload", None, None)),
    (
        r"(?P<sign>[ -])(?P<number> *[0-9.]+) (?P<unit>kg) (?P<load>[GN])",
        b"-  1.250 kg N\r",
        (-1250.0, "ok", None, "net"),
    ),
    (r"W(?P<number>[0-9.]{6})", b"W01.500\n", (1500.0, "ok", None, None)),
    (r"Berat: (?P<number>[0-9.]+)", b"Berat: 25\r\n", (25_000.0, "ok", None, None)),
]

# pattern, what is said about it
REFUSED = [
    ("(?P<number>[0-9", "not a regular expression: unterminated character set"),
    ("[0-9]+", "no group (?P<number>...)"),
    ("(?P<number>[0-9]+)(?P<weight>x)", "unknown group weight; known are number, sign, unit, head, load"),
    ("(?P<number>[0-9]*)", "fits an empty line"),
    ("(?P<number>(?:[0-9]+)+)k", "a repetition inside a repetition"),
    ("(?P<number>(?:[0-9]{1,3}){1,9})k", "a repetition inside a repetition"),
    ("(?P<number>(?:1|11)+)k", "alternatives inside a repetition"),
    (".*" * 12 + "(?P<number>[0-9])", "could take very long: fewer or bounded repetitions"),
    ("[0-9]?" * 40 + "(?P<number>[0-9]{40})", "could take very long"),
    ("(?P<number>[0-9]+)(?P=number)", "back references, conditions and look-around are not allowed"),
    ("(?=x)(?P<number>[0-9]+)", "back references, conditions and look-around are not allowed"),
    ("(?P<number>[0-9]+) ½ kg", "only ASCII characters"),
    ("(?P<number>[0-9]+)" + "x" * 300, "318 characters; at most 300"),
]


@pytest.mark.parametrize(("pattern", "line", "expected"), LINES)
def test_line(pattern: str, line: bytes, expected: tuple[object, ...]) -> None:
    """Named groups say what is where; kilograms are taken where the line has no unit; any line end will do."""
    parser = PROTOCOLS["st-gs"].parser(pattern=pattern)
    [event] = parser.feed(line)
    assert isinstance(event, Measurement)
    assert (event.value, event.state, event.stable, event.load) == expected


@pytest.mark.parametrize(("pattern", "reason"), REFUSED)
def test_refused_pattern(pattern: str, reason: str) -> None:
    """A pattern that cannot work, or could stop the gateway for ever, is refused when it is read, with the reason."""
    with pytest.raises(PatternError) as caught:
        PROTOCOLS["st-gs"].parser(pattern=pattern)
    assert reason in str(caught.value)


def test_refused_unit() -> None:
    """A unit that is no mass is refused likewise."""
    with pytest.raises(PatternError, match="unit 'pcs' is none of mg, g, kg"):
        PROTOCOLS["st-gs"].parser(pattern=r"(?P<number>\d+)", unit="pcs")


def test_the_worst_accepted_pattern_is_bearable() -> None:
    """The most ambiguous pattern that is let through takes well under a second over the worst line."""
    pattern = compile_pattern(r".*.*.*.*.*(?P<number>[0-9])")
    began = time.process_time()
    assert pattern.fullmatch(b"x" * (LONGEST_LINE - 1)) is None
    assert time.process_time() - began < 1.0


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_any_chunking_gives_the_same_events(data: st.DataObject) -> None:
    """A pattern's parser keeps the promises of the built-in ones."""
    pieces = st.sampled_from([b"10.500kg", b"\r\n", b"\r", b"1", b"xyz", b"10.500kg\r\n", b"23.148lb\n", b"\xff" * 45])
    stream = b"".join(data.draw(st.lists(pieces, max_size=15)))
    at = data.draw(st.integers(0, len(stream)))
    results = []
    for chunks in ([stream], [stream[:at], stream[at:]], [bytes([byte]) for byte in stream]):
        parser = PROTOCOLS["st-gs"].parser(pattern=r"(?P<number>[0-9]+\.[0-9]+)(?P<unit>kg|lb)")
        results.append([*(event for chunk in chunks for event in parser.feed(chunk)), *parser.finish()])
    assert results[0] == results[1] == results[2]


def test_only_whole_lines_and_one_unit() -> None:
    """The tail of a spoiled or overlong line is no weight; pounds among kilograms and a lost digit are refused."""
    parser = PROTOCOLS["st-gs"].parser(pattern=r"(?P<number>[0-9]+\.[0-9]+)(?P<unit>kg|lb)")
    stream = b"x10.000kg\r\n" + b"y" * 100 + b"10.000kg\r\n10.500kg\r\n10.500kg\r\n23.148lb\r\n1.500kg\r\n10.500kg\r\n"
    events = parser.feed(stream)
    assert [event.value for event in events if isinstance(event, Measurement)] == [10_500.0, 10_500.0, 10_500.0]
    assert [event.reason for event in events if isinstance(event, BadFrame)][-2:] == [
        "unit changed from kg to lb",
        "frame of another shape than the one before",
    ]
