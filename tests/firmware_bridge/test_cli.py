"""The command `pawon-bridge` as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pawon_firmware_bridge.cli import main
from pawon_firmware_bridge.protocols import PROTOCOLS


def test_decode_hex(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed hex gives one JSON line per measurement and per bad frame."""
    digits = "FF FF 57 47 30 30 34 2E 31 33 39 6B 67 33 44 0D 0A 57 47"
    assert main(["decode", "--protocol", "yaohua-a12-wg", "--hex", digits]) == 0
    bad, good, cut = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert bad == {"bad": "not a frame", "raw": "ff ff"}
    assert good == {
        "quantity": "mass_g",
        "value": 4139.0,
        "state": "ok",
        "stable": None,
        "load": "gross",
        "tare_g": None,
        "channel": "",
        "raw": "57 47 30 30 34 2e 31 33 39 6b 67 33 44 0d 0a",
    }
    assert cut == {"bad": "cut off", "raw": "57 47"}


def test_decode_file_and_standard_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A captured file and a pipe give the same."""
    row = PROTOCOLS["pawon-board"]
    capture = tmp_path / "capture.bin"
    capture.write_bytes(row.example * 2)
    assert main(["decode", "--protocol", "pawon-board", str(capture)]) == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 5  # two readings, the counter that did not go on, two readings
    command = [sys.executable, "-m", "pawon_firmware_bridge.cli", "decode", "--protocol", "pawon-board", "-"]
    done = subprocess.run(command, input=row.example * 2, capture_output=True, timeout=20, check=True)
    assert done.stdout.decode() == told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "--protocol", "yaohua-a13", "--hex", "00"], "unknown protocol 'yaohua-a13'; known: yaohua-a12-wg,"),
        (["decode", "--protocol", "st-gs", "--hex", "5G"], "--hex: not pairs of hex digits: '5G'"),
        (["decode", "--protocol", "st-gs"], "give either --hex or a file"),
        (["decode", "--protocol", "st-gs", "no-such-file"], "no-such-file: No such file or directory"),
        (["simulate", "no-such-scenario"], "shipped scenarios: chiller_door_open, delivery, demo,"),
    ],
)
def test_asked_wrongly(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong question ends with status 2 and a sentence that says what would be right."""
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_scenario_with_mistakes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All mistakes of a scenario are printed, each with the file and the key."""
    path = tmp_path / "story.toml"
    path.write_text('[[device]]\nname = "A"\nprotocol = "st-gs"\nrate_hz = 0\n[[event]]\naction = "add"\n')
    assert main(["simulate", str(path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{path}: ").partition(":")[0] for line in told] == [
        "device[0].rate_hz",
        "event[0].at_s",
        "event[0].device",
        "event[0].mass_g",
    ]


def test_protocols(capsys: pytest.CaptureFixture[str]) -> None:
    """Every protocol is listed with an example and where it comes from."""
    assert main(["protocols"]) == 0
    told = capsys.readouterr().out
    for row in PROTOCOLS.values():
        assert row.name in told
        assert row.example.hex(" ") in told
        assert row.source in told
