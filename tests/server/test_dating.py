"""Boots in the store: readings, incidents and movements of one that never knew the time are dated once, and say so."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from tests.server.conftest import BOOK
from tests.server.gateway_life import HOUR, Life
from tests.server.sender import BOOT, Sender, temperature
from tests.server.straight import Straight
from tests.server.test_ingest import weighing
from tests.server.test_rebuild import rebuilt

from pawon_contract import codec
from pawon_contract.messages import ClockFix, Gap, Item
from pawon_server.projections import boot_times
from pawon_server.projections.boot_times import Boot
from pawon_server.web.queries import incidents_shown

MINUTE = 60_000
T = 1_760_000_000_000
OTHER = "11111111-cab1-4b42-8e06-9e3512dfe0a6"
LAST = "22222222-cab1-4b42-8e06-9e3512dfe0a6"


class WarmLife(Life):
    """A gateway whose chiller is too warm at times, in reports that hold until the next one."""

    def items(self, at: int) -> list[Item]:
        """What is measured at ``at``: mostly the same as before, so that excursions last."""
        self.value = self.chance.choice([3.0, 12.0, getattr(self, "value", 3.0)])
        return [temperature(self.value, at)]


def boot_of(record: Straight, name: str) -> Boot:
    """What the store knows of a boot."""
    return record.acceptance.projector.boots._boots["gw-1", name]


def inside(boot: Boot, at: int, ms: float) -> bool:
    """Whether the interval of a boot's moment contains a time; a millisecond is what rounding takes."""
    earliest_ms, latest_ms = boot_times.span(boot, at)
    assert earliest_ms is not None
    assert latest_ms is not None
    return earliest_ms - 1 <= ms <= latest_ms + 1


def number(value: object) -> int:
    """An integer of the store."""
    assert isinstance(value, int)
    return value


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(2, 5))
def test_every_stored_row_is_where_it_can_have_been(seed: int, count: int) -> None:
    """A whole life through the writer's way, with restarts: in the end every stored row is dated within its interval,
    which contains the truth; a row keeps its first stamp; per sensor the order is that of the gateway; incidents are
    dated in the boots that opened and closed them, and ``rebuild`` derives the same."""
    life = WarmLife(random.Random(seed))
    chance = random.Random(seed + 1)
    with tempfile.TemporaryDirectory() as folder:
        record = Straight(Path(folder) / "pawon.db")
        try:
            firsts: dict[int, int] = {}
            for batch in life.batches(count):
                record.now_ms = batch.received_ms
                before = len(record.rows("SELECT sequence FROM reading"))
                record.send(codec.encode(batch.envelope))
                for sequence, measured_ms in record.rows(
                    "SELECT sequence, coalesce(first_measured_ms, measured_ms) FROM reading ORDER BY sequence"
                )[before:]:
                    firsts[int(str(sequence))] = int(str(measured_ms))
                if chance.random() < 0.2:
                    record.load()
            rows = record.rows(
                "SELECT sequence, measured_ms, first_measured_ms, boot, at_ms, clock FROM reading ORDER BY sequence"
            )
            for sequence, measured_ms, first_ms, name, at, clock in rows:
                true, boot = life.rows[number(sequence) - 1].boot, boot_of(record, str(name))
                assert boot.fixed or boot.settled
                assert inside(boot, number(at), true.true_ms(number(at)))
                assert (first_ms or measured_ms) == firsts[number(sequence)]
                if clock == "guess":
                    assert inside(boot, number(at), number(measured_ms))
                    assert measured_ms == boot.offset_ms + number(at)
            stamps = [number(row[1]) for row in rows]
            assert stamps == sorted(stamps)
            for opened, opened_off, opener, closed, closed_off, closer in record.rows(
                "SELECT opened_ms, offset_ms, boot, closed_ms, closed_offset_ms, closed_boot FROM incident "
                "WHERE kind = 'limit'"
            ):
                ends = [(opened, opened_off, opener)] + ([] if closed is None else [(closed, closed_off, closer)])
                for stamp_ms, offset_ms, name in ends:
                    at = number(stamp_ms) - number(offset_ms)
                    true = next(one for one in life.boots if one.name == name)
                    assert inside(boot_of(record, str(name)), at, true.true_ms(at))
                assert closed is None or number(closed) >= number(opened)
            result = rebuilt(record.store.address)
            assert [table for table in result.tables if not table.same] == []
        finally:
            record.close()


def send(record: Straight, sender: Sender, first: int, *, at: int, own: str | None = None) -> None:
    """Rows from ``first`` on, at once, sent at ``at`` of the boot ``own`` (that of the rows by default)."""
    record.send(sender.batch(first, sent_ms=at, **({} if own is None else {"sent_boot": own})))


@pytest.fixture
def record(tmp_path: Path) -> Straight:
    """An empty store."""
    return Straight(tmp_path / "pawon.db")


def life_of_three(record: Straight) -> Sender:
    """A synced boot of an hour that opens an incident; one that never knew, in which it ends, another opens and ends,
    and rice is taken; then a synced one, hours later. All but the first hour comes as a backlog."""
    sender = Sender().add(ClockFix(at_ms=1, boot=BOOT, offset_ms=T, error_ms=50, source="synced"))
    sender.add(*(temperature(12, n * MINUTE) for n in range(1, 61)))
    record.now_ms = T + 60 * MINUTE
    send(record, sender, 1, at=60 * MINUTE)
    sender.boot, sender.clock, sender.offset_ms = OTHER, "guess", T - 100 * HOUR
    middle = len(sender.rows) + 1
    sender.add(*(temperature(3, n * MINUTE) for n in range(1, 31)))
    sender.add(weighing(9_000, 5_000, 30 * MINUTE, "out"))
    sender.add(*(temperature(12, n * MINUTE) for n in range(31, 61)))
    sender.add(*(temperature(3, n * MINUTE) for n in range(61, 91)))
    record.now_ms = T + 5 * HOUR
    send(record, sender, middle, at=10 * MINUTE, own=LAST)
    sender.boot, sender.clock, sender.offset_ms = LAST, "synced", T + 5 * HOUR - 10 * MINUTE
    newest = len(sender.rows) + 1
    sender.add(ClockFix(at_ms=1, boot=LAST, offset_ms=sender.offset_ms, error_ms=50, source="synced"))
    sender.add(*(temperature(3, n * MINUTE) for n in range(1, 11)))
    send(record, sender, newest, at=10 * MINUTE)
    return sender


def test_what_began_in_one_boot_and_ended_in_another_is_dated_by_both(record: Straight) -> None:
    """The closing of an incident belongs to the boot that closed it: it moves when that boot is dated, the opening
    stays; what opened and closed in the unknown boot moves as a whole, and so does the movement."""
    life_of_three(record)
    offset_ms = boot_of(record, OTHER).offset_ms
    assert offset_ms == T + 60 * MINUTE  # the earliest that the boot before it allows is nearest to the guess
    incidents = record.rows(
        "SELECT opened_ms, first_opened_ms, closed_ms, first_closed_ms, clock, closed_clock FROM incident "
        "WHERE rule = 'chiller-very-hot' ORDER BY opened_ms"
    )
    guess = T - 100 * HOUR
    assert len(incidents) == 2
    old, new = incidents
    assert (old[0], old[1], old[4]) == (T + 16 * MINUTE, None, "synced")
    assert number(old[2]) - offset_ms == number(old[3]) - guess
    assert old[5] == "guess"
    assert number(new[0]) - offset_ms == number(new[1]) - guess
    assert number(new[2]) - offset_ms == number(new[3]) - guess
    assert record.rows("SELECT occurred_ms, first_occurred_ms FROM movement") == [
        (offset_ms + 30 * MINUTE, guess + 30 * MINUTE)
    ]
    assert record.rows("SELECT DISTINCT occurred_ms FROM ledger_line") == [(offset_ms + 30 * MINUTE,)]


def test_a_boot_is_dated_once_whatever_comes_later(record: Straight) -> None:
    """After it was dated by its neighbours, neither a late fix from another boot nor the next boots move it again."""
    sender = life_of_three(record)
    before = record.rows("SELECT sequence, measured_ms FROM reading WHERE boot = :boot ORDER BY 1", boot=OTHER)
    first = len(sender.rows) + 1
    sender.add(ClockFix(at_ms=11 * MINUTE, boot=OTHER, offset_ms=T + 2 * HOUR, error_ms=50, source="synced"))
    sender.add(temperature(3, 11 * MINUTE))
    send(record, sender, first, at=11 * MINUTE)
    assert record.rows("SELECT sequence, measured_ms FROM reading WHERE boot = :boot ORDER BY 1", boot=OTHER) == before


def test_what_is_still_wrong_takes_its_beginning_along(record: Straight) -> None:
    """An excursion that began in an unknown boot and opens in the next is dated from where that boot was put."""
    sender = Sender(boot=OTHER, clock="guess", offset_ms=T - 100 * HOUR)
    sender.add(*(temperature(12, n * MINUTE, every_s=60) for n in range(1, 11)))
    record.now_ms = T
    send(record, sender, 1, at=1 * MINUTE, own=LAST)
    sender.boot, sender.clock, sender.offset_ms = LAST, "synced", T - MINUTE
    sender.add(*(temperature(12, n * MINUTE) for n in range(1, 11)))
    send(record, sender, 11, at=10 * MINUTE)
    (began_ms,) = record.rows("SELECT began_ms FROM incident WHERE rule = 'chiller-very-hot'")[0]
    boot = boot_of(record, OTHER)
    assert boot.settled
    assert began_ms == boot.offset_ms + MINUTE


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reading SET measured_ms = 1 WHERE kitchen = ? AND gateway = ? AND boot = ? AND "
        "clock IN ('guess', 'rtc') AND first_measured_ms IS NULL",
        "SELECT id, at_ms FROM movement WHERE kitchen = ? AND gateway = ? AND boot = ? AND "
        "clock IN ('guess', 'rtc') AND first_occurred_ms IS NULL",
        "UPDATE incident SET closed_ms = 1 WHERE kitchen = ? AND id LIKE ? AND closed_boot = ?",
        "UPDATE incident SET opened_ms = 1 WHERE kitchen = ? AND id LIKE ? AND boot = ?",
    ],
)
def test_dating_a_boot_scans_no_table(record: Straight, statement: str) -> None:
    """The writer dates a boot's rows by an index that holds little else, not by reading a year of readings."""
    with record.store.reader.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("dapur-uji", "gw-1", OTHER)).fetchall()
    assert not [row for row in plan if row[3].startswith("SCAN")], plan
    assert [row for row in plan if "_to_date" in row[3] or "boot" in row[3].split("INDEX")[1]], plan


def test_what_the_projection_asks_is_what_the_index_holds(record: Straight) -> None:
    """The statements of ``fix_clock`` itself, as SQLite plans them: none scans readings."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "reading" in statement and "first_measured_ms IS NULL" in statement:
            seen.append(statement)

    event.listen(record.store.writer, "before_cursor_execute", note)
    life_of_three(record)
    assert seen
    with record.store.reader.connect() as connection:
        for statement in seen:
            holes = (0,) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", holes).fetchall()
            assert any("reading_to_date" in row[3] for row in plan), (statement, plan)
            assert not any(row[3].startswith("SCAN reading") for row in plan), (statement, plan)
    with record.store.reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM reading")).scalar() == 160


def test_a_gap_tells_no_time(record: Straight) -> None:
    """A gap stands for rows of other boots and is sent under the present one: it makes no boot, and ends none."""
    gap = codec.encode_item(Gap(at_ms=0, from_=1, to=5, reason="thinned", chain="ab" * 32))
    sender = Sender(boot=LAST, rows=[gap], chains=[bytes.fromhex("ab" * 32)])
    record.send(sender.batch(1, 1, sent_ms=10))
    assert record.rows("SELECT boot FROM boot") == []


def test_an_incident_of_a_guess_is_an_estimate_until_its_time_is_known(record: Straight) -> None:
    """Rules run on a clock that only guesses, and say so: the screens get the span; a fix takes it away."""
    sender = Sender(boot=LAST, clock="guess", offset_ms=T - 100 * HOUR)
    sender.add(*(temperature(12, n * MINUTE) for n in range(1, 21)))
    record.now_ms = T
    send(record, sender, 1, at=20 * MINUTE)
    with record.store.reader.connect() as connection:
        (shown,) = incidents_shown(connection, BOOK)[0]
    assert shown.earliest_ms is None, "nothing bounds the first boot from below"
    assert shown.latest_ms is not None
    assert T - 19 * MINUTE <= shown.latest_ms <= T - 19 * MINUTE + 6_000
    sender.add(ClockFix(at_ms=21 * MINUTE, boot=LAST, offset_ms=T - 20 * MINUTE, error_ms=50, source="server"))
    send(record, sender, 21, at=21 * MINUTE)
    with record.store.reader.connect() as connection:
        (shown,) = incidents_shown(connection, BOOK)[0]
    assert (shown.earliest_ms, shown.latest_ms) == (None, None)
    assert shown.began_ms == T - 19 * MINUTE


def test_the_end_of_an_incident_can_be_the_estimate(record: Straight) -> None:
    """Opened by a clock that knew, closed in a boot that never did: the span is that of its end."""
    life_of_three(record)
    with record.store.reader.connect() as connection:
        closed = incidents_shown(connection, BOOK)[1]
    first = min((one for one in closed if one.rule == "chiller-very-hot"), key=lambda one: one.began_ms)
    assert first.closed_ms is not None
    assert first.earliest_ms is not None
    assert first.latest_ms is not None
    assert first.earliest_ms <= first.closed_ms <= first.latest_ms
