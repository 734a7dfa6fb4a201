"""The InfluxDB exporter against a real store and a real InfluxDB: lag and nothing worse, whatever happens."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from tests.dashboards.influx import ORG, TOKEN, Influx
from tests.dashboards.kitchen import MINUTE_MS, SENSORS, Kitchen

from pawon_food_safety.profile import load_profile
from pawon_server.export import influx as export
from pawon_server.export import points
from pawon_server.export.influx import InfluxExporter
from pawon_server.store.address import Address
from pawon_server.store.database import open_store
from pawon_server.store.tables import export_cursor

# A fixed Tuesday; nothing here asks the clock.
NOON_MS = 1_767_700_800_000
_buckets = (f"bucket{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    server = Influx(tmp_path_factory.mktemp("influx"))
    yield server
    server.close()


@pytest.fixture
def bucket(influx: Influx) -> str:
    name = next(_buckets)
    influx.create(name)
    influx.requests.clear()
    return name


@pytest.fixture
def store(store_address: Address) -> Iterator[Engine]:
    """As the server gives it to its exporter."""
    opened = open_store(store_address)
    yield opened.reader
    opened.close()


@pytest.fixture
def kitchen(store: Engine) -> Kitchen:
    return Kitchen(store)


def exporter(engine: Engine, url: str, bucket: str, **more: Any) -> InfluxExporter:
    settings = {"kitchen": "dapur-a", "org": ORG, "token": TOKEN, "profile": load_profile("ID-MBG"), **more}
    return InfluxExporter(engine, url=url, bucket=bucket, sensors=SENSORS, **settings)


def cursor(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return connection.execute(select(export_cursor.c.journal_id)).scalar()


def minutes(count: int, value: float = 3.0) -> list[tuple[int, float, float, float]]:
    return [(NOON_MS + n * MINUTE_MS, value, value - 0.5, value + 0.5) for n in range(count)]


def wait_until(what: str, holds: Any) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.02)


def test_a_reading_with_its_limits_arrives_as_written_down(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """Values, samples and tags arrive exactly; the limits that judge the sensor stand beside them."""
    kitchen.read("chiller-1", (NOON_MS + 1234, 3.25, 3.0, 3.5))
    exporter(kitchen.engine, influx.url, bucket).step()
    [series] = influx.query(bucket, 'SELECT * FROM "temperature_c"')
    assert dict(zip(series["columns"], series["values"][0], strict=True)) == {
        "time": NOON_MS + 1234,
        "value": 3.25,
        "low": 3.0,
        "high": 3.5,
        "count": 6,
        "kitchen": "dapur-a",
        "gateway": "gw-1",
        "sensor": "chiller-1",
        "point": "chiller",
    }
    limits = influx.query(bucket, 'SELECT "value" FROM "limit" GROUP BY "rule", "severity"')
    assert {(row["tags"]["rule"], row["tags"]["severity"]): row["values"] for row in limits} == {
        ("chiller-warm", "warning"): [[NOON_MS, 4.0]],
        ("chiller-hot", "critical"): [[NOON_MS, 5.0]],
        ("chiller-very-hot", "critical"): [[NOON_MS, 8.0]],
    }
    [name] = influx.query(bucket, 'SELECT "name" FROM "sensor"')
    assert name["values"] == [[NOON_MS, "Chiller sayur"]]


def test_an_unknown_sensor_is_exported_without_an_empty_tag(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """A sensor missing in the configuration is not hidden, and no tag is empty."""
    kitchen.read("new-probe", (NOON_MS, 0.0, 0.0, 0.0))
    exporter(kitchen.engine, influx.url, bucket).step()
    [request] = influx.requests
    expected = f"temperature_c,gateway=gw-1,kitchen=dapur-a,sensor=new-probe count=6i,high=0,low=0,value=0 {NOON_MS}"
    assert request == expected


def test_other_kitchens_stay_out(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """An exporter exports its kitchen and no other."""
    Kitchen(kitchen.engine, "dapur-b").read("chiller-1", *minutes(3))
    assert exporter(kitchen.engine, influx.url, bucket).step() == 0
    assert influx.requests == []


def test_a_corrected_time_withdraws_the_old_stamp(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """After a ClockFix the reading counts once, at its true time; the old stamp is kept and counts nothing."""
    hour = 60 * MINUTE_MS
    kitchen.read("chiller-1", *minutes(3), clock="guess", boot="boot-guess")
    exporting = exporter(kitchen.engine, influx.url, bucket)
    exporting.step()
    kitchen.fix_clock("boot-guess", hour)
    exporting.step()
    [series] = influx.query(bucket, 'SELECT "value" FROM "temperature_c" WHERE "count" > 0')
    assert [at_ms for at_ms, _ in series["values"]] == [at_ms + hour for at_ms, *_ in minutes(3)]
    [total] = influx.query(bucket, 'SELECT sum("count") FROM "temperature_c"')
    assert total["values"][0][1] == 3 * 6
    assert influx.count(bucket, "temperature_c", "count") == 6


def test_an_incident_opens_and_closes(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """One point says open, one says closed; a change in between rewrites the first instead of adding one."""
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.open_incident("i-1", "chiller-1", "chiller-hot", "critical", NOON_MS, worst=6.0, limit_value=5.0)
    exporting.step()
    kitchen.change_incident("i-1", closed_ms=NOON_MS + 5 * MINUTE_MS, worst=9.5)
    exporting.step()
    [series] = influx.query(bucket, 'SELECT "open", "worst", "limit_value", "lasted_ms", "id" FROM "incident"')
    lasted = 5 * MINUTE_MS
    assert series["values"] == [[NOON_MS, 1, 9.5, 5.0, lasted, "i-1"], [NOON_MS + lasted, 0, 9.5, 5.0, lasted, "i-1"]]


def test_an_incident_dated_anew_stands_once(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """A ClockFix moves opening and closing; where they stood, they are withdrawn."""
    day = 24 * 60 * MINUTE_MS
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.open_incident("i-1", "chiller-1", "chiller-hot", "critical", NOON_MS, closed_ms=NOON_MS + 1000)
    exporting.step()
    news = {"first_opened_ms": NOON_MS, "opened_ms": NOON_MS + day, "closed_ms": NOON_MS + day + 1000}
    kitchen.change_incident("i-1", **news)
    exporting.step()
    [series] = influx.query(bucket, 'SELECT "open" FROM "incident" WHERE "open" >= 0')
    assert series["values"] == [[NOON_MS + day, 1], [NOON_MS + day + 1000, 0]]


@pytest.mark.parametrize("closed_ms", [NOON_MS - 24 * 60 * MINUTE_MS, NOON_MS + 60 * MINUTE_MS])
def test_a_closing_dated_anew_alone_stands_once(influx: Influx, bucket: str, kitchen: Kitchen, closed_ms: int) -> None:
    """Closed in a boot that guessed, before or after its opening: where the closing stood, it is withdrawn."""
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.open_incident("i-1", "chiller-1", "chiller-hot", "critical", NOON_MS, closed_ms=closed_ms)
    exporting.step()
    kitchen.change_incident("i-1", first_closed_ms=closed_ms, closed_ms=NOON_MS + 9 * MINUTE_MS)
    exporting.step()
    [series] = influx.query(bucket, 'SELECT "open" FROM "incident" WHERE "open" >= 0')
    assert series["values"] == [[NOON_MS, 1], [NOON_MS + 9 * MINUTE_MS, 0]]


def test_a_silence_that_becomes_critical_is_one_incident(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """The warning does not stay open beside the critical incident that it became."""
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.open_incident("i-1", "chiller-1", "silence", "warning", NOON_MS, kind="silence")
    exporting.step()
    kitchen.change_incident("i-1", severity="critical")
    exporting.step()
    [series] = influx.query(bucket, 'SELECT "severity", "open" FROM "incident" WHERE "open" >= 0')
    assert series["values"] == [[NOON_MS, "critical", 1]]


def test_a_confirmed_movement_is_not_also_proposed(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """What was proposed and then confirmed is counted once, and what left one account came to the other."""
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.move("m-1", NOON_MS, -5000, "proposed")
    exporting.step()
    kitchen.move("m-1", NOON_MS + 1000, -5000, "confirmed", first_occurred_ms=NOON_MS)
    exporting.step()
    places = influx.query(bucket, 'SELECT sum("amount") FROM "movement" GROUP BY "place"')
    assert sorted(one["values"][0][1] for one in places) == [-5000, 5000]
    here = """SELECT sum("amount") FROM "movement" WHERE "state" = 'confirmed' AND "place" = 'rice'"""
    [confirmed] = influx.query(bucket, here)
    assert confirmed["values"][0][1] == -5000


def test_an_outage_is_only_lag(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """InfluxDB stops, rows go on, InfluxDB comes back: everything is there once, and the lag was told meanwhile."""
    exporting = exporter(kitchen.engine, influx.url, bucket)
    kitchen.read("chiller-1", *minutes(10))
    thread = threading.Thread(target=exporting.run, daemon=True)
    thread.start()
    try:
        wait_until("the first rows", lambda: exporting.status.cursor == 1)
        influx.stop()
        for row in minutes(20)[10:]:
            kitchen.read("chiller-1", row)
        wait_until("the outage is told", lambda: exporting.status.last_error)
        assert exporting.status.lag_entries == 10
        assert "503" in exporting.status.last_error
        influx.start()
        wait_until("no lag", lambda: exporting.status.cursor == 11)
    finally:
        exporting.stop()
        asked = time.monotonic()
        thread.join(5)
        assert not thread.is_alive()
        assert time.monotonic() - asked < 1.0
        if not influx.alive:
            influx.start()
    assert influx.count(bucket, "temperature_c", "value") == 20
    assert exporting.status.last_error == ""
    assert exporting.status.lag_entries == 0


def test_nobody_listening_is_only_lag(bucket: str, kitchen: Kitchen) -> None:
    """A refused connection leaves the cursor where it was and says what happened."""
    kitchen.read("chiller-1", *minutes(2))
    exporting = exporter(kitchen.engine, "http://127.0.0.1:1", bucket)
    with pytest.raises(export.WORLD_FAILED):
        exporting.step()
    assert cursor(kitchen.engine) is None
    assert exporting.status.lag_entries == 1


KILLED = """
import sys
from pawon_food_safety.profile import load_profile
from pawon_server.export.influx import InfluxExporter
from sqlalchemy import create_engine
store, url, org, bucket, token = sys.argv[1:]
InfluxExporter(create_engine(store), kitchen="dapur-a", url=url, org=org, bucket=bucket, token=token,
               profile=load_profile("ID-MBG"), sensors={"chiller-1": ("Chiller sayur", "chiller")}).step()
"""


def test_killed_between_write_and_cursor_doubles_nothing(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """kill -9 after InfluxDB has stored and before the exporter knows: the next start writes the same points again."""
    kitchen.read("chiller-1", *minutes(25))
    place = kitchen.engine.url.render_as_string()
    killed: list[int] = []

    def kill() -> None:
        os.kill(program.pid, signal.SIGKILL)
        killed.append(program.pid)

    influx.after_store = kill
    try:
        program = subprocess.Popen([sys.executable, "-c", KILLED, place, influx.url, ORG, bucket, TOKEN])
        assert program.wait(20) == -signal.SIGKILL
    finally:
        influx.after_store = lambda: None
    assert killed == [program.pid]
    assert influx.count(bucket, "temperature_c", "value") == 25
    assert cursor(kitchen.engine) is None
    exporter(kitchen.engine, influx.url, bucket).step()
    assert cursor(kitchen.engine) == 1
    assert influx.count(bucket, "temperature_c", "value") == 25
    assert len(influx.requests) == 2


def test_a_replay_changes_nothing(influx: Influx, bucket: str, kitchen: Kitchen) -> None:
    """Exported again from the first entry, every measurement stays as it was."""
    kitchen.read("chiller-1", *minutes(5))
    kitchen.fix_clock("boot-0001", 7 * MINUTE_MS)
    kitchen.open_incident("i-1", "chiller-1", "chiller-hot", "critical", NOON_MS)
    kitchen.move("m-1", NOON_MS, -5000, "proposed")
    kitchen.hear_gateway(NOON_MS, 5, 20, "synced", 3, 0)
    exporter(kitchen.engine, influx.url, bucket).step()
    before = influx.query(bucket, "SELECT * FROM /.*/ GROUP BY *")
    with kitchen.engine.begin() as connection:
        connection.execute(delete(export_cursor))
    exporter(kitchen.engine, influx.url, bucket).step()
    assert len(before) > 5
    assert influx.query(bucket, "SELECT * FROM /.*/ GROUP BY *") == before


def test_a_day_moved_by_one_clock_fix_goes_in_bounded_requests(
    influx: Influx, bucket: str, kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One journal entry may touch any number of rows; no request holds more than its share."""
    monkeypatch.setattr(export, "REQUEST_ROWS", 100)
    kitchen.read("new-probe", *minutes(1000))
    kitchen.fix_clock("boot-0001", 1)
    exporter(kitchen.engine, influx.url, bucket).step()
    assert [len(request.splitlines()) for request in influx.requests] == [200] * 10
    assert influx.count(bucket, "temperature_c", "value") == 1000


def test_points_that_influxdb_will_never_take_do_not_stall(influx: Influx, kitchen: Kitchen) -> None:
    """Points beyond retention are refused for ever: counted and said, the others stored, the cursor moved."""
    bucket = next(_buckets)
    influx.create(bucket, "1h")
    fresh_ms = time.time_ns() // 1_000_000
    kitchen.read("new-probe", (NOON_MS, 3.0, 3.0, 3.0), (fresh_ms, 4.0, 4.0, 4.0))
    exporting = exporter(kitchen.engine, influx.url, bucket)
    exporting.step()
    assert exporting.status.refused_total == 1
    assert exporting.status.lag_entries == 0
    assert influx.count(bucket, "temperature_c", "value") == 1


def test_a_time_that_influxdb_does_not_have_is_left_out_and_counted(
    influx: Influx, bucket: str, kitchen: Kitchen
) -> None:
    """A reading stamped in the year 2400 by a broken clock neither stalls nor vanishes silently."""
    kitchen.read("chiller-1", (points.LATEST_MS + 1, 3.0, 3.0, 3.0), (points.LATEST_MS, 3.0, 3.0, 3.0))
    exporting = exporter(kitchen.engine, influx.url, bucket)
    exporting.step()
    assert exporting.status.left_out_total == 1
    assert exporting.status.lag_entries == 0


def test_the_token_is_never_told(
    influx: Influx, bucket: str, kitchen: Kitchen, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused token is reported as refused; the token itself is in no log, status or error."""
    caplog.set_level(logging.DEBUG)
    kitchen.read("chiller-1", *minutes(1))
    exporting = exporter(kitchen.engine, influx.url, bucket, token="wrong-token-7731")
    thread = threading.Thread(target=exporting.run, daemon=True)
    thread.start()
    wait_until("the refusal is told", lambda: exporting.status.last_error)
    exporting.stop()
    thread.join(5)
    assert "401" in exporting.status.last_error
    assert "InfluxDB takes no points: HTTP 401" in caplog.text
    assert "wrong-token-7731" not in f"{caplog.text}{exporting.status}{exporting!r}"


@given(failures=st.integers(min_value=1, max_value=10**6), chance=st.floats(min_value=0, max_value=1))
def test_the_wait_after_a_failure_is_bounded(failures: int, chance: float) -> None:
    """However long the outage, somebody asks again within a minute, and never in a hurry."""
    assert export.BACKOFF_FIRST_S / 2 <= export.backoff_s(failures, chance) <= export.BACKOFF_LONGEST_S
