"""Old readings become minutes: the same from the journal alone, nothing counted twice, no time invented."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import BOOK
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight

from pawon_contract.messages import ClockFix, Reading
from pawon_server.record import compacting
from pawon_server.record.compacting import guessed, horizon_ms, next_slice, sensors
from pawon_server.record.rebuild import rebuild
from pawon_server.record.upkeep import Upkeep
from pawon_server.store.database import open_to_read

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 1_760_000_000_000 // DAY * DAY + 17 * HOUR  # midnight in Jakarta
OTHER = "aaaaaaaa-cab1-4b42-8e06-9e3512dfe0a6"
ZONE = BOOK.settings.timezone


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Straight]:
    """An empty store."""
    made = Straight(tmp_path / "pawon.db")
    made.now_ms = START
    yield made
    made.close()


def minutes(record: Straight) -> list[tuple[object, ...]]:
    """What is known of each minute."""
    return record.rows("SELECT minute_ms, low, mean, high, count, reports, late, fixed FROM reading_minute")


def rebuilt_same(record: Straight, folder: Path) -> None:
    """The journal alone gives the same tables."""
    found = rebuild(open_to_read(record.store.address), "dapur-uji", folder)
    assert found.finding is None
    assert [table for table in found.tables if not table.same] == []


def test_a_minute_says_least_mean_greatest_and_of_how_much(record: Straight, tmp_path: Path) -> None:
    """The mean weighs every report by its samples; minutes begin on the minute; zero is a value."""
    sender = Sender(offset_ms=START)
    for at_ms, value, count, low, high in (
        (0, 4.0, 1, 4.0, 4.0), (59_999, 6.0, 3, 3.0, 7.0), (60_000, 0.0, 2, 0.0, 0.0),
    ):  # fmt: skip
        sender.add(
            Reading(
                at_ms=at_ms, sensor="chiller-1", quantity="temperature_c", value=value, count=count, low=low, high=high
            )
        )
    record.send(sender.batch(sent_ms=60_000))
    record.compact("chiller-1", START, START + DAY)
    assert minutes(record) == [
        (START, 3.0, 5.5, 7.0, 4, 2, 0, 0), (START + MINUTE, 0.0, 0.0, 0.0, 2, 1, 0, 0),
    ]  # fmt: skip
    assert record.rows("SELECT * FROM reading") == []
    rebuilt_same(record, tmp_path)


def test_what_comes_late_is_merged_in_whatever_order(record: Straight, tmp_path: Path) -> None:
    """A day compacted in one go, in pieces, or again for late rows: the same minutes, and completeness as if raw."""
    chance = random.Random(5)
    readings = [temperature(round(chance.uniform(-5, 9), 4), at * 20_000) for at in range(300)]
    whole = Sender(offset_ms=START).add(*readings)
    record.send(whole.batch(1, 200, sent_ms=3 * HOUR), whole.batch(201, 300, sent_ms=3 * HOUR))
    complete = record.rows("SELECT * FROM completeness")
    record.compact("chiller-1", START, START + DAY)
    at_once = minutes(record)
    again = Straight(tmp_path / "again.db")
    again.now_ms = record.now_ms
    again.send(whole.batch(1, 120, sent_ms=3 * HOUR))
    again.compact("chiller-1", START, START + HOUR // 2)
    again.send(whole.batch(121, 300, sent_ms=3 * HOUR))
    again.compact("chiller-1", START, START + DAY)
    again.compact("chiller-1", START, START + DAY)
    for one, other in zip(at_once, minutes(again), strict=True):
        assert other == pytest.approx(one)
    assert record.rows("SELECT * FROM completeness") == complete == again.rows("SELECT * FROM completeness")
    for store in (record, again):
        rebuilt_same(store, tmp_path)
    again.close()


def test_a_guessed_time_stays_raw_until_it_is_known(record: Straight, tmp_path: Path) -> None:
    """Nobody knows which minute it belongs to. Once the clock is fixed it does; its minutes say how many were dated so,
    and completeness counts what was compacted before."""
    known = Sender(offset_ms=START, spool="1" * 20).add(*(temperature(4, at * MINUTE) for at in range(60)))
    record.send(known.batch(sent_ms=HOUR))
    lost = Sender(boot=OTHER, clock="guess", offset_ms=START, spool="2" * 20)
    lost.add(*(temperature(5, at * MINUTE, "chiller-1") for at in range(30)))
    record.send(lost.batch(sent_ms=HOUR))
    record.compact("chiller-1", START, START + DAY)
    assert record.rows("SELECT count(*) FROM reading") == [(30,)]
    with record.store.reader.begin() as connection:
        assert guessed(connection, "dapur-uji", "chiller-1", START + DAY) == 30
        assert next_slice(connection, "dapur-uji", "chiller-1", ZONE, before_ms=START + DAY, exported=None) is None
    plain = Straight(tmp_path / "plain.db")
    plain.now_ms = record.now_ms
    plain.send(known.batch(sent_ms=HOUR), lost.batch(sent_ms=HOUR))
    lost.add(ClockFix(at_ms=HOUR, boot=OTHER, offset_ms=START + 2 * HOUR, error_ms=5, source="synced"))
    for store in (record, plain):
        store.send(lost.batch(31, sent_ms=2 * HOUR))
    assert record.rows("SELECT * FROM completeness") == plain.rows("SELECT * FROM completeness")
    assert record.rows("SELECT min(measured_ms), min(first_measured_ms) FROM reading") == [(START + 2 * HOUR, START)]
    record.compact("chiller-1", START, START + DAY)
    assert record.rows("SELECT count(*), sum(fixed), min(minute_ms) FROM reading_minute WHERE fixed > 0") == [
        (30, 30, START + 2 * HOUR)
    ]
    assert record.rows("SELECT * FROM completeness") == plain.rows("SELECT * FROM completeness")
    rebuilt_same(record, tmp_path)
    plain.close()


def test_slices_are_bounded_and_end_with_the_local_day(record: Straight, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many readings of one sensor in one step, never beyond midnight of the kitchen or the raw days."""
    monkeypatch.setattr(compacting, "SLICE_READINGS", 1_000)
    sender = Sender(offset_ms=START - 2 * HOUR)
    sender.add(
        *(temperature(4, at * 5_000) for at in range(1_500)), *(temperature(4, 3 * HOUR + at) for at in range(9))
    )
    for first in range(1, len(sender.rows), 500):
        record.send(sender.batch(first, min(first + 499, len(sender.rows)), sent_ms=4 * HOUR))
    seen = []
    while True:
        with record.store.reader.begin() as connection:
            assert list(sensors(connection, "dapur-uji")) == (["chiller-1"] if len(seen) < 3 else [])
            found = next_slice(connection, "dapur-uji", "chiller-1", ZONE, before_ms=START + DAY, exported=None)
        if found is None:
            break
        before = record.rows("SELECT count(*) FROM reading")[0][0]
        record.compact(found.sensor, found.start_ms, found.end_ms)
        seen.append(
            (
                found.start_ms,
                found.end_ms,
                int(str(before)) - int(str(record.rows("SELECT count(*) FROM reading")[0][0])),
            )
        )
    assert [one[2] for one in seen] == [996, 444, 69]
    assert all(one[2] <= 1_000 for one in seen)
    assert seen[1][1] == START, "midnight in Jakarta"


def test_what_is_not_exported_yet_waits(record: Straight) -> None:
    """An outage of the exporter is only lag."""
    sender = Sender(offset_ms=START).add(temperature(4, 0), temperature(4, 1))
    record.send(sender.batch(1, 1), sender.batch(2, 2))
    newest = int(str(record.rows("SELECT max(journal_id) FROM reading")[0][0]))
    with record.store.reader.begin() as connection:
        for exported, due in ((newest - 1, False), (newest, True)):
            found = next_slice(connection, "dapur-uji", "chiller-1", ZONE, before_ms=START + DAY, exported=exported)
            assert (found is not None) == due


def test_a_servers_clock_that_jumped_ahead_compacts_nothing(record: Straight) -> None:
    """Raw days are counted from the newest reading as well; behind them everything but the guessed becomes minutes."""
    sender = Sender(offset_ms=START).add(temperature(4, 0), temperature(4, 100 * DAY))
    record.send(sender.batch(sent_ms=100 * DAY))
    with record.store.reader.begin() as connection:
        for now_ms, days in ((START + 9_000 * DAY, 10), (START + 95 * DAY, 5), (START, -90)):
            assert horizon_ms(connection, "dapur-uji", ZONE, now_ms, 90) == START + days * DAY
    upkeep = Upkeep(
        record.store.reader, record.store.address, "dapur-uji", ZONE, seal_after_days=365, raw_days=90,
        step=record.step,
        utc_ms=lambda: START + 100 * DAY,
    )  # fmt: skip
    upkeep.compact()
    assert (upkeep.compacted_slices, upkeep.left_raw) == (1, 0)
    assert record.rows("SELECT measured_ms FROM reading") == [(START + 100 * DAY,)]
