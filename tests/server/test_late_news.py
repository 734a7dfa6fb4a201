"""Late is not live: a backlog's incidents are told once and together; what still lasts pages once, and nothing else."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.conftest import BOOK
from tests.server.sender import BOOT, Sender, temperature
from tests.server.straight import Straight
from tests.server.test_rebuild import rebuilt

from pawon_contract.faults import FAULTS
from pawon_contract.messages import Item, SensorFault
from pawon_server.projections.projector import AlertSent, Restored
from pawon_server.record.rebuild import repair
from pawon_server.rulebook import Rulebook
from pawon_server.words import fault_words

MINUTE, HOUR = 60_000, 3_600_000
T = 1_760_000_000_000
OLD_BOOK = Rulebook(settings=msgspec.structs.replace(BOOK.settings, edition=1), profile=BOOK.profile)
ALERTS = "SELECT id, incident, event, text FROM alert ORDER BY id"
INCIDENTS = "SELECT id, kind, rule, sensor, began_ms, opened_ms, closed_ms, worst, late, told FROM incident ORDER BY id"


def same(record: Straight) -> bool:
    """Whether the journal alone gives the same tables."""
    result = rebuilt(record.store.address)
    return result.finding is None and all(table.same for table in result.tables)


def outage(chance: random.Random) -> list[Item | bytes]:
    """Six hours of two chillers that are too warm at times and break at times."""
    out: list[Item | bytes] = []
    value, broken = {"chiller-1": 3.0, "chiller-2": 3.0}, {"chiller-1": "", "chiller-2": ""}
    for minute in range(0, 360, 2):
        for sensor in value:
            if chance.random() < 0.04:
                value[sensor] = chance.choice([3.0, 9.5, 14.0])
            if chance.random() < 0.02:
                cleared, name = bool(broken[sensor]), broken[sensor] or chance.choice(["crc", "disconnected"])
                broken[sensor] = "" if cleared else name
                out.append(SensorFault(at_ms=minute * MINUTE, sensor=sensor, fault=name, cleared=cleared))
            elif broken[sensor]:
                out.append(SensorFault(at_ms=minute * MINUTE, sensor=sensor, fault=broken[sensor]))
            else:
                out.append(temperature(value[sensor], minute * MINUTE, sensor, every_s=60))
    return out


def drain(folder: Path, rows: list[Item | bytes], cuts: list[int], chance: random.Random | None) -> tuple[object, ...]:
    """The backlog in batches that end at ``cuts``, all sent at its end; with ``chance``, restarts, stores that fail and
    batches that come twice. What was opened and what was told."""
    record = Straight(folder / "pawon.db")
    sender = Sender().add(*rows)
    record.now_ms, first, sent_ms = T + 6 * HOUR, 1, 6 * HOUR
    for last in [*cuts, len(sender.rows)]:
        if last >= first:
            payload = sender.batch(first, last, sent_ms=sent_ms)
            if chance is not None and chance.random() < 0.3:
                record.send(payload, commit=False)
            record.send(payload)
            if chance is not None and chance.random() < 0.3:
                record.send(payload)
                record.load()
            first = last + 1
    try:
        assert same(record)
        return record.rows(INCIDENTS), record.rows(ALERTS)
    finally:
        record.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.lists(st.integers(1, 359), max_size=12).map(sorted))
def test_how_a_backlog_is_cut_changes_nothing(seed: int, cuts: list[int]) -> None:
    """In one batch or in many, with restarts, failing stores and duplicates: the same incidents, the same alerts with
    the same words, each once; and ``rebuild`` derives them again. At most one summary, no page for what is over."""
    rows = outage(random.Random(seed))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole = drain(Path(one), rows, [], None)
        assert drain(Path(other), rows, cuts, random.Random(seed)) == whole
    incidents, alerts = whole
    assert isinstance(incidents, list)
    assert isinstance(alerts, list)
    assert sum(event == "late" for _, _, event, _ in alerts) <= 1
    over = {name for name, *_, closed_ms, _, late, _ in incidents if closed_ms is not None and late}
    paged = {name for _, name, event, _ in alerts if event == "opened"}
    closings = {name for _, name, event, _ in alerts if event == "closed"}
    assert closings <= paged
    assert all(
        closed_ms > T + 6 * HOUR - 4 * MINUTE for name, *_, closed_ms, _, _, _ in incidents if name in over & paged
    )
    assert all(told for *_, late, told in incidents if late)


def test_a_storm_is_one_summary(tmp_path: Path) -> None:
    """Five excursions and a fault of the night: one alert that counts, names, dates, says the worst and what lasts."""
    record = Straight(tmp_path / "pawon.db")
    sender = Sender()
    for n in range(5):
        at = n * HOUR
        sender.add(*(temperature(9.0 + n, at + m * MINUTE) for m in range(20)))
        sender.add(*(temperature(3.0, at + m * MINUTE) for m in range(20, 40)))
    sender.add(SensorFault(at_ms=5 * HOUR, sensor="chiller-2", fault="disconnected"))
    record.now_ms = T + 6 * HOUR
    record.send(sender.batch(sent_ms=6 * HOUR))
    assert record.rows("SELECT count(*) FROM incident") == [(6,)]
    assert record.rows(ALERTS) == []
    record.load()
    first = len(sender.rows) + 1
    sender.add(temperature(3.0, 6 * HOUR))
    record.send(sender.batch(first, sent_ms=6 * HOUR))
    (alert,) = record.rows("SELECT event, text FROM alert")
    assert alert == (
        "late",
        "6 masalah baru diketahui dari data tertunda: Chiller 1, Chiller 2, 9 Okt 15:53 sampai 9 Okt 20:53, "
        "terburuk Chiller 1 13 C (batas 8 C). Belum selesai: Chiller 2. Periksa bahan yang terkena dan catat.",
    )
    sender.add(temperature(3.0, 6 * HOUR + MINUTE))
    record.load()
    record.send(sender.batch(first + 1, sent_ms=6 * HOUR + MINUTE))
    assert len(record.rows(ALERTS)) == 1
    assert same(record)


def test_a_summary_of_guessed_dates_says_so(tmp_path: Path) -> None:
    """A night in a boot that never knew the time: the summary's dates are an estimate, and it says so."""
    record = Straight(tmp_path / "pawon.db")
    boot = "11111111-cab1-4b42-8e06-9e3512dfe0a6"
    sender = Sender(boot=boot, clock="guess", offset_ms=T - 90 * 24 * HOUR)
    sender.add(*(temperature(9.0, m * MINUTE) for m in range(1, 20)))
    sender.add(*(temperature(3.0, m * MINUTE) for m in range(20, 40)))
    record.now_ms = T + HOUR
    record.send(sender.batch(sent_ms=MINUTE, sent_boot=BOOT))
    sender.boot, sender.clock, sender.offset_ms = BOOT, "synced", T + HOUR - MINUTE
    sender.add(temperature(3.0, MINUTE))
    record.send(sender.batch(40, sent_ms=MINUTE))
    ((said,),) = record.rows("SELECT text FROM alert WHERE event = 'late'")
    assert "Chiller 1, perkiraan " in str(said)


def test_a_late_fault_that_lasts_pages_once(tmp_path: Path) -> None:
    """The probe broke during the outage and is still broken: the first report of now pages, once, also after a restart;
    its end is then told. One that ended during the outage pages nobody and ends in silence."""
    record = Straight(tmp_path / "pawon.db")
    for name, lasts in (("chiller-1", True), ("chiller-2", False)):
        sender = Sender(spool=("1" if lasts else "2") * 20)
        sender.add(SensorFault(at_ms=MINUTE, sensor=name, fault="disconnected"))
        sender.add(SensorFault(at_ms=2 * MINUTE, sensor=name, fault="disconnected", cleared=not lasts))
        record.now_ms = T + 5 * HOUR
        record.send(sender.batch(sent_ms=5 * HOUR))
        events = f"SELECT event, text FROM alert WHERE incident LIKE 'gw-1.{sender.spool}%' AND event <> 'late'"
        assert record.rows(events) == []
        for n in range(3):
            cleared = lasts and n == 2
            row = SensorFault(at_ms=5 * HOUR + n, sensor=name, fault="disconnected", cleared=cleared)
            first = len(sender.add(row if lasts else temperature(3.0, 5 * HOUR + n, name)).rows)
            record.load()
            record.send(sender.batch(first, sent_ms=5 * HOUR + n))
        said = [
            ("opened", f"Sensor rusak: {'Chiller 1'} (kabel sensor lepas). Ukur manual tiap 30 menit."),
            ("closed", "Sensor bekerja lagi: Chiller 1."),
        ]
        assert record.rows(f"{events} ORDER BY event DESC") == (said if lasts else [])
    assert same(record)


def test_every_fault_is_told_in_plain_words(tmp_path: Path) -> None:
    """No alert names a fault by its wire name where a word for it exists; an unknown one is shown as named."""
    record = Straight(tmp_path / "pawon.db")
    words = fault_words(str)
    sender = Sender()
    for n, name in enumerate([*FAULTS, "odd_thing"]):
        sender.add(SensorFault(at_ms=n, sensor="chiller-1", fault=name))
        sender.add(SensorFault(at_ms=n, sensor="chiller-1", fault=name, cleared=True))
    record.send(sender.batch(sent_ms=100))
    said = [str(text) for (text,) in record.rows("SELECT text FROM alert WHERE event = 'opened'")]
    for name in FAULTS:
        assert f"Sensor rusak: Chiller 1 ({words[name]}). Ukur manual tiap 30 menit." in said
    assert any("(odd thing)" in text for text in said)


def late_day(record: Straight, sender: Sender, hour: int) -> None:
    """An excursion and a fault that are over, then a fault that lasts, all an hour old; then a row of now."""
    first, at = len(sender.rows) + 1, hour * HOUR
    sender.add(*(temperature(9.0, at + m * MINUTE) for m in range(20)))
    sender.add(*(temperature(3.0, at + m * MINUTE) for m in range(20, 40)))
    sender.add(SensorFault(at_ms=at + 41 * MINUTE, sensor="chiller-2", fault="crc"))
    record.now_ms = T + at + 5 * HOUR
    record.send(sender.batch(first, sent_ms=at + 5 * HOUR))
    first = len(sender.rows) + 1
    sender.add(temperature(3.0, at + 5 * HOUR))
    sender.add(SensorFault(at_ms=at + 5 * HOUR, sensor="chiller-2", fault="crc"))
    sender.add(temperature(3.0, at + 5 * HOUR, "chiller-2"))
    record.send(sender.batch(first, sent_ms=at + 5 * HOUR))


def test_what_was_told_in_the_old_way_is_derived_in_the_old_way(tmp_path: Path) -> None:
    """A store whose configuration is of the edition before: its late incidents were told one by one, its faults by
    their wire names. After the new program took over the same store, ``rebuild`` finds no difference in what was told
    before or since, and ``--repair`` finds nothing to send again."""
    record = Straight(tmp_path / "pawon.db", OLD_BOOK)
    sender = Sender()
    late_day(record, sender, 0)
    old = record.rows("SELECT event, text FROM alert ORDER BY id")
    last = len(sender.rows)
    assert ("late", "Sensor rusak: Chiller 2 (crc). Ukur manual tiap 30 menit.") in old
    assert [event for event, _ in old if event == "opened"] == []
    assert sorted(event for event, _ in old) == ["closed", "closed", "late", "late"]
    assert same(record)
    record.send_alerts(10)
    record.configure(BOOK)
    assert [row for row in record.rows("SELECT event, text FROM alert ORDER BY id") if row in old] == old
    late_day(record, sender, 10)
    new = [(event, said) for name, event, said in record.rows("SELECT id, event, text FROM alert ORDER BY id")
           if int(str(name).split(".")[2]) > last]  # fmt: skip
    assert sorted(str(event) for event, _ in new) == ["closed", "late", "opened"]
    assert any("2 masalah baru diketahui" in str(said) for _, said in new)
    assert ("opened", "Sensor rusak: Chiller 2 (sinyal sensor rusak). Ukur manual tiap 30 menit.") in new
    assert same(record)
    assert not repair(record.store, "dapur-uji", tmp_path, 1).repaired
    record.close()


@pytest.mark.parametrize("paged", [True, False])
def test_what_was_paged_before_a_restore_is_not_told_as_late(tmp_path: Path, paged: bool) -> None:
    """Its gateway sends it again as a backlog: who was paged needs no summary, but is told that it is over."""
    record = Straight(tmp_path / "pawon.db")
    sender = Sender().add(*(temperature(9.0, m * MINUTE) for m in range(20)))
    sender.add(*(temperature(3.0, m * MINUTE) for m in range(20, 40)), temperature(3.0, 5 * HOUR))
    name = f"gw-1.{sender.spool}.16.chiller-very-hot"
    if paged:
        sent = AlertSent(alert=f"{name}.opened", channel="log", sent_ms=T)
        record.own("restored", msgspec.json.encode(Restored(epoch="00", sent=[sent])))
    record.now_ms = T + 5 * HOUR
    record.send(sender.batch(sent_ms=5 * HOUR))
    assert record.rows("SELECT incident, event FROM alert") == [(name, "closed" if paged else "late")]
    assert same(record)
