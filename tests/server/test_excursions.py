"""What only several rules and sensors together show: early warnings, doors, air, electricity that explains it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.server.conftest import BOOK, Bench, NewAddress
from tests.server.sender import Sender, temperature

from pawon_contract.messages import Contact, Reading
from pawon_food_safety.profile import load_profile
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Rulebook, Sensor
from pawon_server.store.database import open_store

MINUTE = 60_000


def sensor(name: str, point: str, quantity: str = "temperature_c", **more: object) -> Sensor:
    """A sensor of gw-1."""
    return Sensor(id=name, gateway="gw-1", name=name.title(), point=point, quantity=quantity, **more)  # type: ignore[arg-type]  # as named


KITCHEN = Rulebook(
    settings=msgspec.structs.replace(
        BOOK.settings,
        sensors=[
            sensor("chiller-1", "chiller", measures="air", door="pintu-1", power="listrik"),
            sensor("chiller-2", "chiller", power="listrik"),
            sensor("freezer-1", "freezer", measures="air", power="listrik"),
            sensor("panci-1", "cooking", place="dapur"),
            sensor("kuali-1", "cooling"),
            sensor("pintu-1", "chiller", "door"),
            sensor("listrik", "", "power"),
        ],
        places=[],
    ),
    profile=load_profile("ID-MBG"),
)


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen with doors, electricity, air probes and pans."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    yield made
    made.writer.stop()
    store.close()


def contact(name: str, active: bool, minute: int) -> Contact:
    """A door that is open, or electricity that is there."""
    quantity = "door" if name.startswith("pintu") else "power"
    return Contact(at_ms=minute * MINUTE + 1, sensor=name, contact=quantity, active=active)  # type: ignore[arg-type]  # two literals


def send(bench: Bench, *items: Reading | Contact) -> Sender:
    """Every item as it is measured."""
    sender = Sender().add(*items)
    for number, item in enumerate(items, 1):
        bench.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    return sender


def incidents(bench: Bench) -> list[tuple[object, ...]]:
    """Rule, sensor and whether it lasts, in the order in which they opened."""
    return bench.rows(
        "SELECT rule, sensor, CASE WHEN closed_ms IS NULL THEN 1 ELSE 0 END FROM incident ORDER BY opened_ms, id"
    )


def test_food_that_warms_fast_is_told_before_any_limit(kitchen: Bench) -> None:
    """Two degrees within a quarter of an hour, from 1 C: no limit is broken yet, and the door can be shut."""
    send(kitchen, *(temperature(1 + 0.2 * n, n * MINUTE, "chiller-2") for n in range(14)))
    assert incidents(kitchen) == [("chiller-rising", "chiller-2", 1)]
    assert kitchen.rows("SELECT event FROM alert") == [("opened",)]


def test_a_door_is_an_alarm_of_its_own_and_explains_fast_air(kitchen: Bench) -> None:
    """Open for three minutes, then ten; the air that came in by it is no early warning."""
    items: list[Reading | Contact] = []
    for n in range(30):
        items.append(contact("pintu-1", 5 <= n < 17, n))
        items.append(temperature(12.0 if 6 <= n < 18 else 3.0, n * MINUTE + 2, "chiller-1"))
    send(kitchen, *items)
    assert incidents(kitchen) == [("chiller-door-open", "pintu-1", 0), ("chiller-door-open-long", "pintu-1", 0)]


def test_air_is_judged_by_what_food_would_feel(kitchen: Bench) -> None:
    """Twelve minutes of air at 12 C have warmed food to 4.3 C for a moment; three hours of it are an excursion."""
    short = [temperature(12.0 if 10 <= n < 22 else 2.0, n * MINUTE, "chiller-1") for n in range(90)]
    send(kitchen, *short)
    assert [rule for rule, _, _ in incidents(kitchen) if rule != "chiller-rising"] == []
    long = [temperature(12.0, n * MINUTE, "chiller-1") for n in range(90, 270)]
    sender = Sender(spool="a" * 20).add(*long)
    for number, item in enumerate(long, 1):
        kitchen.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    assert {"chiller-warm", "chiller-hot", "chiller-very-hot"} <= {str(rule) for rule, _, _ in incidents(kitchen)}


def test_a_power_cut_is_one_cause_and_one_message(kitchen: Bench) -> None:
    """Two chillers and a freezer warm up without electricity: people hear of the cut, and of the first food in danger;
    the rest is listed under its cause. What outlasts the cut is told then, once for each place."""
    items: list[Reading | Contact] = []
    for n in range(0, 300):
        items.append(contact("listrik", not 10 <= n < 150, n))
        warm = max(0.0, min(20.0, (n - 12) * 0.25)) if n < 160 else 0.0
        items.append(temperature(3.0 + warm, n * MINUTE + 2, "chiller-1"))
        items.append(temperature(3.0 + warm, n * MINUTE + 3, "chiller-2"))
        items.append(temperature(-20.0 + warm, n * MINUTE + 4, "freezer-1"))
    send(kitchen, *items)
    found = kitchen.rows("SELECT id, rule, explained_by, closed_ms FROM incident ORDER BY opened_ms, id")
    ((cut, _, _, back_ms),) = [row for row in found if row[1] == "power-off"]
    found = kitchen.rows("SELECT id, rule, explained_by FROM incident WHERE opened_ms < :ms", ms=back_ms)
    assert {row[2] for row in found if row[1] != "power-off"} == {cut}
    assert len(found) > 4
    told = kitchen.rows(
        "SELECT incident.rule, alert.event FROM alert JOIN incident ON incident.id = alert.incident"
        " WHERE alert.event = 'opened' ORDER BY alert.created_ms"
    )
    assert [rule for rule, _ in told[:2]] == ["power-off", "chiller-very-hot"]
    assert sorted(str(rule) for rule, _ in told[2:]) == ["chiller-very-hot", "freezer-thawed"]
    # Whoever heard of one of them hears that it is over.
    over = kitchen.rows(
        "SELECT incident.rule FROM alert JOIN incident ON incident.id = alert.incident WHERE alert.event = 'closed'"
        " ORDER BY incident.rule"
    )
    assert over == [("chiller-very-hot",), ("chiller-very-hot",), ("freezer-thawed",), ("power-off",)]


def test_a_pan_that_passed_is_a_batch_and_one_that_did_not_is_an_incident(kitchen: Bench) -> None:
    """The probe in the pan starts the clock of what was cooked; undercooked food starts nothing but an alarm."""
    heating = [temperature(25.0 + n * 3, n * MINUTE, "panci-1") for n in range(19)]
    cooling = [temperature(79.0 - n * 10, (19 + n) * MINUTE, "panci-1") for n in range(5)]
    send(kitchen, *heating, *cooling)
    assert incidents(kitchen) == []
    assert kitchen.value("SELECT count(*) FROM batch") == 1
    raw = [temperature(25.0 + n * 3, (60 + n) * MINUTE, "panci-1") for n in range(14)]
    out = [temperature(64.0 - n * 10, (74 + n) * MINUTE, "panci-1") for n in range(4)]
    sender = Sender(spool="b" * 20).add(*raw, *out)
    for number, item in enumerate([*raw, *out], 1):
        kitchen.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    assert incidents(kitchen) == [("undercooked", "panci-1", 1)]
    assert kitchen.value("SELECT count(*) FROM batch") == 1


def test_food_that_cools_slowly_is_told_in_time_and_then_in_earnest(kitchen: Bench, tmp_path: Path) -> None:
    """The milder word while something can be done, the grave one after two hours; and the journal says the same."""
    send(kitchen, *(temperature(75.0 - n * 0.25, n * MINUTE, "kuali-1") for n in range(200)))
    assert kitchen.rows("SELECT rule, severity, CASE WHEN closed_ms IS NULL THEN 1 ELSE 0 END FROM incident"
                        " ORDER BY opened_ms, id") == [
        ("cooled-too-slowly", "warning", 0), ("cooled-too-slowly", "critical", 1),
    ]  # fmt: skip
    texts = [str(row[0]) for row in kitchen.rows("SELECT text FROM alert WHERE event = 'opened' ORDER BY created_ms")]
    assert texts[0].startswith("Pendinginan lambat: Kuali-1")
    assert texts[1].startswith("Pendinginan terlalu lambat: Kuali-1")
    kitchen.writer.stop()
    assert rebuild(kitchen.store.reader, "dapur-uji", tmp_path).same


def test_a_restart_in_the_middle_of_anything_changes_nothing(kitchen: Bench) -> None:
    """Doors, pans and air are remembered by the store, not by the program."""
    items: list[Reading | Contact] = []
    for n in range(30):
        items.append(contact("pintu-1", 5 <= n < 17, n))
        items.append(temperature(25.0 + n * 3, n * MINUTE + 2, "panci-1"))
    sender = Sender().add(*items)
    for number, item in enumerate(items, 1):
        if number % 7 == 0:
            kitchen.restart()
        kitchen.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    assert incidents(kitchen) == [("chiller-door-open", "pintu-1", 0), ("chiller-door-open-long", "pintu-1", 0)]
    assert kitchen.value("SELECT count(*) FROM batch") == 1


def test_a_freezer_that_fails_at_night_while_the_gateway_hears_no_server(kitchen: Bench) -> None:
    """From half past midnight it warms; from one to five nothing arrives. At five the backlog tells when it broke, as
    late news; what still lasts pages once, as now."""
    begin = 22 * 60
    items = [temperature(-20.0 + max(0.0, min(22.0, (n - 150) * 0.2)), n * MINUTE, "freezer-1") for n in range(9 * 60)]
    sender = Sender().add(*items)
    for number in range(1, 181):  # until 01:00
        kitchen.send(sender.batch(number, number, sent_ms=items[number - 1].at_ms + 100))
    assert incidents(kitchen) == []
    five = 5 * 60 + 24 * 60 - begin
    for first in range(181, five + 1, 60):
        kitchen.send(sender.batch(first, min(first + 59, five), sent_ms=five * MINUTE))
    for number in range(five + 1, five + 20):
        kitchen.send(sender.batch(number, number, sent_ms=items[number - 1].at_ms + 100))
    ((opened_ms, late),) = kitchen.rows("SELECT opened_ms, late FROM incident WHERE rule = 'freezer-hot'")
    at = (int(str(opened_ms)) - sender.offset_ms) // MINUTE + begin
    assert 25 * 60 < at < 29 * 60  # between one and five
    assert late
    told = kitchen.rows(
        "SELECT alert.event FROM alert JOIN incident ON incident.id = alert.incident"
        " WHERE incident.rule = 'freezer-hot' ORDER BY alert.event"
    )
    assert told.count(("opened",)) == 1


@pytest.mark.parametrize("size", [2, 7, 60, 400])
def test_batches_of_another_size_are_judged_the_same(stores: NewAddress, size: int) -> None:
    """Whatever a gateway puts into one message: the same incidents with the same dates."""
    values = [2.0 + (9.0 if 40 <= n < 130 else 0.0) + (n % 7) / 10 for n in range(200)]
    items: list[Reading | Contact] = []
    for n, value in enumerate(values):
        items += [contact("pintu-1", 60 <= n < 75, n), temperature(value, n * MINUTE + 2, "chiller-1"),
                  temperature(value, n * MINUTE + 3, "chiller-2")]  # fmt: skip
    found = []
    for rows in (1, size):
        store = open_store(stores())
        bench = Bench(store, KITCHEN)
        sender = Sender().add(*items)
        for first in range(1, len(items) + 1, rows):
            last = min(first + rows - 1, len(items))
            bench.send(sender.batch(first, last, sent_ms=items[last - 1].at_ms + 100))
        found.append(
            bench.rows("SELECT sensor, rule, severity, began_ms, opened_ms, closed_ms, worst FROM incident ORDER BY id")
        )
        bench.writer.stop()
        store.close()
    assert sorted(found[0], key=repr) == sorted(found[1], key=repr)
    assert len(found[0]) >= 5


def test_a_backlog_with_a_power_cut_in_it_is_stored_and_told_once(kitchen: Bench) -> None:
    """All of it comes in one message after the cut: nothing breaks, and what lasts pages once, as now."""
    items: list[Reading | Contact] = []
    for n in range(120):
        warm = max(0.0, min(20.0, (n - 12) * 0.5))
        items += [contact("listrik", not 10 <= n < 90, n), temperature(3.0 + warm, n * MINUTE + 2, "chiller-2")]
    sender = Sender().add(*items)
    assert kitchen.send(sender.batch(sent_ms=119 * MINUTE + 100)).upto == len(items)
    assert kitchen.rows("SELECT sequence FROM quarantine") == []
    told = kitchen.rows(
        "SELECT incident.rule, alert.event FROM alert JOIN incident ON incident.id = alert.incident"
        " WHERE incident.rule = 'chiller-very-hot' AND alert.event = 'opened'"
    )
    assert len(told) == 1


def test_a_sensor_that_does_not_come_back_after_a_cut_is_told(kitchen: Bench) -> None:
    """Silent since the electricity went, and still when it has been back for ten minutes: one message, once."""
    sender = Sender()
    start_ms = kitchen.now_ms

    def minute(n: int) -> None:
        kitchen.now_ms = start_ms + n * MINUTE
        rows: list[Reading | Contact] = [contact("listrik", not 10 <= n < 70, n)]
        rows += [temperature(3.0, n * MINUTE + 2, "chiller-2")] if n < 11 or n >= 71 else []
        rows += [temperature(-20.0, n * MINUTE + 3, "freezer-1")] if n < 11 else []
        first = len(sender.rows) + 1
        sender.add(*rows)
        kitchen.send(sender.batch(first, len(sender.rows), sent_ms=n * MINUTE + 50))

    def told() -> list[tuple[object, ...]]:
        return kitchen.rows(
            "SELECT incident.sensor FROM alert JOIN incident ON incident.id = alert.incident"
            " WHERE incident.kind = 'silence' AND alert.event = 'opened' ORDER BY incident.sensor"
        )

    for n in range(75):
        minute(n)
    cut = [row for row in incidents(kitchen) if row[0] == "power-off"]
    assert cut == [("power-off", "listrik", 0)]
    assert ("freezer-1",) not in told()
    for n in range(75, 95):
        minute(n)
    kitchen.until(lambda: ("freezer-1",) in told(), "the silence to be told")
    for n in range(95, 130):
        minute(n)
    assert told().count(("freezer-1",)) == 1
    assert ("chiller-2",) not in told()


def test_a_probe_that_measures_something_else_begins_anew(kitchen: Bench) -> None:
    """Moved from the food into the air in the middle of an excursion: what was told of it ends, and the next one is
    news."""
    send(kitchen, *(temperature(12.0, n * MINUTE, "chiller-2") for n in range(100)))
    assert ("chiller-very-hot", "chiller-2", 1) in incidents(kitchen)
    sensors = [
        msgspec.structs.replace(one, measures="air") if one.id == "chiller-2" else one
        for one in KITCHEN.settings.sensors
    ]
    kitchen.book = msgspec.structs.replace(
        KITCHEN, settings=msgspec.structs.replace(KITCHEN.settings, sensors=sensors)
    )  # fmt: skip
    kitchen.restart()
    assert [row for row in incidents(kitchen) if row[2]] == []
    later = [temperature(14.0, n * MINUTE, "chiller-2") for n in range(200, 400)]
    sender = Sender(spool="c" * 20).add(*later)
    for number, item in enumerate(later, 1):
        kitchen.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    assert [row for row in incidents(kitchen) if row[0] == "chiller-very-hot"] == [
        ("chiller-very-hot", "chiller-2", 0), ("chiller-very-hot", "chiller-2", 1),
    ]  # fmt: skip


def test_a_spike_is_no_temperature_and_many_are_the_sensors_trouble(kitchen: Bench) -> None:
    """Single values far away and back say nothing of the food; more than a day has are told of the sensor, apart. A
    jump that stays is judged from its first value on, also when the gateway restarts right after it."""
    items = [temperature(60.0 if n % 5 == 4 else 3.0, n * MINUTE, "chiller-2") for n in range(5 * 24)]
    send(kitchen, *items)
    assert incidents(kitchen) == [("spikes", "chiller-2", 1)]
    assert kitchen.rows("SELECT kind, severity FROM incident") == [("spike", "warning")]
    jump = [temperature(3.0, 200 * MINUTE, "chiller-2"), temperature(40.0, 201 * MINUTE, "chiller-2")]
    sender = Sender(spool="d" * 20).add(*jump)
    for number, item in enumerate(jump, 1):
        kitchen.send(sender.batch(number, number, sent_ms=item.at_ms + 100))
    after = [temperature(40.0, n * MINUTE, "chiller-2") for n in range(1, 30)]
    boot = Sender(
        spool="e" * 20, boot="22222222-3333-4444-5555-666666666666", offset_ms=sender.offset_ms + 202 * MINUTE
    )
    boot.add(*after)
    for number, item in enumerate(after, 1):
        kitchen.send(boot.batch(number, number, sent_ms=item.at_ms + 100))
    ((began_ms,),) = kitchen.rows("SELECT began_ms FROM incident WHERE rule = 'chiller-very-hot'")
    assert int(str(began_ms)) - sender.offset_ms == 201 * MINUTE
