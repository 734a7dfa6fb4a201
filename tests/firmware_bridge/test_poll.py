"""How scales are asked, without a port: bytes heard in, bytes to send out."""

from __future__ import annotations

import pytest

from pawon_firmware_bridge.protocols import PROTOCOLS, cas_pos, yaohua_a9_command
from pawon_firmware_bridge.protocols.poll import AskWhenSilent

EXAMPLE = PROTOCOLS["mettler-sics"].example


def test_yaohua_commands_are_the_manuals() -> None:
    """Literal requests of the A9+ manual p. 11; letters are asked in turn, other addresses by their letter."""
    both = yaohua_a9_command.Commands(letters="BD")
    gross, net = bytes.fromhex("02 41 42 30 33 03"), bytes.fromhex("02 41 44 30 35 03")
    assert [both.ask(), both.ask(), both.ask()] == [gross, net, gross]
    assert yaohua_a9_command.dialogue(address="C").ask() == b"\x02CB01\x03"
    for address in ("", "a", "AB", "1"):
        with pytest.raises(ValueError, match="is not one of A-Z"):
            yaohua_a9_command.dialogue(address=address)


def test_cas_pos_conversation() -> None:
    """ENQ, ACK, DC1, frame; an ACK nobody asked for, a refusal or a frame is not answered."""
    enquiry = cas_pos.dialogue()
    assert enquiry.hear(cas_pos.ACK) == b""
    assert enquiry.ask() == b"\x05"
    assert enquiry.hear(b"") == b""
    assert enquiry.hear(b"\x06") == b"\x11"
    assert enquiry.hear(PROTOCOLS["cas-pos"].example) == b""
    assert enquiry.ask() == b"\x05"
    assert enquiry.hear(cas_pos.NAK) == b""
    assert enquiry.hear(cas_pos.ACK) == b""


def test_cas_pos_refusal_is_told() -> None:
    """NAK is a bad frame with a reason; the bytes of the conversation are not noise."""
    events = PROTOCOLS["cas-pos"].parser().feed(b"\x06" + PROTOCOLS["cas-pos"].example + b"\x15")
    assert [getattr(event, "reason", "good") for event in events] == ["good", "not ready"]


@pytest.mark.parametrize("heard", [EXAMPLE, EXAMPLE * 10])
def test_a_scale_that_streams_is_left_in_peace(heard: bytes) -> None:
    """Listening comes first: one that already sends is never asked; when it stops it is asked, and again left alone
    when it sends more than an answer."""
    dialogue = AskWhenSilent(b"SIR\r\n", answer_length=len(EXAMPLE))
    dialogue.hear(heard)
    assert dialogue.ask() == b""
    assert dialogue.ask() == b"SIR\r\n"
    dialogue.hear(EXAMPLE * 10)
    assert dialogue.ask() == b""


def test_a_scale_that_only_answers_is_asked_each_time() -> None:
    """One answer for each question is no stream."""
    dialogue = AskWhenSilent(b"Q\r\n", answer_length=17)
    for _ in range(5):
        assert dialogue.ask() == b"Q\r\n"
        dialogue.hear(b"ST,+001234.5")
        dialogue.hear(b"  g\r\n")


@pytest.mark.parametrize("pieces", [[b"ES\r\n"], [b"E", b"S\r", b"\n"], [EXAMPLE, b"xES\r\nx"]])
def test_a_scale_that_does_not_know_the_stream(pieces: list[bytes]) -> None:
    """`SIR` refused with `ES`: from then on `SI` is asked, however the refusal is cut."""
    dialogue = PROTOCOLS["mettler-sics"].poll.dialogue()  # type: ignore[union-attr]
    assert dialogue.ask() == b"SIR\r\n"
    for piece in pieces:
        assert dialogue.hear(piece) == b""
    dialogue.ask()
    assert dialogue.ask() == b"SI\r\n"


def test_questions_are_slow() -> None:
    """No row asks more than once a second: some indicators beep at each question."""
    polls = [row.poll for row in PROTOCOLS.values() if row.poll is not None]
    assert len(polls) == 5
    assert all(poll.interval_s >= 1.0 for poll in polls)


def test_every_port_says_how_to_listen() -> None:
    """Rates and framings to try are there for every port, the usual ones first."""
    for row in PROTOCOLS.values():
        assert row.baud == (row.bauds[0] if row.bauds else 0)
        assert set(row.formats) <= {"8N1", "7E1", "8E1", "8O1"}
        assert row.stream or row.poll is not None
