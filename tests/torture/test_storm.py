"""Gateways that come back all at once: the short run."""

from __future__ import annotations

import pytest
from tests.torture.storm import run

pytestmark = pytest.mark.system


def test_twelve_gateways_with_a_backlog_drain_at_once_and_the_wall_stays_live() -> None:
    """Everything arrives, proven by each spool's chain; live values of each come while it drains; memory is bounded."""
    storm = run(gateways=12, rows=800)
    assert storm.rows == 9_600
    assert storm.live_gateways == 12
