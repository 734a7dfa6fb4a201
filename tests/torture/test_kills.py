"""The spool under kill -9: the short run. ``scripts/bench kills`` makes the full one."""

from __future__ import annotations

from tests.torture.kills import run


def test_no_accepted_row_is_lost_doubled_or_invented_by_100_kills() -> None:
    """Half of them at random instants, half at named steps of a transaction or of the disk under it: every accepted
    row is there byte for byte and in order, the chain verifies, nothing else is there."""
    counts = run(kills=100, seed=1)
    assert counts.kills == 100
    assert sum(counts.points.values()) > 25
    assert {"COMMIT", "sync db-wal", "write db"} <= set(counts.points)
    assert counts.accepted > 1_000
