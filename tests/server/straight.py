"""The record's way in without thread, queue and clock: for tests that make many stores. Not a test by itself."""

from __future__ import annotations

import msgspec
from sqlalchemy import text
from tests.server.conftest import BOOK

from pawon_contract.messages import Committed
from pawon_server.acts import AnyAct, encode_act
from pawon_server.ingest.acceptance import Acceptance, Incoming, OwnEntry
from pawon_server.ingest.writer import Step
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.context import Changes
from pawon_server.projections.minutes import Compacted
from pawon_server.projections.projector import AlertSent, Restored
from pawon_server.record.replay import Replayed, replay_quarantine
from pawon_server.record.sealing import Job, prepare, put_in
from pawon_server.record.upkeep import taken_out
from pawon_server.rulebook import Rulebook, encode
from pawon_server.store.address import Address
from pawon_server.store.database import open_store, open_to_read
from pawon_server.store.journal import MAX_ID


class Straight:
    """A store and what the writer would do with it, one call a transaction."""

    def __init__(self, address: Address, book: Rulebook = BOOK) -> None:
        self.store = open_store(address)
        self.now_ms = 1_760_000_000_000
        self.load()
        self.configure(book)

    def load(self) -> None:
        """As after a restart."""
        self.acceptance = Acceptance("dapur-uji", self.store.epoch, lambda: self.now_ms)
        with self.store.reader.connect() as connection:
            self.acceptance.load(connection)

    def configure(self, book: Rulebook) -> None:
        """Put settings and profile in force."""
        self.own("config", encode(book.settings))
        self.own("profile", encode(book.profile))

    def own(self, kind: str, payload: bytes) -> None:
        """One entry of the server's own."""
        with self.store.writer.begin() as connection:
            self.acceptance.own(connection, OwnEntry(kind=kind, payload=payload), Changes())  # type: ignore[arg-type]  # literals
            self.acceptance.flush(connection)

    def write(self, act: AnyAct) -> Written | Refusal:
        """What a person wrote."""
        with self.store.writer.begin() as connection:
            answer = self.acceptance.act(connection, encode_act(act), Changes())
            self.acceptance.flush(connection)
        return answer

    def send(self, *payloads: bytes, project: bool = True, commit: bool = True) -> Committed | None:
        """Payloads of gw-1 in one transaction; the last answer. Without ``commit`` the store fails at the end."""
        answer = None
        connection = self.store.writer.connect()
        with connection, connection.begin() as transaction:
            for payload in payloads:
                message = Incoming(gateway="gw-1", payload=payload, received_ms=self.now_ms)
                answer = self.acceptance.incoming(connection, message, Changes(), project=project)[0].message
            self.acceptance.flush(connection)
            if not commit:
                transaction.rollback()
        if not commit:
            with self.store.reader.connect() as reading:
                self.acceptance.load(reading)
        return answer

    def look_at_clock(self) -> None:
        """Silence is declared and ended."""
        with self.store.writer.begin() as connection:
            self.acceptance.look_at_clock(connection, Changes())
            self.acceptance.flush(connection)

    def send_alerts(self, most: int = 3) -> int:
        """Some of the alerts that are due have gone out."""
        due = self.rows("SELECT id FROM alert WHERE sent_ms IS NULL ORDER BY created_ms, id LIMIT :n", n=most)
        for (name,) in due:
            self.own("alert_sent", msgspec.json.encode(AlertSent(alert=str(name), channel="log", sent_ms=self.now_ms)))
        return len(due)

    def restored(self) -> None:
        """As if a backup had been put in place that lacks the newest alerts' marks."""
        rows = self.rows("SELECT id FROM alert ORDER BY id DESC LIMIT 2")
        sent = [AlertSent(alert=str(name), channel="log", sent_ms=self.now_ms) for (name,) in rows]
        sent.append(AlertSent(alert="gw-1.not-yet-there.opened", channel="log", sent_ms=1))
        self.own("restored", msgspec.json.encode(Restored(epoch="00", sent=sent)))

    def replay(self, book: Rulebook, wanted: tuple[int, int | None] | None = None) -> Replayed:
        """Try the quarantine again by ``book``."""
        result = replay_quarantine(self.store, book, lambda: self.now_ms, wanted)
        self.load()
        return result

    def step(self, work: Step) -> None:
        """One step of the upkeep."""
        with self.store.writer.begin() as connection:
            work(connection, self.acceptance)
            self.acceptance.flush(connection)

    def seal(self, rows: int = 25_000, *, take_out: int = MAX_ID) -> int:
        """Seal the next run of so many rows, and take its batches out of the journal's table as far as ``take_out``
        of them; how many rows were sealed. None in a database, whose journal refuses every deletion."""
        if self.store.shared:
            return 0
        job = Job(store=str(self.store.address), kitchen="dapur-uji", before_ms=MAX_ID, patience_ms=MAX_ID)
        reader = open_to_read(self.store.address)
        answer = prepare(reader, job, max_rows=rows)
        reader.dispose()
        assert answer.finding is None, answer.finding.text()
        if answer.prepared is None:
            return 0
        self.step(put_in(answer.prepared))
        ids = self.rows("SELECT id FROM journal WHERE kind = 'batch' AND id <= :upto ORDER BY id LIMIT :n",
                        upto=answer.prepared.head.last_id, n=take_out)  # fmt: skip
        if ids:
            self.step(taken_out(int(str(ids[0][0])), int(str(ids[-1][0]))))
        return answer.prepared.head.rows

    def compact(self, sensor: str, start_ms: int, end_ms: int) -> None:
        """Make a stretch of a sensor's readings minutes."""
        self.own("compacted", msgspec.json.encode(Compacted(sensor=sensor, start_ms=start_ms, end_ms=end_ms)))

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        """Ask the store."""
        with self.store.reader.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def close(self) -> None:
        """Give the file back."""
        self.store.close()
