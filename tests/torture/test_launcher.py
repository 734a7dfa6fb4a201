"""The programs under torture are the launcher's children, and see the clock they are to see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.torture.launcher import Launcher


@pytest.fixture(scope="module")
def shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How far the programs' clocks are off."""
    file = tmp_path_factory.mktemp("clock") / "shift"
    file.write_text("+0\n")
    return file


@pytest.fixture(scope="module")
def launcher(shift: Path) -> Iterator[Launcher]:
    """One for all tests here: to load the programs takes seconds."""
    made = Launcher(shift)
    yield made
    made.end()


def test_wall_clocks_jump_and_steady_ones_do_not(launcher: Launcher, shift: Path, tmp_path: Path) -> None:
    """libfaketime moves what programs take for the date, as its file says, and nothing that measures time."""
    for text, days in (("+3d\n", 3), ("-56y\n", -56 * 365)):
        shift.write_text(text)
        log = tmp_path / f"{days}.json"
        assert launcher.status(launcher.start("clock", log), wait=True) == 0
        wall, since_boot, steady = json.loads(log.read_text())
        assert abs(wall - time.time() - days * 86_400) < 86_400
        assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot < 60
        assert 0 <= time.monotonic() - steady < 60


def test_a_program_that_fails_is_told_apart_and_says_why(launcher: Launcher, tmp_path: Path) -> None:
    """Its status is its own, and its traceback is in its log."""
    log = tmp_path / "log"
    assert launcher.status(launcher.start("nothing", log), wait=True) == 3
    assert "KeyError: 'nothing'" in log.read_text()
