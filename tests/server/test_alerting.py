"""Alerts: a row before it is a message, sent once, and due until somebody took it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import msgspec
import pytest
from sqlalchemy import text
from tests.server.conftest import Bench, on_sqlite
from tests.server.sender import Sender, temperature

from pawon_contract.messages import SensorFault
from pawon_server.alerting import sender as alerting
from pawon_server.alerting.sender import AlertSender

MINUTE = 60_000


@dataclass
class Telephone:
    """A channel that keeps what it was given. ``trouble`` is raised instead while it is set."""

    name: str = "telephone"
    trouble: Exception | None = None
    tried: int = 0
    sent: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, event: str, text: str) -> None:
        """Take one message."""
        with self._lock:
            self.tried += 1
            if self.trouble is not None:
                raise self.trouble
            self.sent.append((event, text))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks often, so that a retry is a matter of moments."""
    monkeypatch.setattr(alerting, "LOOK_EVERY_S", 0.02)


def begin(bench: Bench, *channels: Telephone) -> AlertSender:
    """An alert sender on the bench's store and journal."""
    made = AlertSender(bench.store.reader, "dapur-uji", list(channels), bench.writer.submit)
    made.start()
    return made


def excursion(bench: Bench, sent_ms: int | None = None) -> Sender:
    """Twenty minutes at 9 C; by default each reading comes as it is taken."""
    sender = Sender().add(*(temperature(9.0, n * MINUTE) for n in range(20)))
    for n in range(1, 21):
        bench.send(sender.batch(n, n, sent_ms=(n - 1) * MINUTE if sent_ms is None else sent_ms))
    return sender


def unsent(bench: Bench) -> object:
    """How many alerts are still due."""
    return bench.value("SELECT count(*) FROM alert WHERE sent_ms IS NULL")


def test_an_alert_goes_out_once_and_is_journalled(bench: Bench) -> None:
    """The message says what, where and what to do; that it went out is a journalled fact; a restart repeats nothing."""
    telephone = Telephone()
    sending = begin(bench, telephone)
    excursion(bench)
    bench.until(lambda: unsent(bench) == 0, "the alert to be journalled as sent")
    sending.stop()
    ((event, said),) = telephone.sent
    assert event == "opened"
    assert said.startswith("Chiller sangat panas: Chiller 1 9 C (batas 8 C). Pindahkan bahan")
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'alert_sent'") == 1
    assert bench.rows("SELECT channel, sent_ms IS NOT NULL FROM alert") == [("telephone", 1)]
    bench.restart()
    again = begin(bench, telephone)
    fault = Sender(spool="e" * 20).add(SensorFault(at_ms=1, sensor="chiller-2", fault="stuck"))
    bench.send(fault.batch(sent_ms=1))
    bench.until(lambda: unsent(bench) == 0, "the next alert to go out")
    again.stop()
    assert [said.split(":")[0] for _, said in telephone.sent] == ["Chiller sangat panas", "Sensor rusak"]


def test_what_was_due_at_a_restart_goes_out_then(bench: Bench) -> None:
    """An alert raised while nobody could send it is sent by the next start, once."""
    excursion(bench)
    bench.restart()
    telephone = Telephone()
    sending = begin(bench, telephone)
    bench.until(lambda: unsent(bench) == 0, "the alert to go out")
    sending.stop()
    assert len(telephone.sent) == 1


@pytest.mark.parametrize("trouble", [OSError("no network"), RuntimeError("a bug in the channel")])
def test_a_failing_channel_keeps_the_alert_due(bench: Bench, trouble: Exception) -> None:
    """It is tried again until it goes out; nothing is journalled as sent that was not."""
    telephone = Telephone(trouble=trouble)
    sending = begin(bench, telephone)
    excursion(bench)
    bench.until(lambda: telephone.tried >= 3, "three attempts")
    assert sending.alive
    assert unsent(bench) == 1
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'alert_sent'") == 0
    telephone.trouble = None
    bench.until(lambda: unsent(bench) == 0, "the alert to go out")
    sending.stop()
    assert len(telephone.sent) == 1


def test_another_channel_takes_what_one_cannot(bench: Bench) -> None:
    """The first that works carries the alarm, and its name is kept."""
    broken, works = Telephone(name="broken", trouble=OSError("no credit")), Telephone(name="works")
    sending = begin(bench, broken, works)
    excursion(bench)
    bench.until(lambda: unsent(bench) == 0, "the alert to go out")
    sending.stop()
    assert (len(works.sent), bench.value("SELECT channel FROM alert")) == (1, "works")


def test_a_store_that_cannot_be_read_does_not_end_the_sender(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The table is gone and comes back: the alarm goes out then."""
    excursion(bench)
    with bench.store.writer.begin() as connection:
        connection.execute(text("ALTER TABLE alert RENAME TO hidden"))
    telephone = Telephone()
    sending = begin(bench, telephone)
    bench.until(lambda: "cannot be read" in caplog.text, "a look at the store")
    with bench.store.writer.begin() as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO alert"))
    bench.until(lambda: unsent(bench) == 0, "the alert to go out")
    sending.stop()
    assert len(telephone.sent) == 1


@on_sqlite
def test_a_fact_of_sending_survives_the_end_of_the_writer_and_a_full_disk(bench: Bench) -> None:
    """Handed to the journal at the very end, or while the store refuses: it is not forgotten, nothing doubles."""
    telephone = Telephone()
    excursion(bench)
    with bench.store.writer.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    sending = begin(bench, telephone)
    bench.until(lambda: len(telephone.sent) == 1, "the alert to go out")
    sender = Sender(spool="e" * 20).add(*(temperature(3, n) for n in range(2000)))
    bench.writer.put("gw-1", sender.batch())
    bench.until(lambda: bench.writer.failures > 0, "the store to refuse")
    sending.stop()
    with bench.store.writer.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1000000"))
    bench.restart()
    assert bench.value("SELECT count(*) FROM journal WHERE kind = 'alert_sent'") == 1
    assert unsent(bench) == 0


def test_news_of_the_past_pages_nobody_as_now(bench: Bench) -> None:
    """A backlog with an excursion that is over: silence while it drains, then one summary and nothing else."""
    telephone = Telephone()
    sending = begin(bench, telephone)
    sender = Sender().add(*(temperature(9.0 if n < 20 else 3.0, n * MINUTE) for n in range(40)))
    bench.send(sender.batch(sent_ms=24 * 60 * MINUTE))
    assert bench.rows("SELECT event FROM alert") == []
    sender.add(temperature(3.0, 24 * 60 * MINUTE))
    bench.send(sender.batch(41, sent_ms=24 * 60 * MINUTE))
    bench.until(lambda: unsent(bench) == 0, "everything to go out")
    sending.stop()
    assert telephone.sent == [
        (
            "late",
            "1 masalah baru diketahui dari data tertunda: Chiller 1, 9 Okt 15:53 sampai 9 Okt 16:18, "
            "terburuk Chiller 1 9 C (batas 8 C). Semua sudah selesai. Periksa bahan yang terkena dan catat.",
        )
    ]


def test_what_is_still_wrong_when_a_backlog_is_drained_pages_once_as_now(bench: Bench) -> None:
    """The excursion began during an outage and lasts: the first reading of now pages, also after a restart, once."""
    sender = Sender().add(*(temperature(9.0, n * MINUTE) for n in range(60)))
    bench.send(sender.batch(1, 50, sent_ms=60 * MINUTE))
    events = "SELECT event FROM alert WHERE incident LIKE '%.chiller-very-hot' ORDER BY event"
    assert bench.rows(events) == []
    bench.restart()
    bench.send(sender.batch(51, 60, sent_ms=60 * MINUTE))
    assert bench.rows(events) == [("opened",)]
    sender.add(temperature(9.0, 60 * MINUTE))
    bench.restart()
    bench.send(sender.batch(61, 61, sent_ms=60 * MINUTE))
    assert bench.rows(events) == [("opened",)]
    assert bench.value("SELECT count(*) FROM alert WHERE event = 'late'") == 0


def test_an_alert_is_raised_once_whatever_is_sent_again(bench: Bench) -> None:
    """Resends, overlaps and restarts in the middle: one incident, one alert."""
    sender = excursion(bench)
    for first in (1, 10, 20):
        bench.send(sender.batch(first, 20, sent_ms=19 * MINUTE))
        bench.restart()
    sender.add(SensorFault(at_ms=20 * MINUTE, sensor="chiller-2", fault="stuck"))
    bench.send(sender.batch(21, 21, sent_ms=20 * MINUTE))
    bench.send(sender.batch(21, 21, sent_ms=20 * MINUTE))
    assert bench.rows("SELECT event, count(*) FROM alert GROUP BY event") == [("opened", 2)]


def test_a_witness_pages_nobody_until_it_is_the_primary(bench: Bench) -> None:
    """A copy's alerts are the primary's to send. When it takes the primary's place, what is open then pages once; what
    was over before does not, and deriving everything again says the same."""
    witness = msgspec.structs.replace(bench.book.settings, witness=True)
    bench.book = msgspec.structs.replace(bench.book, settings=witness)
    bench.restart()
    fault = SensorFault(at_ms=0, sensor="chiller-2", fault="disconnected")
    bench.send(Sender(spool="f" * 20).add(fault, temperature(3, 1_000, "chiller-2")).batch(sent_ms=1_000))
    excursion(bench)
    phone = Telephone()
    assert bench.rows("SELECT channel, count(*) FROM alert GROUP BY channel") == [("witness", 3)]
    bench.book = msgspec.structs.replace(
        bench.book, settings=msgspec.structs.replace(bench.book.settings, witness=False)
    )
    bench.restart()
    sender = begin(bench, phone)
    bench.until(lambda: unsent(bench) == 0, "the alert to go out")
    sender.stop()
    assert [event for event, _ in phone.sent] == ["opened"]
    assert "Chiller 1" in phone.sent[0][1]
    assert phone.tried == 1
