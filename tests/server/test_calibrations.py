"""Calibrations: what corrects which reading, what is kept of the rest, and who is told when a check is overdue."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import BOOK, NewAddress
from tests.server.sender import Sender, temperature
from tests.server.straight import Straight

from pawon_contract.messages import Reading
from pawon_food_safety.rows import Calibration
from pawon_server.acts import decode_act
from pawon_server.calibration import RecordCalibration, WithdrawCalibration
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.calibrations import DAY_MS
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Rulebook, Thermometer
from pawon_server.store.address import Address
from pawon_server.store.database import open_to_read

MINUTE = 60_000
START_MS = 1_760_000_000_000
ROWS = [
    Calibration(point="*", kind="fixed", every_days=180, tolerance_c=0.5),
    Calibration(point="*", kind="hand", every_days=7, tolerance_c=1.0),
]
HAND = Thermometer(id="tangan-1", name="Termometer tangan")
SILENT = msgspec.structs.replace(BOOK.profile, calibration=[])
CALIBRATED = Rulebook(
    settings=msgspec.structs.replace(BOOK.settings, thermometers=[HAND], altitude_m=768.0),
    profile=msgspec.structs.replace(BOOK.profile, calibration=ROWS),
)


@pytest.fixture
def record(store_address: Address) -> Iterator[Straight]:
    """A store whose profile asks for calibrations; its clock is 30 minutes after the sender's start."""
    made = Straight(store_address, CALIBRATED)
    made.now_ms = START_MS + 30 * MINUTE
    yield made
    made.close()


def check(reading_c: float | tuple[float, ...], performed_ms: int = START_MS, **other: Any) -> RecordCalibration:
    """An ice check of chiller-1 by whoever has the machine."""
    readings = reading_c if isinstance(reading_c, tuple) else (reading_c,)
    fields = {"sensor": "chiller-1", "method": "ice", "performed_ms": performed_ms, **other}
    return RecordCalibration(id=new_id(), by=MACHINE, readings_c=readings, **fields)


def written(record: Straight, act: Any) -> int:
    """The number of what was written."""
    answer = record.write(act)
    assert isinstance(answer, Written), answer
    return answer.entry


def refused(record: Straight, act: Any) -> str:
    """Why it was not."""
    answer = record.write(act)
    assert isinstance(answer, Refusal)
    assert answer.status == 409
    return answer.reason


def values(record: Straight) -> list[tuple[object, ...]]:
    """What the record holds of every reading, in its order."""
    return record.rows("SELECT value, raw, calibration FROM reading ORDER BY measured_ms, sequence")


def rebuilt_is_same(record: Straight) -> bool:
    """Whether every table is what the journal says."""
    with tempfile.TemporaryDirectory() as folder:
        return rebuild(open_to_read(record.store.address), "dapur-uji", Path(folder)).same


def test_a_reading_is_kept_corrected_and_as_it_came(record: Straight) -> None:
    """Value, low and high are corrected and judged; what came stays beside them with the calibration that did it."""
    number = written(record, check(0.8))
    sender = Sender().add(
        Reading(at_ms=MINUTE, sensor="chiller-1", quantity="temperature_c", value=4.2, low=3.1, high=4.3, count=5),
        temperature(4.2, MINUTE, "chiller-2"),
    )
    record.send(sender.batch())
    assert record.rows("SELECT value, low, high, raw, calibration FROM reading ORDER BY sensor") == [
        (3.4, 2.3, 3.5, 4.2, number), (4.2, 4.2, 4.2, None, None),
    ]  # fmt: skip
    assert record.rows("SELECT value, low, raw FROM latest ORDER BY sensor") == [(3.4, 2.3, 4.2), (4.2, 4.2, None)]
    assert rebuilt_is_same(record)


def test_the_corrected_value_is_judged(record: Straight) -> None:
    """A probe that reads 1.2 too cold hides a warm chiller no longer."""
    sender = Sender().add(
        *(temperature(4.5, n * MINUTE, name) for n in range(80) for name in ("chiller-1", "chiller-2"))
    )
    written(record, check(-1.2))
    record.now_ms = START_MS + 80 * MINUTE
    record.send(sender.batch(sent_ms=80 * MINUTE))
    assert record.rows("SELECT DISTINCT sensor FROM incident WHERE severity = 'critical'") == [("chiller-1",)]


def test_each_reading_has_the_calibration_of_its_time(record: Straight) -> None:
    """What comes late from before a check is corrected by the one before it; before the first by none."""
    first = written(record, check(0.8, START_MS + 10 * MINUTE))
    second = written(record, check(-1.0, START_MS + 20 * MINUTE))
    record.send(Sender().add(*(temperature(3.0, n * MINUTE) for n in (25, 20, 19, 10, 9))).batch())
    assert values(record) == [
        (3.0, None, None), (2.2, 3.0, first), (2.2, 3.0, first), (4.0, 3.0, second), (4.0, 3.0, second),
    ]  # fmt: skip


def test_what_was_judged_keeps_its_value(record: Straight) -> None:
    """A check that is entered late, and one that is withdrawn, change what comes after their entry and nothing else."""
    sender = Sender().add(*(temperature(3.0, n * MINUTE) for n in range(4)))
    record.send(sender.batch(1, 1))
    number = written(record, check(0.8, START_MS - DAY_MS))
    record.send(sender.batch(2, 2))
    written(record, WithdrawCalibration(id=new_id(), by=MACHINE, calibration=number, reason="termometer lain"))
    record.send(sender.batch(3, 3))
    written(record, check(0.3, START_MS))
    record.send(sender.batch(4, 4))
    assert values(record) == [(3.0, None, None), (2.2, 3.0, number), (3.0, None, None), (3.0, None, None)]
    assert record.rows("SELECT verdict, withdrawn_reason FROM calibration ORDER BY id") == [
        ("adjust", "termometer lain"), ("ok", None),
    ]  # fmt: skip
    assert rebuilt_is_same(record)


def test_a_rejected_check_corrects_nothing_and_ends_no_correction(record: Straight) -> None:
    """A broken probe is not calibrated away; the correction before it stands until a good check."""
    number = written(record, check(0.8, START_MS))
    written(record, check(9.0, START_MS + 5 * MINUTE))
    sender = Sender().add(*(temperature(3.0, n * MINUTE) for n in range(10, 12)))
    record.send(sender.batch(1, 1))
    written(record, check(0.1, START_MS + 6 * MINUTE))
    record.send(sender.batch(2, 2))
    assert values(record) == [(2.2, 3.0, number), (3.0, None, None)]


def test_two_points_make_a_line(record: Straight) -> None:
    """Ice and the boiling water of this altitude: both come out true, and the certificate's numbers as given."""
    written(record, check((-0.8, 98.1), method="ice-boiling"))
    record.send(Sender().add(temperature(-0.8, 1), temperature(98.1, 2)).batch())
    assert [row[0] for row in values(record)] == [0.0, 97.5]
    assert record.rows("SELECT altitude_m, points FROM calibration") == [
        (768.0, '[{"reading_c":-0.8,"reference_c":0.0},{"reading_c":98.1,"reference_c":97.5}]')
    ]


def test_a_clock_that_guesses_is_corrected_by_the_age_of_its_rows(record: Straight) -> None:
    """Its stamps say 1970, and the rows are fresh: they are of after the check."""
    number = written(record, check(0.8, START_MS))
    guess = Sender(offset_ms=1_000, clock="guess").add(temperature(3.0, MINUTE))
    record.send(guess.batch(sent_ms=MINUTE + 500))
    assert values(record) == [(2.2, 3.0, number)]


def test_minutes_are_of_corrected_values_and_segments_of_the_wire(record: Straight) -> None:
    """Old days are told as they were judged; the sealed record holds what came, and derives the same again."""
    written(record, check(0.8))
    sender = Sender().add(*(temperature(3.0 + n / 10, n * 10_000) for n in range(12)))
    batches = [sender.batch(n, n + 2) for n in (1, 4, 7, 10)]
    for payload in batches:
        record.send(payload)
    assert record.rows("SELECT payload FROM journal WHERE kind = 'batch' ORDER BY id") == [(one,) for one in batches]
    record.seal()
    assert rebuilt_is_same(record)
    record.compact("chiller-1", START_MS // MINUTE * MINUTE, START_MS // MINUTE * MINUTE + 2 * MINUTE)
    low, high = record.rows("SELECT min(low), max(high) FROM reading_minute")[0]
    assert (low, high) == (2.2, pytest.approx(3.1, abs=0.25))
    assert rebuilt_is_same(record)


def test_a_restart_knows_every_correction(record: Straight) -> None:
    """Taken up from the store as it was in memory."""
    number = written(record, check(0.8))
    record.load()
    record.send(Sender().add(temperature(3.0, 1)).batch())
    assert values(record) == [(2.2, 3.0, number)]


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (check(0.1, sensor="nobody"), "tidak terdaftar"), (check(0.1, sensor="scale-1"), "tidak terdaftar"),
        (check(0.1, START_MS + 60 * MINUTE), "belum tiba"), (check((0.1, 0.2)), "Perlu 1"), (check(()), "Perlu 1"),
        (check((0.1,), method="ice-boiling"), "Perlu 2"), (check(300.0), "tidak masuk akal"),
        (check(0.1, references_c=(0.0,)), "dihitung sendiri"), (check(4.0, method="comparison"), "acuan"),
        (check(4.0, method="comparison", references_c=(4.1,)), "termometer acuannya"),
        (check(4.0, method="certificate", references_c=(4.1,)), "sertifikat"),
        (check((4.0, 5.0), method="comparison", references_c=(4.0, 5.0), reference="acuan"), "berjarak"),
        (WithdrawCalibration(id=new_id(), by=MACHINE, calibration=1, reason="x"), "tidak ada"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(record: Straight, act: Any, word: str) -> None:
    """By what is wrong, and nothing is written."""
    assert word in refused(record, act)
    assert record.rows("SELECT count(*) FROM act") == [(0,)]


def test_boiling_water_needs_the_kitchens_altitude(record: Straight) -> None:
    """Without it a sound thermometer in Bandung would be off by 2.5 C."""
    record.configure(msgspec.structs.replace(CALIBRATED, settings=BOOK.settings))
    assert "altitude_m" in refused(record, check(97.4, method="boiling"))
    record.configure(CALIBRATED)
    written(record, check(97.4, method="boiling"))
    assert record.rows("SELECT verdict FROM calibration") == [("ok",)]


def test_a_record_is_withdrawn_once(record: Straight) -> None:
    """And by who may."""
    number = written(record, check(0.8))
    written(record, WithdrawCalibration(id=new_id(), by=MACHINE, calibration=number, reason="salah"))
    assert "sudah" in refused(record, WithdrawCalibration(id=new_id(), by=MACHINE, calibration=number, reason="lagi"))


def troubles(record: Straight) -> list[tuple[object, ...]]:
    """Calibration incidents: sensor, rule, whether open."""
    return record.rows(
        "SELECT sensor, rule, severity, closed_ms IS NULL FROM incident WHERE kind = 'calibration' "
        "ORDER BY opened_ms, id"
    )


def test_an_overdue_check_is_a_sensor_alarm_and_a_check_ends_it(record: Straight) -> None:
    """Seven days for a hand probe, 180 for a fixed one; never a food alarm, told once, and over with the next check."""
    written(record, check(0.1, START_MS))
    written(record, check(0.1, START_MS, sensor="chiller-2"))
    written(record, check(0.4, START_MS, sensor="tangan-1"))
    record.now_ms = START_MS + 7 * DAY_MS - 1
    record.look_at_clock()
    assert troubles(record) == []
    record.now_ms += 1
    record.look_at_clock()
    record.look_at_clock()
    assert troubles(record) == [("tangan-1", "calibration-overdue", "warning", 1)]
    texts = record.rows("SELECT text FROM alert WHERE text LIKE '%Termometer tangan%'")
    assert texts == [("Kalibrasi terlambat: Termometer tangan. Lakukan uji titik es.",)]
    record.load()
    written(record, check(0.2, record.now_ms, sensor="tangan-1"))
    record.look_at_clock()
    assert troubles(record) == [("tangan-1", "calibration-overdue", "warning", 0)]
    record.now_ms = START_MS + 180 * DAY_MS
    record.look_at_clock()
    assert {row[0] for row in troubles(record) if row[3]} == {"chiller-1", "chiller-2", "tangan-1"}
    assert rebuilt_is_same(record)


def test_what_was_never_checked_counts_from_when_it_was_configured(record: Straight) -> None:
    """An interval after it was named first, also over later configurations; what decides nothing is left alone."""
    record.now_ms += 6 * DAY_MS
    record.configure(msgspec.structs.replace(CALIBRATED, settings=msgspec.structs.replace(
        CALIBRATED.settings, name="Lain")))  # fmt: skip
    record.load()
    record.look_at_clock()
    assert troubles(record) == []
    record.now_ms = START_MS + 181 * DAY_MS
    record.look_at_clock()
    assert [row[0] for row in troubles(record)] == ["chiller-1", "chiller-2", "tangan-1"]
    texts = record.rows("SELECT text FROM alert WHERE text LIKE 'Belum pernah%'")
    assert len(texts) == 3
    written(record, check(0.1, record.now_ms))
    bare = msgspec.structs.replace(CALIBRATED, profile=SILENT)
    record.configure(bare)
    record.look_at_clock()
    assert [row for row in troubles(record) if row[3]] == [], "the profile asks for nothing any more"


def test_a_profile_without_rows_asks_for_nothing(store_address: Address) -> None:
    """A kitchen whose profile has no rows about calibrations hears nothing of them."""
    record = Straight(store_address, msgspec.structs.replace(BOOK, profile=SILENT))
    record.now_ms += 3_000 * DAY_MS
    record.look_at_clock()
    assert troubles(record) == []
    record.close()


def test_a_rejected_thermometer_is_told_until_it_is_replaced(record: Straight) -> None:
    """By its own rule; a good check, or the withdrawal of the bad one, ends it."""
    bad = written(record, check(9.0, START_MS))
    record.look_at_clock()
    assert troubles(record) == [("chiller-1", "calibration-rejected", "warning", 1)]
    written(record, WithdrawCalibration(id=new_id(), by=MACHINE, calibration=bad, reason="air, bukan es"))
    record.now_ms += 1
    record.look_at_clock()
    assert [row[3] for row in troubles(record)] == [0]
    written(record, check(9.0, START_MS + 1))
    record.now_ms += 1
    record.look_at_clock()
    written(record, check(0.2, START_MS + 2))
    record.now_ms += 1
    record.look_at_clock()
    assert [row[3] for row in troubles(record)] == [0, 0]
    assert rebuilt_is_same(record)


def test_a_sensor_that_is_no_more_keeps_no_alarm(record: Straight) -> None:
    """Taken out of the configuration, its overdue check is nobody's matter."""
    record.now_ms = START_MS + 8 * DAY_MS
    record.look_at_clock()
    assert [row[0] for row in troubles(record) if row[3]] == ["tangan-1"]
    record.configure(msgspec.structs.replace(CALIBRATED, settings=BOOK.settings))
    record.now_ms += 1
    record.look_at_clock()
    assert [row for row in troubles(record) if row[3]] == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_any_history_derives_again_and_never_mixes(seed: int) -> None:
    """Checks, withdrawals, restarts and readings in any order: the tables are the journal's, a value that was not
    corrected is what came, and one that was is what its own calibration makes of it."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        record = Straight(Path(folder) / "pawon.db", CALIBRATED)
        sender, numbers = Sender(), [1]
        for step in range(chance.randint(5, 30)):
            record.now_ms += MINUTE
            happens = chance.random()
            if happens < 0.5:
                name = chance.choice(["chiller-1", "chiller-2"])
                sender.add(
                    temperature(chance.randint(-50, 120) / 10, max(0, step - chance.randint(0, 9)) * MINUTE, name)
                )
                record.send(sender.batch(len(sender.rows)))
            elif happens < 0.8:
                act = check(chance.choice([0.1, 0.8, -1.9, 7.0]), record.now_ms - chance.randint(0, 9) * MINUTE,
                            sensor=chance.choice(["chiller-1", "chiller-2"]))  # fmt: skip
                numbers.append(written(record, act))
            elif happens < 0.9:
                record.write(
                    WithdrawCalibration(id=new_id(), by=MACHINE, calibration=chance.choice(numbers), reason="salah")
                )
            elif happens < 0.95:
                record.load()
            else:
                record.look_at_clock()
        lines = {row[0]: row[1:] for row in record.rows("SELECT id, slope, offset_c, verdict FROM calibration")}
        for value, raw, calibration in values(record):
            assert (raw is None) == (calibration is None)
            if calibration is not None:
                slope, offset_c, verdict = lines[calibration]
                assert verdict == "adjust"
                assert value == round(raw * slope + offset_c, 3)  # type: ignore[operator]  # numbers
        assert rebuilt_is_same(record)
        record.close()


def test_nothing_but_the_corrected_sensors_rows_is_touched(stores: NewAddress) -> None:
    """Beside a calibration of another thermometer, a kitchen's readings are bit for bit what they are without it."""
    kept = []
    for calibrated in (False, True):
        record = Straight(stores(), CALIBRATED)
        if calibrated:
            written(record, check(0.8, START_MS, sensor="chiller-2"))
        record.send(Sender().add(*(temperature(n / 16, n) for n in range(50))).batch())
        kept.append(values(record))
        record.close()
    assert kept[0] == kept[1]
    assert kept[0][1][0] == 0.0625


def test_the_shape_of_what_is_written_stays() -> None:
    """What is in the journals of kitchens can be read for ever."""
    said = (b'{"act":"calibration.record","id":"0123456789abcdef","by":"sari","sensor":"chiller-1","method":"ice",'
            b'"readings_c":[0.3],"performed_ms":5}')  # fmt: skip
    assert decode_act(said) == RecordCalibration(
        id="0123456789abcdef", by="sari", sensor="chiller-1", method="ice", readings_c=(0.3,), performed_ms=5
    )
