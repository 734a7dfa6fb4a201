"""Damaged spool files: the short run. ``scripts/bench damage`` makes the full one."""

from __future__ import annotations

from tests.torture.damage import KINDS, run


def test_damage_never_stops_the_gateway_and_never_invents_a_row() -> None:
    """Each kind of damage, to the database and to its log, over 192 spools: each starts, sends only rows that were
    accepted, under their old numbers, tells the rest as gaps, and accepts again under unused numbers."""
    counts = run(cases=192, seed=1)
    assert counts.cases == 192
    assert len(counts.kinds) == 2 * len(KINDS)
    assert counts.put_aside > 40
    assert counts.kept > counts.rows / 2
    assert counts.told_lost > 1_000
