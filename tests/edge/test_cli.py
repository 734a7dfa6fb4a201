"""``pawon-edge check`` and the way into ``run``."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from pawon_edge.cli import main
from pawon_edge.spool import Spool


def write(folder: Path, port: str, *, extra: str = "", data_dir: Path | None = None) -> Path:
    """A configuration with one scale and one probe below ``folder``."""
    path = folder / "gateway.toml"
    path.write_text(
        f"""
kitchen = "dapur-1"
gateway = "gw-1"
broker = "mqtt://broker.lan"
data_dir = "{data_dir or folder / "data"}"
{extra}
[[serial]]
name = "scale-1"
path = "{port}"
protocol = "yaohua-a9"
[[serial.sensor]]
id = "timbangan-1"
[[w1]]
root = "{folder / "w1"}"
[[w1.sensor]]
id = "chiller-1"
rom = "28-00000a1b2c3d"
"""
    )
    return path


def test_check_of_a_good_machine_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything in its place: status 0, the broker with its default port, every sensor named."""
    (tmp_path / "w1" / "28-00000a1b2c3d").mkdir(parents=True)
    _, slave = pty.openpty()
    assert main(["check", "--config", str(write(tmp_path, os.ttyname(slave)))]) == 0
    out = capsys.readouterr().out
    assert "broker broker.lan:1883" in out
    assert "timbangan-1" in out
    assert "chiller-1" in out
    assert "the configuration is good\n" in out


def test_check_names_every_problem_of_the_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No port, no probe, no folder: three problems with their remedy, status 1."""
    (tmp_path / "file").write_text("")
    path = write(tmp_path, str(tmp_path / "ttyUSB0"), data_dir=tmp_path / "file" / "data")
    assert main(["check", "--config", str(path)]) == 1
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem: ")]
    assert len(found) == 3
    assert "choose a folder the gateway may write" in found[0]
    assert "ttyUSB0: no such port now" in found[1]
    assert "28-00000a1b2c3d: no such probe now" in found[2]


def test_mistakes_in_the_file_go_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem on its line, with the file's name before it, and status 1."""
    path = write(tmp_path, "/dev/x", extra="heartbeat_s = 0\nbroker_user = 3")
    assert main(["check", "--config", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [[str(path), "broker_user"], [str(path), "heartbeat_s"]]


def test_the_demonstration_profile_needs_its_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody runs a kitchen on limits whose minutes are seconds by mistake."""
    _, slave = pty.openpty()
    (tmp_path / "w1" / "28-00000a1b2c3d").mkdir(parents=True)
    path = write(tmp_path, os.ttyname(slave))
    path.write_text(path.read_text() + '[guard]\nprofile = "DEMO"\n')
    assert main(["check", "--config", str(path)]) == 1
    assert "demonstrations only" in capsys.readouterr().err
    assert main(["check", "--config", str(path), "--demo"]) == 0


def test_a_password_file_that_is_missing_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Told by its key, before anything connects without a password."""
    path = write(tmp_path, "/dev/x", extra=f'broker_user = "gw"\nbroker_password_file = "{tmp_path / "none"}"')
    assert main(["run", "--config", str(path)]) == 1
    assert "broker_password_file: No such file" in capsys.readouterr().err


def test_run_beside_a_running_gateway_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second gateway on one spool ends with status 1 and one sentence, no traceback."""
    spool = Spool(tmp_path / "data" / "spool.db")
    assert main(["run", "--config", str(write(tmp_path, "/dev/x"))]) == 1
    assert "another gateway runs on this spool; stop it first" in capsys.readouterr().err
    spool.close()
