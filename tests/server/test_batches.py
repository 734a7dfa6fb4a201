"""Cooked batches in the record: acts, probes and the server's clock, to incidents and back out of the journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.server.conftest import BOOK, NewAddress
from tests.server.straight import Straight
from tests.server.test_batch_logic import at, plan
from tests.server.test_rebuild import rebuilt

from pawon_contract.messages import ClockQuality
from pawon_food_safety.profile import load_profile
from pawon_server.acts import AnyAct
from pawon_server.food_safety.batch_acts import (
    AllowBatch,
    CookedPan,
    DiscardSample,
    DisposeBatch,
    EatBatch,
    LeaveBatch,
    NameBatch,
    OpenBatch,
    TakeSample,
)
from pawon_server.people.act import new_id
from pawon_server.people.person import SetPerson
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.context import Arrival, Changes
from pawon_server.rulebook import Sensor

PROBE = Sensor(id="probe-1", gateway="gw-1", name="Probe inti", point="cooking", quantity="temperature_c",
               place="kompor")  # fmt: skip
MINUTE = 60_000


@pytest.fixture
def record(stores: NewAddress) -> Iterator[Straight]:
    """A kitchen at 01:30 whose licence is for 400 portions."""
    settings = msgspec.structs.replace(BOOK.settings, portion_limit=400)
    made = Straight(stores(), msgspec.structs.replace(BOOK, settings=settings))
    made.now_ms = at("01:30")
    for name, role in (("sari", "staff"), ("gita", "nutritionist")):
        made.write(SetPerson(id=new_id(), by="-", person=name, name=name, has_role=role, pin="x"))  # type: ignore[arg-type]  # a role
    yield made
    made.close()


def wrote(record: Straight, act: AnyAct) -> None:
    """It is written."""
    answer = record.write(act)
    assert isinstance(answer, Written), answer


def refused(record: Straight, act: AnyAct) -> str:
    """It is not, and why."""
    answer = record.write(act)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def open_one(record: Straight, **changed: Any) -> str:
    """A batch; its id."""
    act = OpenBatch(**{**plan(**changed), "id": new_id()})
    wrote(record, act)
    return str(record.rows("SELECT id FROM batch ORDER BY journal_id DESC LIMIT 1")[0][0])


def of(batch: str, record: Straight, **more: Any) -> dict[str, Any]:
    """The fields of an act of now."""
    return {"id": new_id(), "by": "sari", "batch": batch, "at_ms": record.now_ms, **more}


def tick(record: Straight, clock: str) -> None:
    """The server's clock shows this time, and it looks at it."""
    record.now_ms = at(clock)
    record.look_at_clock()


def incidents(record: Straight) -> list[tuple[object, ...]]:
    """Rule, severity, whether it is over, whether it was known late."""
    return record.rows(
        "SELECT rule, severity, closed_ms IS NOT NULL, late FROM incident WHERE kind = 'batch' ORDER BY journal_id, id"
    )


def passed(record: Straight, *, cooked_ms: int, began_ms: int, clock: ClockQuality = "synced", boot: str = "b1",
           offset_ms: int = 0) -> None:  # fmt: skip
    """The engine found a pan cooked."""
    arrival = Arrival(
        journal_id=record.rows("SELECT max(id) FROM journal")[0][0], received_ms=record.now_ms, gateway="gw-1",  # type: ignore[arg-type]  # a number
        spool="s", boot=boot, offset_ms=offset_ms, clock=clock, error_ms=0, sent_ms=cooked_ms - offset_ms,
    )  # fmt: skip
    with record.store.writer.begin() as connection:
        projector = record.acceptance.projector
        projector.batches.cooked(
            connection, projector.book, sensor=PROBE, began_ms=began_ms, cooked_ms=cooked_ms, peak_c=81.5, f_min=9.0,
            arrival=arrival, changes=Changes(),
        )  # fmt: skip


def test_a_morning_from_the_pan_to_the_last_plate(record: Straight) -> None:
    """Deadlines open incidents by the server's clock, once each, and end when nothing is left; rebuilt, it is so."""
    name = open_one(record, began_ms=at("01:30"))
    record.now_ms = at("02:30")
    wrote(record, CookedPan(**of(name, record)))
    wrote(record, TakeSample(**of(name, record), mass_g=150, container="tutup biru"))
    tick(record, "05:29")
    assert incidents(record) == []
    tick(record, "05:30")
    tick(record, "05:31")
    tick(record, "06:30")
    assert incidents(record) == [("served-3h", "warning", 0, 0), ("served-4h", "critical", 0, 0)]
    wrote(record, LeaveBatch(**of(name, record), vehicle="B 1 XX"))
    for school in ("SD 1", "SD 2", ""):
        wrote(record, EatBatch(**of(name, record), school=school))
    tick(record, "06:31")
    tick(record, "12:00")
    assert [row[2] for row in incidents(record)] == [1, 1]
    # One message that it is over, not one for each rule.
    events = record.rows("SELECT event, text FROM alert WHERE incident LIKE 'batch.%' ORDER BY created_ms, id")
    assert [event for event, _ in events] == ["opened", "opened", "closed"]
    assert "Ayam kecap" in str(events[0][1])
    assert record.rows("SELECT state, done FROM batch") == [("eaten", 1)]
    assert rebuilt(record.store.address).same


def test_what_became_known_late_is_marked_and_pages_all_the_same(record: Straight) -> None:
    """Told at noon of the next day: too early, every deadline, thrown away; nobody can release it."""
    record.now_ms = at("12:00")
    name = open_one(record, began_ms=at("19:30", 8))
    wrote(record, CookedPan(**of(name, record, at_ms=at("21:00", 8))))
    tick(record, "12:01")
    rules = {row[0]: row for row in incidents(record)}
    assert set(rules) == {"cooked-too-early", "served-3h", "served-4h", "served-6h", "sample-missing"}
    assert all(row[3] == 1 for row in rules.values())
    assert record.rows("SELECT count(*) FROM alert WHERE event = 'opened' AND text LIKE '%baru diketahui%'") == [(5,)]
    wrote(record, DisposeBatch(**of(name, record), decision="hold", reason="lewat waktu"))
    assert "dibuang" in refused(record, DisposeBatch(**of(name, record, by="gita"), decision="use", reason="bau baik"))
    assert "dibuang" in refused(record, AllowBatch(**of(name, record, by="gita"), lowest_c=70.0, note="panas"))
    wrote(record, DisposeBatch(**of(name, record), decision="discard", reason="lewat 6 jam"))
    tick(record, "12:02")
    assert all(row[2] == 1 for row in incidents(record))
    assert record.rows("SELECT state FROM batch") == [("discarded",)]
    assert rebuilt(record.store.address).same


def test_only_a_supervisor_releases_and_allows(record: Straight) -> None:
    """Anybody may hold food; it goes on by somebody who answers for it."""
    name = open_one(record)
    record.now_ms = at("02:30")
    wrote(record, CookedPan(**of(name, record)))
    wrote(record, DisposeBatch(**of(name, record), decision="hold", reason="bau aneh"))
    assert "ahli gizi" in refused(record, DisposeBatch(**of(name, record), decision="use", reason="baik"))
    wrote(record, DisposeBatch(**of(name, record, by="gita"), decision="use", reason="sudah diuji"))
    assert record.write(AllowBatch(**of(name, record), lowest_c=66.0, note="wadah panas")) == Refusal(
        status=403, reason="Tidak berwenang"
    )
    tick(record, "06:30")
    wrote(record, AllowBatch(**of(name, record, by="gita"), lowest_c=66.0, note="wadah panas"))
    tick(record, "06:31")
    assert {row[0] for row in incidents(record) if not row[2]} == {"served-3h", "sample-missing"}
    tick(record, "08:30")
    assert ("served-6h", "critical", 0, 0) in incidents(record)
    assert rebuilt(record.store.address).same


def test_a_probe_in_a_pan_opens_or_finds_its_batch(record: Straight) -> None:
    """The batch that waits at its place gets its pans, the first of which starts the clock; another pan is a batch
    without a name, whose clock runs all the same."""
    name = open_one(record, place="kompor", pans=2)
    record.now_ms = at("02:40")
    for clock in ("02:30", "02:35", "02:40"):
        passed(record, cooked_ms=at(clock), began_ms=at("01:40"))
    found = record.rows("SELECT id, cooked_ms, portions FROM batch ORDER BY opened_ms")
    assert found[0] == (name, at("02:30"), 300)
    assert found[1][1:] == (at("02:40"), 0)
    tick(record, "06:40")
    assert ("served-4h", "critical", 0, 0) in incidents(record)
    texts = record.rows("SELECT text FROM alert WHERE incident IN (SELECT id FROM incident WHERE sensor = :id)",
                        id=found[1][0])  # fmt: skip
    assert all("tanpa nama" in str(text) for (text,) in texts)
    assert texts
    named = {**plan(), "id": new_id(), "batch": found[1][0]}
    wrote(record, NameBatch(**named))
    assert record.rows("SELECT dish, portions FROM batch WHERE id = :id", id=found[1][0]) == [("Ayam kecap", 300)]
    again = [msgspec.json.decode(row[0])["name"] for row in record.rows(  # type: ignore[call-overload]  # bytes
        "SELECT content FROM batch_event WHERE what = 'pan' ORDER BY at_ms")]  # fmt: skip
    assert again == ["Probe inti 1", "Probe inti 2", "Probe inti 1"]


def test_a_probe_without_a_clock_goes_by_the_servers_and_is_dated_anew(record: Straight) -> None:
    """No wild date stops the food: how long ago it was is known; once the clock is known, its own date counts."""
    record.now_ms = at("02:40")
    passed(record, cooked_ms=5_000, began_ms=1_000, clock="guess", boot="b2", offset_ms=1_000)
    assert record.rows("SELECT cooked_ms FROM batch") == [(at("02:40"),)]
    with record.store.writer.begin() as connection:
        projector = record.acceptance.projector
        projector.batches.fix_clock(connection, projector.book, "gw-1", "b2", at("02:30"), 7, Changes())
    assert record.rows("SELECT cooked_ms FROM batch") == [(at("02:30") + 4_000,)]
    assert record.rows("SELECT what FROM batch_event ORDER BY number") == [("pan",), ("dated",)]


def test_more_portions_than_the_licence_allows(record: Straight) -> None:
    """Waves of one dish add up; another dish of the same meal does not."""
    open_one(record)
    open_one(record, dish="Nasi")
    tick(record, "01:31")
    assert incidents(record) == []
    second = open_one(record, wave="2", dish="ayam Kecap", portions=101, schools=())
    tick(record, "01:32")
    assert incidents(record) == [("portions-over", "warning", 0, 0)]
    wrote(record, NameBatch(**{**plan(wave="2", portions=100, schools=()), "id": new_id(), "batch": second}))
    tick(record, "01:33")
    assert incidents(record) == [("portions-over", "warning", 1, 0)]
    assert rebuilt(record.store.address).same


def test_a_sample_is_kept_as_long_as_it_must_be(record: Straight) -> None:
    """Not before the least time, not while something is open, and before the full time only knowingly."""
    name = open_one(record)
    record.now_ms = at("02:30")
    wrote(record, CookedPan(**of(name, record)))
    small = TakeSample(**of(name, record), mass_g=149.0)
    enough = TakeSample(**of(name, record), mass_g=150.0, container="tutup biru", place="chiller 2")
    wrote(record, small)
    tick(record, "05:30")
    assert ("sample-missing", "critical", 0, 0) in incidents(record)
    wrote(record, enough)

    def discard(**more: Any) -> DiscardSample:
        return DiscardSample(**of(name, record), sample=enough.id, reason="lewat waktu", **more)

    assert "masalah" in refused(record, discard(early=True))
    wrote(record, DisposeBatch(**of(name, record), decision="discard", reason="lewat waktu"))
    record.look_at_clock()
    record.now_ms = at("02:29", 11)
    assert "cukup lama" in refused(record, discard(early=True))
    record.now_ms = at("02:31", 11)
    assert "lebih lama" in refused(record, discard())
    wrote(record, discard(early=True))
    assert "tidak ada" in refused(record, discard(early=True))
    assert record.rows("SELECT discarded_ms, reason FROM sample WHERE id = :id", id=enough.id) == [
        (at("02:31", 11), "lewat waktu")
    ]
    assert rebuilt(record.store.address).same


def test_a_restart_forgets_no_deadline(record: Straight) -> None:
    """What was told is not told again, and what is due then is."""
    name = open_one(record)
    record.now_ms = at("02:30")
    wrote(record, CookedPan(**of(name, record)))
    tick(record, "05:30")
    before = incidents(record)
    record.load()
    tick(record, "05:31")
    assert incidents(record) == before
    record.load()
    tick(record, "06:30")
    assert {row[0] for row in incidents(record)} == {"served-3h", "sample-missing", "served-4h"}


def test_a_profile_without_the_rows_tells_nothing(record: Straight) -> None:
    """And what it had told under another profile ends."""
    name = open_one(record)
    record.now_ms = at("02:30")
    wrote(record, CookedPan(**of(name, record)))
    tick(record, "06:30")
    bare = msgspec.structs.replace(load_profile("ID-MBG"), serving=[], too_early=[], retention=[])
    record.configure(msgspec.structs.replace(BOOK, profile=bare))
    tick(record, "06:31")
    tick(record, "09:00")
    assert incidents(record)
    assert all(row[2] == 1 for row in incidents(record))
    assert rebuilt(record.store.address).same


def test_cooked_food_does_not_become_less_by_another_name(record: Straight) -> None:
    """300 portions past their time are not renamed into one: they are eaten or thrown away; before it, a nutritionist
    mends a slip."""
    name = open_one(record, portions=300, schools=())
    record.now_ms = at("02:00")
    wrote(record, CookedPan(**of(name, record)))
    fewer = {key: value for key, value in plan(portions=250, schools=()).items() if key not in ("id", "by")}
    assert "Sudah matang" in refused(record, NameBatch(**{**fewer, "id": new_id(), "by": "sari", "batch": name}))
    wrote(record, NameBatch(**{**fewer, "id": new_id(), "by": "gita", "batch": name}))
    tick(record, "09:30")
    less = {**fewer, "portions": 1}
    assert "lewat" in refused(record, NameBatch(**{**less, "id": new_id(), "by": "gita", "batch": name}))
    assert not any(row[2] for row in incidents(record)), "nothing is over by it"


def test_a_pan_that_was_only_guessed_is_dated_also_when_all_is_eaten(record: Straight) -> None:
    """Counted from its arrival at 10:00, it was cooked at 01:00: the batch that is over opens again and says so."""
    record.now_ms = at("10:00")
    passed(record, cooked_ms=at("10:00"), began_ms=at("09:40"), clock="guess", boot="b9", offset_ms=0)
    name = str(record.rows("SELECT id FROM batch")[0][0])
    named = {key: value for key, value in plan(portions=100, schools=()).items() if key not in ("id", "by")}
    wrote(record, NameBatch(**{**named, "id": new_id(), "by": "sari", "batch": name}))
    wrote(record, TakeSample(**of(name, record), mass_g=150))
    record.now_ms = at("10:30")
    wrote(record, EatBatch(**of(name, record)))
    assert record.rows("SELECT done FROM batch") in ([(1,)], [(True,)])
    projector = record.acceptance.projector
    earlier = at("01:00") - at("10:00")
    with record.store.writer.begin() as connection:
        projector.batches.fix_clock(connection, projector.book, "gw-1", "b9", earlier, 5, Changes())
    assert record.rows("SELECT cooked_ms FROM batch") == [(at("01:00"),)]
    record.look_at_clock()
    assert "served-6h" in {str(row[0]) for row in incidents(record)}


@pytest.mark.parametrize("cooked_ms", [2**53, -(2**53), 253_402_300_800_000])
def test_a_clock_that_tells_no_time_sets_no_batch_aside(record: Straight, cooked_ms: int) -> None:
    """A pan that was cooked beyond the calendar counts from when it came, and waits for its clock."""
    passed(record, cooked_ms=cooked_ms, began_ms=cooked_ms - 60_000)
    ((cooked, day),) = record.rows("SELECT cooked_ms, day FROM batch")
    assert abs(int(str(cooked)) - record.now_ms) < 60_000
    assert str(day).startswith("20")
