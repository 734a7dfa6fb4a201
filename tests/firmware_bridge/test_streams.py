"""Promises that hold for every protocol's parser, whatever the wire does. No deadlines: a busy machine is no defect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawon_firmware_bridge.measurement import MAX_RAW, BadFrame, Event, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS

CHECKED = [name for name in PROTOCOLS if name != "st-gs"]
"""Formats with a checksum."""

LONGEST_HELD = 512
"""Bytes a parser may hold: a board frame, or a pair of w1 lines and a run of garbage."""

protocols = st.sampled_from(list(PROTOCOLS))


@st.composite
def _chunks(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _parse(name: str, chunks: list[bytes]) -> list[Event]:
    parser = PROTOCOLS[name].parser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*events, *parser.finish()]


@st.composite
def _noisy(draw: st.DrawFn) -> tuple[str, bytes]:
    """Good frames, broken ones, and bytes that like to look like frames."""
    name = draw(protocols)
    example = PROTOCOLS[name].example
    piece = st.one_of(
        st.just(example),
        st.binary(max_size=40),
        st.integers(0, len(example)).map(lambda at: example[:at]),
        st.integers(0, len(example)).map(lambda at: example[at:]),
        st.text("STUGOLN,+-.0123456789kg \r\n\x02\x03W", max_size=40).map(str.encode),
    )
    return name, b"".join(draw(st.lists(piece, max_size=12)))


@settings(deadline=None)
@given(noisy=_noisy(), data=st.data())
def test_any_chunking_gives_the_same_events(noisy: tuple[str, bytes], data: st.DataObject) -> None:
    """How the operating system cuts the stream changes nothing, for good and for bad bytes."""
    name, stream = noisy
    chunks = data.draw(_chunks(stream))
    whole, bytewise = _parse(name, [stream]), _parse(name, [bytes([byte]) for byte in stream])
    assert _parse(name, chunks) == whole == bytewise


@settings(deadline=None)
@given(noisy=_noisy())
def test_garbage_never_raises_and_nothing_grows(noisy: tuple[str, bytes]) -> None:
    """Any bytes are taken; what a parser holds and what a bad frame carries stays small."""
    name, stream = noisy
    parser = PROTOCOLS[name].parser()
    for at in range(0, len(stream), 7):
        for event in parser.feed(stream[at : at + 7]):
            assert isinstance(event, Measurement | BadFrame)
            assert len(event.raw) <= MAX_RAW
        assert parser.held <= LONGEST_HELD  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_endless_garbage_is_told_and_bounded(name: str) -> None:
    """A wrong baud rate for an hour costs no memory and is told in bad frames, far fewer than bytes."""
    parser = PROTOCOLS[name].parser()
    bad = 0
    for _ in range(100):
        bad += len(parser.feed(b"\xa5\x5a\xf8\x80" * 100))
        assert parser.held <= LONGEST_HELD  # type: ignore[attr-defined]
    assert 1 <= bad <= 40_000 / 200


@settings(deadline=None)
@given(name=protocols, garbage=st.binary(max_size=200), data=st.data())
def test_resynchronises_within_one_frame(name: str, garbage: bytes, data: st.DataObject) -> None:
    """After garbage, or after a frame that was cut off, at most one good frame is missed."""
    example = PROTOCOLS[name].example
    good = len(_parse(name, [example]))
    cut = example[: data.draw(st.integers(0, len(example) - 1))]
    events = PROTOCOLS[name].parser().feed(garbage + cut + example * 3)
    assert [event for event in events if _said(event)][-2 * good :] == _parse(name, [example]) * 2


@pytest.mark.parametrize("name", ["yaohua-a12-wg", "yaohua-a9", "pawon-board"])
def test_no_good_frame_is_missed_after_a_cut_one(name: str) -> None:
    """A frame cut off anywhere does not take the next one with it, where the format marks its start or end."""
    example = PROTOCOLS[name].example
    for at in range(1, len(example)):
        events = PROTOCOLS[name].parser().feed(example[at:] + example)
        assert [event for event in events if _said(event)] == _parse(name, [example])


@settings(deadline=None)
@given(name=st.sampled_from(CHECKED), data=st.data())
def test_one_flipped_bit_never_gives_a_wrong_value(name: str, data: st.DataObject) -> None:
    """With a checksum, a frame with one wrong bit is refused (or still says the same, if the bit says nothing)."""
    example = PROTOCOLS[name].example
    bit = data.draw(st.integers(0, 8 * len(example) - 1))
    spoiled = bytearray(example)
    spoiled[bit // 8] ^= 1 << bit % 8
    true = {event.value for event in _parse(name, [example]) if isinstance(event, Measurement)}
    for event in _parse(name, [bytes(spoiled) + example]):
        assert not isinstance(event, Measurement) or event.value is None or event.value in true


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
