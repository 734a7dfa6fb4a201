"""The server's store under power cuts and failing disks, and its upgrades: the short runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from tests.torture import store_cuts, upgrades
from tests.torture.record import BrokenPromiseError


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The store's complaints about what is done to it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_what_the_server_answered_for_survives_20_power_cuts() -> None:
    """Cuts at any write or sync, also while the store is made: every answered batch is there, the journal verifies, and
    what is derived from it again is what the tables hold."""
    counts = store_cuts.run(cuts=20, seed=1)
    assert counts.cuts == 20
    assert counts.answered_rows > 500
    assert counts.incidents > 10
    assert counts.cut_while_opening > 1
    assert counts.disk_errors > 0


def test_the_disk_takes_what_the_store_did_not_sync() -> None:
    """The same run with a level of sync that does not wait for the medium loses answered rows: the cuts are real."""
    with pytest.raises(BrokenPromiseError, match=r"seed \d+: answered"):
        store_cuts.run(cuts=100, seed=2, synchronous="NORMAL")


def test_an_upgrade_of_the_store_survives_kills_and_power_cuts() -> None:
    """Killed before every ninth statement, cut at any operation, from nothing and from the first schema: the next start
    brings it up to date, with the record it had."""
    counts = upgrades.run(cuts=12, seed=1, kills_every=9)
    assert counts.kills >= 6
    assert counts.cuts_that_struck >= 3
