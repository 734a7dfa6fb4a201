"""The reliability page says what the reports say."""

from __future__ import annotations

import runpy
from pathlib import Path

from tests.torture.report import Part, Report, Round

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/benchmarks/reliability.py"


def test_the_page_is_that_of_the_reports_in_the_tree() -> None:
    """Nobody has typed a figure into ``docs/reliability.md``, and no report is newer than the page."""
    script = runpy.run_path(str(SCRIPT))
    wanted = script["page"](script["read_report"](script["TORTURE"]), script["peers_section"]())
    assert script["PAGE"].read_text() == wanted


def test_a_broken_promise_stands_on_the_page_with_its_seed() -> None:
    """Losing results are published too."""
    script = runpy.run_path(str(SCRIPT))
    bad = Round(seed=77, theme="kills", seconds=60, faults={"kill -9 server": 3}, rows=10, lost=1, trouble=["row 3"])
    part = Part(seed=88, seconds=60, counts={}, trouble="seed 91: last row 3")
    page = script["page"](Report(machine="m", ended="e", rounds=[bad], parts={"cuts": part}), "")
    assert "seed 77 (kills): row 3" in page
    assert "cuts: seed 91: last row 3" in page
    assert page.count("**a promise was broken**") == 3
    assert "3 kills" in page
