"""The spool under power cuts: the short run. ``scripts/bench cuts`` makes the full one."""

from __future__ import annotations

import pytest
from tests.torture.power_cut import run
from tests.torture.record import BrokenPromiseError


def test_no_accepted_row_is_lost_doubled_or_invented_by_300_power_cuts() -> None:
    """Cuts at any write or sync, also while opening, pruning, checkpointing and closing: what ``append`` returned for
    is there byte for byte and in order, the chain verifies, nothing else is there, the cursor is never beyond."""
    counts = run(cuts=300, seed=1)
    assert counts.cuts == 300
    assert counts.appends_cut > 50
    assert counts.accepted > 5_000


def test_the_disk_takes_what_was_not_synced() -> None:
    """The same run with a level of sync that does not wait for the medium loses rows: the cuts are real ones."""
    with pytest.raises(BrokenPromiseError, match=r"seed \d+: (last row|row)"):
        run(cuts=300, seed=1, synchronous="NORMAL")
