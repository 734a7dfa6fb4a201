"""Naming a protocol from three seconds of bytes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.firmware_bridge.captures import NOISES, Capture, captures, frame_of

from pawon_firmware_bridge.cli import main
from pawon_firmware_bridge.identify import identify
from pawon_firmware_bridge.protocols import PROTOCOLS

CAPTURES = list(captures())
EQUALS = ("yaohua-equals-reversed", "yaohua-equals-forward")
SYMMETRIC = [(name, load) for name in EQUALS for load in ("empty", "round")]
"""A mass that is nothing, or ends in 0 when printed, is a good `=` frame in both directions."""


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: f"{capture.protocol}-{capture.load}")
def test_every_capture_is_named(capture: Capture) -> None:
    """The right protocol and no other, or both directions of `=` where the bytes fit both."""
    found = identify(capture.content)
    ambiguous = (capture.protocol, capture.load) in SYMMETRIC
    assert found.protocols == (EQUALS if ambiguous else (capture.protocol,))
    best = next(one for one in found.candidates if one.protocol == capture.protocol)
    assert best.confidence >= (0.99 if capture.load != "noisy" else 0.6)
    assert best.frames >= 25 if capture.load != "noisy" else best.frames >= 15


def test_every_scale_has_a_capture() -> None:
    """A protocol that nobody tried to recognise is not finished."""
    assert {capture.protocol for capture in CAPTURES} == {n for n, row in PROTOCOLS.items() if row.kind == "scale"}


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_unknown(name: str) -> None:
    """No protocol is made out of a wrong baud rate, a shorted line, a log, a thermometer's numbers or a GPS."""
    assert str(identify(NOISES[name])) == "unknown"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_other_devices_are_named_and_one_frame_is_too_little(name: str) -> None:
    """Boards and probes are named like scales; one frame might be an accident and is told as such."""
    example = PROTOCOLS[name].example
    assert name in identify(example * 5).protocols
    few = identify(example[3:] + example)
    # One frame of a board holds several readings, under a CRC of 16 bits.
    assert few.protocols == (() if name != "pawon-board" else (name,))
    assert all("too few" in one.why for one in few.candidates if one.protocol != "pawon-board")


@pytest.mark.parametrize(("frame_format", "odd"), [("7E1", 0), ("7O1", 1)])
@pytest.mark.parametrize("name", [name for name, row in PROTOCOLS.items() if "7E1" in row.formats])
def test_seven_bits_captured_as_eight_are_named_with_their_framing(name: str, frame_format: str, odd: int) -> None:
    """Old indicators send 7E1; read with the usual settings their parity stands in the eighth bit. Eight bits as they
    are never say so."""
    plain = frame_of(name, 13_500) * 20
    sent = bytes(byte | (0x80 if byte.bit_count() & 1 != odd else 0) for byte in plain)
    assert identify(plain).frame_format == ""
    found = identify(b"\xff" + sent[5:])
    assert str(found) == f"{name}, sent as {frame_format}"


def test_the_unit_key_and_errors_do_not_change_the_name() -> None:
    """A scale that is over its capacity, or answers with errors between its weights, is still itself."""
    over = frame_of("and-standard", None, state="overload") * 20 + frame_of("and-standard", 5_000) * 5
    assert str(identify(over)) == "and-standard"
    assert str(identify((frame_of("mettler-sics", 5_000) + b"ES\r\nS I\r\n") * 5)) == "mettler-sics"


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`pawon-bridge identify` says the name first, how sure it is, and what to do if there are two; 1 if undecided."""
    capture = tmp_path / "capture.bin"
    capture.write_bytes(frame_of("cas-22", 13_500) * 20)
    assert main(["identify", str(capture)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "cas-22"
    assert told[1] == "  100% cas-22: 20 frames without checksum, last 13500 g; 0 of 440 bytes left over"
    capture.write_bytes(frame_of("yaohua-equals-forward", 3_000) * 20)
    assert main(["identify", str(capture), "--json"]) == 1
    told_json = json.loads(capsys.readouterr().out)
    assert told_json["answer"] == "cannot tell apart: yaohua-equals-reversed, yaohua-equals-forward"
    assert {row["why"].split("last ")[1] for row in told_json["candidates"]} == {"3000 g", "300 g"}
    assert main(["identify", str(capture)]) == 1
    assert "known mass" in capsys.readouterr().out
    assert main(["identify", str(tmp_path / "no-such-file")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_the_command_reads_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cat capture | pawon-bridge identify -`."""
    capture = tmp_path / "capture.bin"
    capture.write_bytes(frame_of("ohaus", 13_500) * 20)
    with capture.open("rb") as file:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(fileno=file.fileno))
        assert main(["identify", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "ohaus"
