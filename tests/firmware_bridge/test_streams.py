"""Promises that hold for every protocol's parser, whatever the wire does. No deadlines: a busy machine is no defect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.benchmarks.parsers import fuzz
from tests.firmware_bridge.captures import frame_of

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Event, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS

CHECKED = [name for name, row in PROTOCOLS.items() if row.checked]
UNCHECKED = [name for name, row in PROTOCOLS.items() if not row.checked]
SCALES = [name for name, row in PROTOCOLS.items() if row.kind == "scale"]
SIGN_IS_ONE_BIT = ["toledo-continuous"]
"""Formats without a checksum in which one bit is the sign: only the device's own checksum mode helps."""

NO_MARK = ["cas-10", "ohaus"]
"""Formats whose lines begin with the weight itself: after a broken one, the next line is not believed either."""

LONGEST_HELD = 512
"""Bytes a parser may hold: a board frame, or a pair of w1 lines and a run of garbage."""

EXAMPLES = settings(deadline=None, max_examples=60)
"""Of each promise for each protocol; the fuzz run of `scripts/bench parsers` tries a million."""


@st.composite
def _chunks(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _parse(name: str, chunks: list[bytes]) -> list[Event]:
    parser = PROTOCOLS[name].parser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*events, *parser.finish()]


def _flip(bit: int, frame: bytes) -> bytes:
    spoiled = bytearray(frame)
    spoiled[bit // 8] ^= 1 << bit % 8
    return bytes(spoiled)


@st.composite
def _noisy(draw: st.DrawFn, name: str) -> bytes:
    """Good frames, broken ones, and bytes that like to look like frames."""
    example = PROTOCOLS[name].example
    piece = st.one_of(
        st.just(example),
        st.binary(max_size=40),
        st.integers(0, len(example)).map(lambda at: example[:at]),
        st.integers(0, len(example)).map(lambda at: example[at:]),
        st.text("STUGOLNQTDCRI?,+-=.0123456789kgwnt \r\n\x01\x02\x03\x04\x05\x06W", max_size=40).map(str.encode),
        st.tuples(st.integers(0, 8 * len(example) - 1), st.just(example)).map(lambda pair: _flip(*pair)),
    )
    return b"".join(draw(st.lists(piece, max_size=12)))


@pytest.mark.parametrize("name", PROTOCOLS)
@EXAMPLES
@given(data=st.data())
def test_any_chunking_gives_the_same_events(name: str, data: st.DataObject) -> None:
    """How the operating system cuts the stream changes nothing, for good and for bad bytes."""
    stream = data.draw(_noisy(name))
    chunks = data.draw(_chunks(stream))
    whole, bytewise = _parse(name, [stream]), _parse(name, [bytes([byte]) for byte in stream])
    assert _parse(name, chunks) == whole == bytewise


@pytest.mark.parametrize("name", PROTOCOLS)
@EXAMPLES
@given(data=st.data())
def test_garbage_never_raises_and_nothing_grows(name: str, data: st.DataObject) -> None:
    """Any bytes are taken; what a parser holds and what a bad frame carries stays small; no byte is lost count of."""
    stream = data.draw(_noisy(name))
    parser = PROTOCOLS[name].parser()
    for at in range(0, len(stream), 7):
        for event in parser.feed(stream[at : at + 7]):
            assert isinstance(event, Measurement | BadFrame)
            assert len(event.raw) <= MAX_RAW
        assert parser.held <= LONGEST_HELD  # type: ignore[attr-defined]
        assert 0 <= parser.wasted + parser.waiting <= at + 7


@pytest.mark.parametrize("name", PROTOCOLS)
def test_endless_garbage_is_told_and_bounded(name: str) -> None:
    """A wrong baud rate for an hour costs no memory and is told in bad frames, far fewer than bytes."""
    parser = PROTOCOLS[name].parser()
    bad = 0
    for _ in range(100):
        bad += len(parser.feed(b"\xa5\x5a\xf8\x80" * 100))
        assert parser.held <= LONGEST_HELD  # type: ignore[attr-defined]
    assert 1 <= bad <= 40_000 / 200


@pytest.mark.parametrize("name", PROTOCOLS)
@EXAMPLES
@given(garbage=st.binary(max_size=200), data=st.data())
def test_resynchronises_within_one_frame(name: str, garbage: bytes, data: st.DataObject) -> None:
    """After garbage, or after a frame that was cut off, at most one good frame is missed."""
    example = PROTOCOLS[name].example
    good = len(_parse(name, [example]))
    cut = example[: data.draw(st.integers(0, len(example) - 1))]
    events = _parse(name, [garbage + cut + example * 3])
    assert [event for event in events if _said(event)][-2 * good :] == _parse(name, [example]) * 2


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "ds18b20-w1"])
def test_no_good_frame_is_missed_or_late_after_the_tail_of_one(name: str) -> None:
    """A port opened in the middle of a frame hears the next one, at its last byte."""
    example = PROTOCOLS[name].example
    for at in range(1, len(example)):
        events = PROTOCOLS[name].parser().feed(example[at:] + example + _next(name))
        assert [event for event in events if _said(event)] == _parse(name, [example])


@pytest.mark.parametrize("name", [name for name in SCALES if name not in NO_MARK])
def test_no_good_frame_is_missed_or_late_after_the_head_of_one(name: str) -> None:
    """A frame that breaks off does not take the next one with it, where the format marks its start."""
    example = PROTOCOLS[name].example
    for at in range(1, len(example)):
        events = PROTOCOLS[name].parser().feed(example[:at] + example + _next(name))
        assert [event for event in events if _said(event)] == _parse(name, [example])


@pytest.mark.parametrize("name", NO_MARK)
def test_the_tail_of_a_line_is_no_weight(name: str) -> None:
    """Whatever stands before a weight on its line, and however long it is, makes that line no weight."""
    example = PROTOCOLS[name].example
    for length in range(1, 50):
        for garbage in (b"1" * length, b" " * length):
            parser = PROTOCOLS[name].parser()
            told = [parser.feed(garbage), parser.feed(example), parser.feed(example)]
            assert [any(_said(event) for event in events) for events in told] == [False, False, True]


@pytest.mark.parametrize("name", CHECKED)
def test_one_flipped_bit_never_gives_a_wrong_value(name: str) -> None:
    """With a checksum, a frame with one wrong bit is refused (or still says the same, if the bit says nothing)."""
    example = PROTOCOLS[name].example
    true = {event.value for event in _parse(name, [example]) if isinstance(event, Measurement)}
    for bit in range(8 * len(example)):
        for event in _parse(name, [_flip(bit, example) + example]):
            assert not isinstance(event, Measurement) or event.value is None or event.value in true


@pytest.mark.parametrize("mass_g", [12_345.0, -1_250.0, 0.0])
@pytest.mark.parametrize("name", UNCHECKED)
def test_what_one_flipped_bit_can_do_without_a_checksum(name: str, mass_g: float) -> None:
    """At most one digit of one frame is another: neither point nor unit moves, no sign turns (but for the formats that
    have it in one bit), and the next frame is right again."""
    good = frame_of(name, mass_g)
    for bit in range(8 * len(good)):
        values = _values(name, good * 3 + _flip(bit, good) + good * 3)
        wrong = [value for value in values if value != mass_g]
        assert len(wrong) <= 1
        assert len(values) >= 5
        assert values[-2:] == [mass_g, mass_g]
        for value in wrong:
            if name in SIGN_IS_ONE_BIT and value == -mass_g:
                continue
            shown = value * (-1 if mass_g < 0 else 1)
            assert _one_digit_differs(shown, abs(mass_g))


@pytest.mark.parametrize("name", SCALES)
def test_merged_lines_never_give_a_wrong_value(name: str) -> None:
    """Bytes that were lost, up to a frame's length, cost the frames they belonged to and make no third value."""
    first, second = frame_of(name, 12_345.0), frame_of(name, 86_790.0)
    for lost in range(1, len(first)):
        for at in range(len(first) + len(second) - lost):
            torn = (first + second)[:at] + (first + second)[at + lost :]
            values = _values(name, first * 2 + torn + second * 2)
            assert set(values) <= {12_345.0, 86_790.0}
            assert values[-1] == 86_790.0


@pytest.mark.parametrize("name", SCALES)
def test_garbage_inside_a_frame(name: str) -> None:
    """Foreign bytes in the middle of a frame cost that frame; the one after the next is right at the latest."""
    good = frame_of(name, 12_345.0)
    for at in range(1, len(good)):
        for garbage in (b"\x00", b"\xff\xff", b"9", b"\r\n", good[:3]):
            values = _values(name, good * 2 + good[:at] + garbage + good[at:] + good * 2)
            assert set(values) == {12_345.0}
            assert len(values) >= 3


def test_a_short_fuzz_run() -> None:
    """Random and mutated inputs over all parsers; `scripts/bench parsers` runs a million."""
    fuzz(20_000, seed=7)


def test_a_run_of_garbage_is_one_bad_frame() -> None:
    """A hundred wrong bytes are one line in a log, not a hundred."""
    example = PROTOCOLS["yaohua-a12-wg"].example
    bad, good = PROTOCOLS["yaohua-a12-wg"].parser().feed(b"\xff" * 100 + example)
    assert bad == BadFrame(reason="not a frame", raw=b"\xff" * MAX_RAW)
    assert isinstance(good, Measurement)


def test_the_reason_says_checksum() -> None:
    """A frame of the right shape with a wrong checksum is told apart from noise: it hints at a bad cable."""
    spoiled = b"WG004.138kg3D\r\n"
    [bad] = _parse("yaohua-a12-wg", [spoiled])
    assert bad == BadFrame(reason="checksum", raw=spoiled)


def test_a_start_byte_inside_the_checksum() -> None:
    """Found by the chunking property: an STX among the last bytes is judged the same whole and byte by byte."""
    stream = b"\x02+0000000\x02\x00\x03" + PROTOCOLS["yaohua-a9"].example
    assert _parse("yaohua-a9", [stream]) == _parse("yaohua-a9", [bytes([byte]) for byte in stream])


def _said(event: Event) -> bool:
    return isinstance(event, Measurement) and event.value is not None


def _next(name: str) -> bytes:
    """What tells that the frame before has ended, in the two formats that say only where one begins."""
    return b"=" if name.startswith("yaohua-equals") else b""


def _values(name: str, stream: bytes) -> list[float]:
    return [
        event.value for event in _parse(name, [stream]) if isinstance(event, Measurement) and event.value is not None
    ]


def _one_digit_differs(left_g: float, right_g: float) -> bool:
    left, right = (f"{round(mass_g):012d}" for mass_g in (left_g, right_g))
    return sum(one != other for one, other in zip(left, right, strict=True)) == 1
