"""Completeness: every minute of a local day is measured, known late only, or unknown, whatever order rows came in."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.conftest import BOOK, Bench, on_sqlite
from tests.server.sender import BOOT, Sender, temperature
from tests.server.straight import Straight
from tests.server.test_api import Api
from tests.server.test_rebuild import rebuilt

from pawon_contract.messages import ClockFix, Contact
from pawon_server.projections import completeness as counting
from pawon_server.projections.completeness import LAST_MS, local_day, minutes_covered, minutes_known
from pawon_server.store.address import Address

MINUTE = 60_000
JAKARTA = ZoneInfo("Asia/Jakarta")
# Midnight of 22 November 2026 in the kitchen.
MIDNIGHT_MS = int(dt.datetime(2026, 11, 22, tzinfo=JAKARTA).timestamp()) * 1000


def known(record: Straight, sensor: str = "chiller-1") -> dict[str, tuple[int, int]]:
    """Minutes measured and minutes late of every day."""
    rows = record.rows("SELECT day, measured, late, minutes FROM completeness WHERE sensor = :s ORDER BY day", s=sensor)
    return {str(day): minutes_known(a, b, n) for day, a, b, n in rows}  # type: ignore[arg-type]  # blobs and a number


@given(st.integers(0, LAST_MS - 1), st.integers(1, 90_000))
def test_a_minute_is_covered_when_its_middle_is(measured_ms: int, valid_ms: int) -> None:
    """Said another way: some moment hh:mm:30 lies within the validity; a reading covers two minutes at most."""
    covered = minutes_covered(measured_ms, valid_ms)
    near = range(measured_ms // MINUTE - 2, measured_ms // MINUTE + 4)
    assert list(covered) == [m for m in near if measured_ms <= m * MINUTE + 30_000 < measured_ms + valid_ms]
    assert len(covered) <= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_any_order_and_batching_counts_what_a_plain_set_counts(seed: int) -> None:
    """Against sets of minutes, a day line in between, some sent late, restarts anywhere; and derived again the same."""
    chance = random.Random(seed)
    base_ms = MIDNIGHT_MS - 20 * MINUTE
    every_s = chance.choice([1, 10, 60])
    at_ms, items = 0, []
    for _ in range(60):
        at_ms += chance.choice([1_000, 10_000, 60_000, 60_000, 180_000])
        items.append(temperature(3.5, at_ms, every_s=every_s))
    sender = Sender(offset_ms=base_ms).add(*items)
    on_time: set[int] = set()
    late: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        record = Straight(Path(folder) / "pawon.db")
        first = 1
        while first <= len(items):
            last = min(len(items), first + chance.randint(0, 9))
            sent_ms = items[last - 1].at_ms + chance.choice([0, 500, 3_600_000])
            if chance.random() < 0.3:
                record.send(sender.batch(first, last, sent_ms=sent_ms), commit=False)
            record.send(sender.batch(first, last, sent_ms=sent_ms))
            for item in items[first - 1 : last]:
                is_late = sent_ms - item.at_ms > item.valid_ms
                (late if is_late else on_time).update(minutes_covered(base_ms + item.at_ms, item.valid_ms))
            first = last + 1
            if chance.random() < 0.3:
                record.load()
        line = MIDNIGHT_MS // MINUTE
        wanted = {}
        for name, inside in (("2026-11-21", lambda m: m < line), ("2026-11-22", lambda m: m >= line)):
            counts = len({m for m in on_time if inside(m)}), len({m for m in late - on_time if inside(m)})
            if any(counts):
                wanted[name] = counts
        assert known(record) == wanted
        assert rebuilt(record.store.address).same
        record.close()


@on_sqlite  # two days of readings, and arithmetic that no database does
def test_a_heartbeat_keeps_every_minute_and_a_gap_is_unknown(store_address: Address) -> None:
    """Once a minute all day: 1440; an hour of nothing: those minutes are missing, less the validity of the last."""
    record = Straight(store_address)
    sender = Sender(offset_ms=MIDNIGHT_MS)
    for n in range(0, 1440, 2):  # two minutes travel together, which is not yet late
        first = len(sender.rows) + 1
        for at_ms in (n * MINUTE, (n + 1) * MINUTE):
            if not 600 <= n < 660:
                sender.add(temperature(3.5, at_ms))
            sender.add(temperature(3.5, at_ms, "chiller-2"))
        record.send(sender.batch(first, len(sender.rows), sent_ms=(n + 1) * MINUTE))
    # The reading of 09:59:00 is believed until 10:00:30, exclusive: the middle of 10:00 is nobody's.
    assert known(record)["2026-11-22"] == (1380, 0)
    assert known(record, "chiller-2")["2026-11-22"] == (1440, 0)
    record.close()


def test_a_backlog_is_late_and_an_earlier_boot_too(store_address: Address) -> None:
    """Rows that came hours after they were measured, or out of a boot whose age nobody knows, are known late."""
    record = Straight(store_address)
    sender = Sender(offset_ms=MIDNIGHT_MS).add(*(temperature(3.5, n * MINUTE) for n in range(1, 181)))
    record.send(sender.batch(1, 60, sent_ms=180 * MINUTE))
    record.send(sender.batch(61, 120, sent_ms=5, sent_boot="11111111-cab1-4b42-8e06-9e3512dfe0a6"))
    for n in range(121, 181):
        record.send(sender.batch(n, n, sent_ms=n * MINUTE))
    assert known(record)["2026-11-22"] == (60, 120)
    assert record.rows("SELECT late, count(*) FROM reading GROUP BY late") == [(0, 60), (1, 120)]
    record.close()


def test_a_clock_fix_moves_the_minutes_with_their_readings(store_address: Address) -> None:
    """A boot that believed in yesterday: once its time is known yesterday is empty again, and today has the minutes."""
    record = Straight(store_address)
    sender = Sender(offset_ms=MIDNIGHT_MS - 86_400_000, clock="guess")
    sender.add(*(temperature(3.5, n * MINUTE) for n in range(1, 31)))
    sender.add(ClockFix(at_ms=30 * MINUTE, boot=BOOT, offset_ms=MIDNIGHT_MS, error_ms=10, source="synced"))
    for n in range(1, 31):
        record.send(sender.batch(n, n, sent_ms=n * MINUTE))
    assert known(record) == {"2026-11-21": (30, 0)}
    record.send(sender.batch(31, 31, sent_ms=30 * MINUTE))
    assert known(record) == {"2026-11-22": (30, 0)}
    assert rebuilt(record.store.address).same
    record.close()


def test_what_was_set_aside_counts_late_once_it_is_used(store_address: Address) -> None:
    """A sensor configured later: its minutes were never seen in time, and are known now."""
    left = [sensor for sensor in BOOK.settings.sensors if sensor.id != "chiller-1"]
    record = Straight(store_address, msgspec.structs.replace(
        BOOK, settings=msgspec.structs.replace(BOOK.settings, sensors=left)))  # fmt: skip
    sender = Sender(offset_ms=MIDNIGHT_MS).add(*(temperature(3.5, n * MINUTE) for n in range(1, 11)))
    record.send(sender.batch(sent_ms=10 * MINUTE))
    assert known(record) == {}
    record.replay(BOOK)
    assert known(record) == {"2026-11-22": (0, 10)}
    record.close()


def test_a_clock_beyond_all_calendars_harms_nothing(store_address: Address) -> None:
    """Rows dated outside the years that have days are stored and are on no day; a fix to and from there as well."""
    record = Straight(store_address)
    for number, offset_ms in enumerate((-(2**52), 2**52, LAST_MS - 1)):
        spool, boot = f"{number:020x}", f"{number:08x}-cab1-4b42-8e06-9e3512dfe0a6"
        sender = Sender(spool=spool, boot=boot, offset_ms=offset_ms, clock="guess").add(temperature(3.5, 1_000))
        sender.add(ClockFix(at_ms=2_000, boot=boot, offset_ms=2**52 + number, error_ms=1, source="synced"))
        record.send(sender.batch(1, 1), sender.batch(2, 2))
    assert record.rows("SELECT count(*) FROM reading") == [(3,)]
    assert known(record) == {}
    assert rebuilt(record.store.address).same
    record.close()


def test_a_day_has_the_minutes_its_zone_gives_it() -> None:
    """1440 in Indonesia; where clocks are put forward or back it is an hour less or more."""
    assert {local_day(f"2026-{month:02d}-15", "Asia/Jayapura").end - local_day(
        f"2026-{month:02d}-15", "Asia/Jayapura").start for month in range(1, 13)} == {1440}  # fmt: skip
    for name, minutes in (("2026-03-29", 1380), ("2026-10-25", 1500)):
        day = local_day(name, "Europe/Amsterdam")
        assert day.end - day.start == minutes


def test_memory_is_bounded_by_the_days_held(store_address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog over many days: so many are held at once, and all are counted."""
    monkeypatch.setattr(counting, "MAX_HELD", 3)
    record = Straight(store_address)
    sender = Sender(offset_ms=MIDNIGHT_MS)
    for _ in range(2):
        begin = len(sender.rows) * MINUTE
        sender.add(*(temperature(3.5, begin + n * 6 * 60 * MINUTE) for n in range(80)))
    for first in range(1, 161, 5):
        record.send(sender.batch(first, first + 4, sent_ms=10**10))
        assert len(record.acceptance.projector.completeness._held) <= 3
    assert sum(late for _, late in known(record).values()) == record.rows("SELECT count(*) FROM reading")[0][0]
    record.close()


def test_switches_count_too(store_address: Address) -> None:
    """A door contact that reports is a measured minute."""
    door = msgspec.structs.replace(BOOK.settings.sensors[0], id="door-1", quantity="door", point="")
    book = msgspec.structs.replace(
        BOOK, settings=msgspec.structs.replace(BOOK.settings, sensors=[*BOOK.settings.sensors, door])
    )
    record = Straight(store_address, book)
    sender = Sender(offset_ms=MIDNIGHT_MS).add(Contact(at_ms=MINUTE, sensor="door-1", contact="door", active=False))
    record.send(sender.batch(sent_ms=MINUTE))
    assert known(record, "door-1") == {"2026-11-22": (1, 0)}
    record.close()


def test_the_api_tells_today_up_to_now_and_other_days_whole(bench: Bench) -> None:
    """Of today only minutes that are over count; every configured sensor is told, also one that never spoke."""
    bench.now_ms = MIDNIGHT_MS + 30 * MINUTE
    sender = Sender(offset_ms=MIDNIGHT_MS).add(*(temperature(3.5, n * MINUTE) for n in range(0, 31)))
    for n in range(1, 32):
        bench.send(sender.batch(n, n, sent_ms=(n - 1) * MINUTE))
    api = Api(bench)
    items = {row["sensor"]: row for row in api.items("completeness")}
    assert set(items) == {sensor.id for sensor in BOOK.settings.sensors}
    assert items["chiller-1"] == {
        "sensor": "chiller-1", "name": "Chiller 1", "day": "2026-11-22", "measured": 30, "late": 0, "unknown": 0,
        "of": 30,
    }  # fmt: skip
    assert (items["scale-1"]["measured"], items["scale-1"]["unknown"], items["scale-1"]["of"]) == (0, 30, 30)
    bench.now_ms += 29_999
    assert api.items("completeness", sensor="chiller-1")[0]["of"] == 30
    bench.now_ms += 1
    assert api.items("completeness", sensor="chiller-1", day="2026-11-22")[0]["of"] == 31
    yesterday = api.items("completeness", sensor="chiller-1", day="2026-11-21")[0]
    assert (yesterday["measured"], yesterday["unknown"], yesterday["of"]) == (0, 1440, 1440)
    assert api.items("completeness", sensor="chiller-1", day="2026-11-23")[0]["of"] == 0
    bench.now_ms += 86_400_000
    assert api.items("completeness", sensor="chiller-1", day="2026-11-22")[0] == {
        **items["chiller-1"], "measured": 31, "unknown": 1409, "of": 1440,
    }  # fmt: skip
    for wrong in ("yesterday", "2026-13-01", "0001-01-01", "9999-12-31"):
        assert "day" in api.refused("completeness", day=wrong)
    assert api.items("completeness", sensor="nobody") == []
