"""The whole road under torture: the short run, and proof that its oracle sees. ``scripts/bench torture`` is long."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.torture import faults
from tests.torture.accepted import Accepted, Shown, compare, read_ear
from tests.torture.points import POINTS
from tests.torture.road import Road

pytestmark = pytest.mark.system


def test_the_road_keeps_every_accepted_row_once_in_order_and_in_time(tmp_path: Path) -> None:
    """Gateway, server and broker killed one by one, together and at named points, a broker that forgets, poison, a full
    disk, a failed sync, a new boot with a wrong clock, a bad network: nothing lost, doubled, altered or out of order,
    times within the stated bound, incidents as without faults. And the oracle misses no tampering with its truth."""
    road = Road(tmp_path, random.Random(1), disk=True, small=False, faked=False, network=True)
    try:
        for name in ("broker", "server", "gateway"):
            road.start(name)
        road.until(lambda: bool(road.accepted().rows), "the first row")
        for name, points in POINTS.items():
            road.kill(name)
            road.start(name, points[1])
        for fault in (
            faults.poison_topic, faults.kill_all, faults.fill_disk, faults.wipe_broker, faults.fail_sync,
            faults.reboot_gateway, faults.jump_gateway,
        ):  # fmt: skip
            fault(road)
        verdict = road.settle()
    finally:
        road.end()
    assert verdict.trouble == []
    assert verdict.rows > 200
    assert sum(count for name, count in road.counts.items() if name.startswith("kill -9")) >= 6
    assert road.counts["poison messages"] > 10

    heard, goal = road.accepted(), verdict.rows

    def looked_at(truth: Accepted = heard, shown: Shown = road.devices.shown) -> list[str]:
        found = compare(tmp_path / "server/pawon.db", tmp_path / "gateway/spool.db", truth, goal, shown)
        return [text.split(":")[0] for text in found.trouble]

    assert looked_at() == []
    spool, last = max(heard.rows, key=lambda key: key[1])
    row = heard.rows[spool, 7]
    assert looked_at(replace(heard, rows=heard.rows | {(spool, last + 1): row})) == ["lost"]
    assert looked_at(replace(heard, rows=heard.rows | {(spool, 7): (row[0], b"{}")})) == ["altered"]
    assert looked_at(replace(heard, twice=["row 7"])) == ["doubled"]
    forgotten, unsure = (
        {key: value for key, value in rows.items() if key[1] != 7} for rows in (heard.rows, heard.unsure)
    )
    assert looked_at(Accepted(rows=forgotten, unsure=unsure)) == ["invented"]  # type: ignore[arg-type]  # two dicts
    later = {name: [at_ms + 60_000 for at_ms in since] for name, since in road.devices.shown.since_ms.items()}
    late = Shown(later, road.devices.shown.values)
    assert set(looked_at(shown=late)) == {"mis_timed"}


def test_the_ear_tells_accepted_rows_from_those_of_an_append_that_was_cut_short(tmp_path: Path) -> None:
    """A row counts as accepted when ``append`` returned for it; the last line of a life may be half a line."""
    file = tmp_path / "accepted.jsonl"
    coming = {"id": "a", "first": 1, "boot": "b", "items": ["one", "two"]}
    cut = {"id": "a", "first": 3, "boot": "b", "items": ["three"]}
    again = cut | {"items": ["four"]}
    lines = [json.dumps(line) for line in (coming, {"last": 2}, cut, again, {"last": 3}, coming)]
    lines.insert(2, lines[0][:30])  # of a life that was killed while the ear wrote; the next one begins a new line
    file.write_text("\n".join(lines)[:-5])
    heard = read_ear(file)
    assert heard.rows == {("a", 1): ("b", b"one"), ("a", 2): ("b", b"two"), ("a", 3): ("b", b"four")}
    assert heard.unsure["a", 3] == [("b", b"three"), ("b", b"four")]
    assert heard.twice == []


def test_a_value_is_in_time_only_near_a_moment_at_which_its_device_showed_it() -> None:
    """The error is the distance to the nearest time of that value; beyond the bound there is none."""
    shown = Shown()
    for at_ms, value in ((0, 1.0), (100, 2.0), (200, 1.0)):
        shown.show("chiller-1", at_ms, value)
    assert shown.error_ms("chiller-1", 150, 2.0, 50) == 0
    assert shown.error_ms("chiller-1", 230, 2.0, 50) == 30
    assert shown.error_ms("chiller-1", 300, 2.0, 50) is None
    assert shown.error_ms("chiller-1", 10_000, 1.0, 50) == 0
