"""A spool that is full: what is said, what goes, what never goes; and a disk that is full."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.torture.disk import FULL, OK, Disk
from tests.torture.record import all_rows

from pawon_contract import chain, codec
from pawon_contract.messages import Contact, Gap, Item, Reading, Weighing
from pawon_edge.spool import Spool, store
from pawon_edge.spool.fill import FillWatch, shed

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
WIDE = 10**12


def reading(number: int) -> Reading:
    """A raw reading."""
    return Reading(at_ms=number, sensor="chiller-1", quantity="temperature_c", value=4.0)


def weighing(number: int) -> Weighing:
    """What is never thinned."""
    return Weighing(at_ms=number, sensor="t-1", kind="in", before_g=0, after_g=number, start_ms=1, end_ms=2)


def fill(spool: Spool, count: int, *, readings: bool = True) -> dict[int, bytes]:
    """So many rows, each tenth a weighing (or all); the weighings by number."""
    rows: list[Item] = [
        reading(n) if readings and n % 10 else weighing(n) for n in range(spool.last + 1, spool.last + count + 1)
    ]
    items = [codec.encode_item(row) for row in rows]
    first = spool.last + 1
    spool.append(BOOT, items)
    return {first + n: raw for n, raw in enumerate(items) if isinstance(rows[n], Weighing)}


def checked(spool: Spool) -> dict[int, bytes]:
    """What the uplink reads, by number, with its chain verified and no hole; thinned gaps left out."""
    value, sequence, out = chain.genesis(spool.id), 1, {}
    for row in all_rows(spool, 1):
        assert row.sequence == sequence
        item = codec.decode_item(row.item)
        if isinstance(item, Gap):
            assert item.reason in ("thinned", "pruned")
            value = bytes.fromhex(item.chain)
        else:
            value = chain.link(value, row.sequence, row.boot, row.item)
            out[sequence] = row.item
        assert row.chain == value
        sequence = row.last + 1
    assert sequence == spool.last + 1
    return out


def test_a_full_spool_thins_the_oldest_readings_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down to the limit and not further; every weighing and the newest readings stay, the chain verifies through the
    gaps, also after a restart, and the fill is told truly."""
    monkeypatch.setattr(store, "THIN_AT_ONCE", 100)
    spool = Spool(tmp_path / "spool.db")
    weighings = fill(spool, 1_000)
    assert spool.keep_within(2_000, WIDE) == 50.0
    assert len(checked(spool)) == 1_000
    for _ in range(20):
        percent = spool.keep_within(800, WIDE)
    assert 80 < percent < 100
    spool.close()
    spool = Spool(tmp_path / "spool.db")
    rows = checked(spool)
    assert {n: raw for n, raw in rows.items() if n in weighings} == weighings
    assert all(n in rows for n in range(600, 1_001))
    assert 1 not in rows
    assert spool.trouble == ""
    assert spool.append(BOOT, [codec.encode_item(reading(1))]) == 1_001
    spool.close()


def test_what_the_server_has_goes_before_anything_is_thinned(tmp_path: Path) -> None:
    """Confirmed rows are kept only while there is room."""
    spool = Spool(tmp_path / "spool.db")
    fill(spool, 1_000)
    spool.confirm(500, proven=True)
    assert spool.keep_within(900, WIDE) < 100
    rows = checked(spool)
    assert sorted(rows) == list(range(501, 1_001))
    spool.close()


def test_rows_that_are_never_thinned_may_go_beyond_the_limit(tmp_path: Path) -> None:
    """A spool of weighings alone stays whole and says that it is over-full; it never stops accepting."""
    spool = Spool(tmp_path / "spool.db")
    weighings = fill(spool, 100, readings=False)
    assert [spool.keep_within(50, WIDE) for _ in range(3)] == [200.0] * 3
    assert checked(spool) == weighings
    assert spool.append(BOOT, [codec.encode_item(weighing(1))]) == 101
    spool.close()


def test_bytes_count_too_and_thinning_frees_them(tmp_path: Path) -> None:
    """The limit in megabytes is one of what is used, not of what the file once was."""
    spool = Spool(tmp_path / "spool.db")
    fill(spool, 5_000)
    limit = 600_000
    before = spool.keep_within(10**9, 10 * limit)
    for _ in range(10):
        percent = spool.keep_within(10**9, limit)
    assert percent < min(100, 10 * before)
    checked(spool)
    spool.close()


@given(st.lists(st.floats(0, 120), max_size=40))
def test_a_step_is_said_once_until_it_has_fallen_well_below(percents: list[float]) -> None:
    """Whatever the fill does: what is said is the highest step reached, and it rises from one saying to the next
    unless the fill fell by more than five percent below in between."""
    watch, said, lowest = FillWatch(), 0, 200.0
    for percent in percents:
        lowest = min(lowest, percent)
        step = watch.step(percent)
        if step is not None:
            assert step == max(s for s in (50, 80, 100) if percent >= s)
            assert step > said or lowest < said - 5
            said, lowest = step, percent


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 60))
def test_readings_are_shed_before_anything_else(kinds: list[bool], most: int) -> None:
    """Never more than fits, order kept, the oldest readings first, another row only when no reading is left."""
    contact = Contact(at_ms=0, sensor="pintu", contact="door", active=True)
    rows: list[Item] = [reading(n) if kind else contact for n, kind in enumerate(kinds)]
    left = shed(rows, most)
    assert len(left) == min(len(rows), most)
    readings = [row for row in rows if isinstance(row, Reading)]
    kept = [row for row in left if isinstance(row, Reading)]
    assert kept == readings[len(readings) - len(kept) :]
    assert not kept or len(left) - len(kept) == len(rows) - len(readings)


def test_a_disk_that_is_full_at_any_write_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The disk refuses the first, second ... write of an append and of its checkpoint, and has room again afterwards:
    the same rows are accepted then, once, with no need to open the file anew."""
    disk = Disk(1)
    with disk.installed():
        spool = Spool(tmp_path / "spool.db")
        spool._db.execute("PRAGMA wal_autocheckpoint = 4")
        refusals = 0
        for number in range(1, 41):
            left = number % 8

            def fault(kind: str, _path: str) -> int:
                nonlocal left
                left -= kind == "write"
                return FULL if kind == "write" and left < 0 else OK

            items = [codec.encode_item(reading(spool.last + 1 + n)) for n in range(20)]
            disk.fault = fault
            try:
                spool.append(BOOT, items)
            except sqlite3.OperationalError:
                refusals += 1
                disk.fault = lambda _kind, _path: OK
                spool.append(BOOT, items)
            disk.fault = lambda _kind, _path: OK
            assert spool.last == number * 20
        assert refusals > 5
        assert spool.trouble == ""
        rows = checked(spool)
        assert rows == {n: codec.encode_item(reading(n)) for n in range(1, 801)}
        spool.close()
