"""The wizard against simulated scales on real ptys: it names them, asks the silent ones, and guesses nothing."""

from __future__ import annotations

import os
import pty
import tomllib
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pawon_edge import wizard
from pawon_edge.cli import main
from pawon_edge.drivers.serial_table import SerialTable
from pawon_firmware_bridge.simulator import Simulator, load_scenario

SECONDS = 0.6


@contextmanager
def scale(folder: Path, protocol: str, mass_g: int = 12_340) -> Iterator[str]:
    """One simulated scale; the path of its port."""
    story = folder / "story.toml"
    story.write_text(
        f'title = "one"\n[[device]]\nname = "scale"\nprotocol = "{protocol}"\nmass_g = {mass_g}\ndivision_g = 20\n'
    )
    with Simulator(load_scenario(story), folder / "devices") as simulator:
        yield str(simulator.paths["scale"])


@pytest.mark.parametrize("protocol", ["yaohua-a12-wg", "yaohua-a9", "st-gs", "cas-pos", "yaohua-a9-command"])
def test_a_scale_is_named_and_its_configuration_written(protocol: str, tmp_path: Path) -> None:
    """Streaming or silent: one protocol, the mass that lies on it, and lines that the gateway accepts."""
    with scale(tmp_path, protocol) as path:
        found = wizard.explore(path, listen_s=SECONDS)
    assert found.protocols == (protocol,)
    assert found.grams == (12_340.0,)
    table = tomllib.loads(wizard.block(found, 1))["serial"][0]
    assert SerialTable.model_validate(table).protocol == protocol


def test_two_formats_that_look_alike_are_decided_by_a_known_mass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are named and neither is chosen, until somebody says what lies on the scale."""
    with scale(tmp_path, "yaohua-equals-reversed") as path:
        assert main(["wizard", "--port", path, "--seconds", str(SECONDS)]) == 1
        told = capsys.readouterr().out
        assert "yaohua-equals-reversed" in told
        assert "yaohua-equals-forward" in told
        assert "[[serial]]" not in told
        assert main(["wizard", "--port", path, "--seconds", str(SECONDS), "--mass-g", "12340"]) == 0
        assert 'protocol = "yaohua-equals-reversed"' in capsys.readouterr().out


def test_silence_noise_and_a_missing_port_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there, nothing said, nothing understood: three sentences, and no configuration."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    quiet = os.ttyname(slave)
    assert main(["wizard", "--port", quiet, "--port", str(tmp_path / "none"), "--seconds", "0.2"]) == 1
    told = capsys.readouterr().out
    assert f"{quiet}: silent" in told
    assert "none: cannot be used" in told
    assert "[[serial]]" not in told
    os.close(master)
    os.close(slave)
