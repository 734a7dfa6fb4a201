"""What rows become: incidents, faults, silences, movements; and what a corrected clock does to them."""

from __future__ import annotations

import msgspec
from tests.server.conftest import Bench
from tests.server.sender import BOOT, Sender, temperature
from tests.server.test_ingest import weighing

from pawon_contract.messages import ClockFix, SensorFault
from pawon_food_safety.overrides import adjust
from pawon_food_safety.profile import load_profile

MINUTE = 60_000


def send_all(bench: Bench, sender: Sender, sent_ms: int, first: int = 1) -> None:
    """One batch of everything from ``first`` on."""
    assert bench.send(sender.batch(first, sent_ms=sent_ms)).upto == len(sender.rows)


def test_an_excursion_opens_and_closes_an_incident_dated_when_it_happened(bench: Bench) -> None:
    """9 C from minute 5 to 39: above 8 C for 15 min at minute 20; over after 5 min back; the worst value kept."""
    values = [9.5 if n == 30 else 9.0 if 5 <= n < 40 else 3.0 for n in range(60)]
    sender = Sender().add(*(temperature(value, n * MINUTE) for n, value in enumerate(values)))
    for number in range(1, 61):
        bench.send(sender.batch(number, number, sent_ms=(number - 1) * MINUTE + 500))
    found = bench.rows(
        "SELECT rule, severity, began_ms, opened_ms, closed_ms, worst, late, profile FROM incident ORDER BY opened_ms"
    )
    at = sender.offset_ms
    assert found == [
        ("chiller-very-hot", "critical", at + 5 * MINUTE, at + 20 * MINUTE, at + 45 * MINUTE, 9.5, 0, "ID-MBG"),
        ("chiller-warm", "warning", at + 5 * MINUTE, at + 35 * MINUTE, at + 45 * MINUTE, 9.5, 0, "ID-MBG"),
    ]
    assert bench.rows("SELECT event FROM alert ORDER BY event") == [
        ("closed",), ("closed",), ("opened",), ("opened",),
    ]  # fmt: skip


def test_an_incident_names_the_overrides_it_was_judged_by(bench: Bench) -> None:
    """The kitchen's own 3.5 C less the guard band opened it, not the profile's 8 C, and the version says so."""
    ours = adjust(bench.book.profile, [{"id": "chiller-very-hot", "above": 3.5, "delay_s": 300}])
    bench.book = msgspec.structs.replace(bench.book, profile=ours)
    bench.restart()
    sender = Sender().add(*(temperature(3.1, n * MINUTE) for n in range(10)))
    send_all(bench, sender, sent_ms=10 * MINUTE)
    assert bench.rows("SELECT rule, opened_ms, limit_value, profile_version FROM incident") == [
        ("chiller-very-hot", sender.offset_ms + 5 * MINUTE, 3.5, ours.version)
    ]
    assert ours.version != load_profile("ID-MBG").version


def test_a_backlog_is_judged_on_measured_time_and_marked_late(bench: Bench) -> None:
    """The same hour delivered a day later opens the same incident at the same time, as news of the past."""
    sender = Sender().add(*(temperature(9.0, n * MINUTE) for n in range(30)))
    send_all(bench, sender, sent_ms=24 * 60 * MINUTE)
    assert bench.rows("SELECT opened_ms, late FROM incident WHERE rule = 'chiller-very-hot'") == [
        (sender.offset_ms + 15 * MINUTE, 1)
    ]
    assert bench.rows("SELECT event FROM alert") == []


def test_a_dead_probe_is_not_a_warm_chiller(bench: Bench) -> None:
    """A fault opens a sensor incident of its own, once however often it is reported, and ends with the fault."""
    fault = SensorFault(at_ms=5_000, sensor="chiller-2", fault="disconnected", detail="gone")
    sender = Sender().add(temperature(3, 1_000, "chiller-2"), fault, fault)
    send_all(bench, sender, sent_ms=6_000)
    assert bench.rows("SELECT kind, rule, severity, closed_ms FROM incident") == [
        ("fault", "disconnected", "warning", None)
    ]
    assert bench.value("SELECT fault FROM latest WHERE sensor = 'chiller-2'") == "disconnected"
    sender.add(SensorFault(at_ms=9_000, sensor="chiller-2", fault="disconnected", cleared=True))
    sender.add(temperature(3, 9_000, "chiller-2"))
    send_all(bench, sender, sent_ms=9_500, first=4)
    assert bench.rows("SELECT closed_ms FROM incident") == [(sender.offset_ms + 9_000,)]
    assert bench.value("SELECT fault FROM latest WHERE sensor = 'chiller-2'") is None


def test_a_good_value_ends_a_fault_that_its_gateway_forgot(bench: Bench) -> None:
    """A gateway restarted while a probe was broken never says "cleared"; the value that comes says it."""
    fault = SensorFault(at_ms=5_000, sensor="chiller-2", fault="disconnected")
    sender = Sender().add(fault, temperature(3, 9_000, "chiller-2"))
    send_all(bench, sender, sent_ms=9_000)
    assert bench.rows("SELECT closed_ms FROM incident") == [(sender.offset_ms + 9_000,)]
    assert bench.value("SELECT fault FROM latest WHERE sensor = 'chiller-2'") is None


def test_silence_is_declared_made_worse_and_ended(bench: Bench) -> None:
    """10 min after the value lost its validity a warning, 30 min critical; over when the sensor speaks again. A whole
    silent gateway is one cause."""
    sender = Sender().add(*(temperature(3, 1_000, name) for name in ("chiller-1", "chiller-2")))
    send_all(bench, sender, sent_ms=1_000)
    bench.now_ms += 9 * MINUTE
    sender.add(temperature(3, 9 * MINUTE, "chiller-2"))
    send_all(bench, sender, sent_ms=9 * MINUTE, first=3)
    bench.now_ms += 3 * MINUTE
    subjects = "SELECT sensor, severity, closed_ms IS NULL FROM incident WHERE kind = 'silence' ORDER BY sensor"
    bench.until(lambda: ("chiller-1", "warning", 1) in bench.rows(subjects), "chiller-1 to be called silent")
    assert ("chiller-2", "warning", 1) not in bench.rows(subjects)
    bench.now_ms += 40 * MINUTE
    bench.until(lambda: ("gw-1", "critical", 1) in bench.rows(subjects), "the gateway to be called silent")
    bench.until(lambda: ("chiller-1", "critical", 1) in bench.rows(subjects), "chiller-1 to become critical")
    assert "chiller-2" not in {row[0] for row in bench.rows(subjects)}
    sender.add(temperature(3, 53 * MINUTE, "chiller-1"))
    send_all(bench, sender, sent_ms=53 * MINUTE, first=4)
    bench.until(lambda: ("chiller-1", "critical", 0) in bench.rows(subjects), "the silence to end")
    bench.until(lambda: ("gw-1", "critical", 0) in bench.rows(subjects), "the gateway's silence to end")


def test_a_backlog_does_not_end_a_silence(bench: Bench) -> None:
    """Old rows arriving now are not a sensor that speaks now."""
    bench.now_ms += 60 * MINUTE
    subjects = "SELECT sensor FROM incident WHERE kind = 'silence' AND closed_ms IS NULL"
    bench.until(lambda: ("gw-1",) in bench.rows(subjects), "the gateway to be called silent")
    sender = Sender().add(*(temperature(3, n * MINUTE) for n in range(10)))
    send_all(bench, sender, sent_ms=60 * MINUTE)
    bench.until(lambda: ("gw-1",) not in bench.rows(subjects), "the gateway's silence to end")
    bench.until(lambda: ("chiller-1",) in bench.rows(subjects), "the sensor to be called silent by itself")


def test_a_clock_fix_dates_a_boot_anew_once_and_keeps_the_old_dates(bench: Bench) -> None:
    """A Pi that booted in the past: readings, movements and incidents move together, no delay is disturbed."""
    wrong = 1_600_000_000_000
    sender = Sender(offset_ms=wrong, clock="guess").add(*(temperature(9, n * MINUTE) for n in range(21)))
    sender.add(weighing(9_000, 5_000, 20 * MINUTE, "out"))
    send_all(bench, sender, sent_ms=20 * MINUTE)
    right = 1_760_000_000_000
    sender.offset_ms, sender.clock = right, "server"
    sender.add(ClockFix(at_ms=20 * MINUTE, boot=BOOT, offset_ms=right, error_ms=9, source="server"))
    sender.add(*(temperature(9, n * MINUTE) for n in range(21, 40)))
    send_all(bench, sender, sent_ms=40 * MINUTE, first=23)
    assert bench.rows("SELECT measured_ms, first_measured_ms FROM reading WHERE sequence = 3") == [
        (right + 2 * MINUTE, wrong + 2 * MINUTE)
    ]
    assert bench.rows("SELECT occurred_ms, first_occurred_ms FROM movement") == [
        (right + 20 * MINUTE, wrong + 20 * MINUTE)
    ]
    found = bench.rows("SELECT rule, opened_ms, first_opened_ms FROM incident ORDER BY rule")
    assert found == [
        ("chiller-very-hot", right + 15 * MINUTE, wrong + 15 * MINUTE),
        ("chiller-warm", right + 30 * MINUTE, None),
    ]
    sender.add(ClockFix(at_ms=41 * MINUTE, boot=BOOT, offset_ms=right + 5, error_ms=1, source="server"))
    send_all(bench, sender, sent_ms=41 * MINUTE, first=len(sender.rows))
    assert bench.value("SELECT measured_ms FROM reading WHERE sequence = 3") == right + 2 * MINUTE


def test_a_delay_survives_a_reboot_into_the_past(bench: Bench) -> None:
    """50 min too warm, a reboot whose clock starts years earlier, 10 min more: the hour is full, and not before."""
    sender = Sender().add(*(temperature(6, n * MINUTE) for n in range(51)))
    send_all(bench, sender, sent_ms=50 * MINUTE)
    sender.boot, sender.offset_ms, sender.clock = "0000aaaa-cab1-4b42-8e06-9e3512dfe0a6", 1_500_000_000_000, "guess"
    sender.add(*(temperature(6, 1_000 + n * MINUTE) for n in range(10)))
    send_all(bench, sender, sent_ms=10 * MINUTE, first=52)
    assert bench.rows("SELECT * FROM incident WHERE rule = 'chiller-hot'") == []
    sender.add(temperature(6, 1_000 + 10 * MINUTE))
    send_all(bench, sender, sent_ms=11 * MINUTE, first=62)
    assert len(bench.rows("SELECT * FROM incident WHERE rule = 'chiller-hot'")) == 1


def test_weighings_become_a_balanced_book(bench: Bench) -> None:
    """Confirmed by the place's rule or proposed; what nobody saw is only proposed; every movement sums to zero."""
    sender = Sender().add(
        weighing(0, 50_000, 1_000, "first"), weighing(50_000, 45_000, 2_000, "out"),
        weighing(45_000, 45_060, 3_000, "touch"),
        weighing(45_000, 40_000, 4_000, "restart"), weighing(40_000, 65_000, 5_000, "in"),
        weighing(0, 12_000, 6_000, "in", "scale-2"), weighing(12_000, 0, 7_000, "person", "scale-2"),
    )  # fmt: skip
    send_all(bench, sender, sent_ms=8_000)
    assert bench.rows("SELECT amount, state, kind, from_place, to_place FROM movement ORDER BY occurred_ms") == [
        (50_000, "confirmed", "first", "opening", "gudang"),
        (-5_000, "confirmed", "out", "gudang", "prep"),
        (-5_000, "proposed", "restart", "gudang", "prep"),
        (25_000, "confirmed", "in", "supplier", "gudang"),
        (12_000, "proposed", "in", "supplier", "terima"),
    ]
    assert bench.value("SELECT sum(amount) FROM ledger_line") == 0
    assert {row[0] for row in bench.rows("SELECT sum(amount) FROM ledger_line GROUP BY movement")} == {0}
    assert bench.value("SELECT sum(amount) FROM ledger_line WHERE place = 'gudang'") == 70_000


def test_a_gateway_with_a_new_memory_does_not_book_the_store_twice(bench: Bench) -> None:
    """A new card sees "50 kg for the first time": only the difference to the book is proposed, never booked."""
    send_all(bench, Sender().add(weighing(0, 50_000, 1_000, "first")), sent_ms=2_000)
    other = Sender(spool="e" * 20).add(weighing(0, 48_000, 3_000, "first"))
    assert bench.send(other.batch(sent_ms=4_000)).upto == 1
    assert bench.rows("SELECT amount, state FROM movement ORDER BY occurred_ms") == [
        (50_000, "confirmed"), (-2_000, "proposed"),
    ]  # fmt: skip


def test_what_nobody_watches_any_more_ends(bench: Bench) -> None:
    """A sensor taken out of the configuration, or moved to a place without limits, leaves no incident open for ever."""
    sender = Sender().add(*(temperature(9, n * MINUTE) for n in range(20)))
    sender.add(SensorFault(at_ms=20 * MINUTE, sensor="chiller-2", fault="disconnected"))
    send_all(bench, sender, sent_ms=20 * MINUTE)
    still_open = "SELECT sensor, kind FROM incident WHERE closed_ms IS NULL ORDER BY sensor"
    assert bench.rows(still_open) == [("chiller-1", "limit"), ("chiller-2", "fault")]
    settings = bench.book.settings
    moved = [
        msgspec.structs.replace(sensor, point="") if sensor.id == "chiller-1" else sensor
        for sensor in settings.sensors
        if sensor.id != "chiller-2"
    ]
    bench.book = msgspec.structs.replace(bench.book, settings=msgspec.structs.replace(settings, sensors=moved))
    bench.restart()
    assert bench.rows(still_open) == []
    assert bench.value("SELECT count(*) FROM alert WHERE event = 'closed'") == 2
    sender.add(temperature(9, 21 * MINUTE))
    assert bench.send(sender.batch(22, sent_ms=21 * MINUTE)).upto == 22
    assert bench.rows(still_open) == []


def test_zero_is_data(bench: Bench) -> None:
    """An ice bath at 0.0 C and an emptied scale at 0 g are values, fresh ones."""
    from pawon_contract.messages import Reading

    sender = Sender().add(temperature(0.0, 1_000), Reading(at_ms=1_000, sensor="scale-1", quantity="mass_g", value=0.0))
    send_all(bench, sender, sent_ms=1_000)
    assert bench.rows("SELECT sensor, value FROM latest WHERE value IS NOT NULL ORDER BY sensor") == [
        ("chiller-1", 0.0), ("scale-1", 0.0),
    ]  # fmt: skip
    assert bench.writer.projector.readings.fresh("scale-1", bench.now_ms + 89_000)
    assert not bench.writer.projector.readings.fresh("scale-1", bench.now_ms + 90_000)
