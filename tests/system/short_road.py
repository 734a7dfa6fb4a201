"""The road without its devices, in one process: real spools and publishers, a real mosquitto, a real writer and store.

What a gateway's card and the server's record do to each other can be played within seconds. Not a test by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text
from tests.server.conftest import BOOK
from tests.server.test_subscriber import Mosquitto

from pawon_contract import codec
from pawon_contract.broker import BrokerAddress
from pawon_contract.messages import GatewayStatus, Reading
from pawon_edge.clock import Offset
from pawon_edge.spool import Spool
from pawon_edge.uplink.publisher import Publisher
from pawon_edge.uplink.role import Primary, Role, Witness
from pawon_server.ingest.acceptance import Reply
from pawon_server.ingest.subscriber import Subscriber
from pawon_server.ingest.writer import Writer
from pawon_server.rulebook import Rulebook
from pawon_server.store.database import Store, open_store

BOOT = "3b3fa94b-cab1-4b42-8e06-9e3512dfe0a6"
KITCHEN = BOOK.settings.kitchen


def until(condition: Callable[[], object], what: Callable[[], object], within_s: float = 30) -> None:
    """Wait for the programs, not for a time; ``what`` says what was found instead."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)


class Now:
    """This machine's monotonic time."""

    def monotonic_ms(self) -> int:
        """Milliseconds."""
        return time.monotonic_ns() // 1_000_000


class Gateway:
    """One card in one gateway: its spool, its uplink to the primary at ``port`` and to witnesses at other ports."""

    def __init__(self, card: Path, port: int, *, witnesses: tuple[int, ...] = (), quota_rows: int = 10**6) -> None:
        self.spool = Spool(card / "spool.db")
        offset_ms = time.time_ns() // 1_000_000 - Now().monotonic_ms()
        roles: list[Role] = [Primary(self.spool, lambda *_: None)]
        roles += [Witness(f"witness-{number}", self.spool, quota_rows) for number, _ in enumerate(witnesses)]
        self.uplinks = [
            Publisher(
                kitchen=KITCHEN, gateway="gw-1", boot=BOOT, broker=BrokerAddress(host="127.0.0.1", port=at),
                spool=self.spool, clock=Now(), role=role, status=lambda online, _: GatewayStatus(online=online),
                offset_of=lambda _: Offset(offset_ms=offset_ms, quality="synced", error_ms=50),
            )
            for role, at in zip(roles, (port, *witnesses), strict=True)
        ]  # fmt: skip
        for uplink in self.uplinks:
            uplink.start()

    def accept(self, values: list[float]) -> None:
        """Readings go into the spool, as the gateway commits them."""
        for value in values:
            row = Reading(at_ms=Now().monotonic_ms(), sensor="chiller-1", quantity="temperature_c", value=value)
            self.spool.append(BOOT, [codec.encode_item(row)])
            for uplink in self.uplinks:
                uplink.wake()

    def accept_at_once(self, values: list[float]) -> None:
        """Many readings in one commit, a second apart: a backlog."""
        rows = [
            Reading(at_ms=n * 1000, sensor="chiller-1", quantity="temperature_c", value=value)
            for n, value in enumerate(values)
        ]
        self.spool.append(BOOT, [codec.encode_item(row) for row in rows])

    def drained(self) -> bool:
        """Whether the server has said that it has every row."""
        return self.spool.proven and self.spool.upto == self.spool.last

    def stop(self) -> None:
        """Power off."""
        for uplink in self.uplinks:
            uplink.stop()
        self.spool.close()


@dataclass
class Server:
    """The server's side on one store, and everything it answered."""

    folder: Path
    port: int
    book: Rulebook = BOOK
    answers: list[Reply] = field(default_factory=list)
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = open_store(self.folder / "pawon.db")
        self.writer = Writer(self.store, self.book, frozenset({"gw-1"}), answer=self._answer, changed=lambda *_: None)
        self.writer.start()
        self._subscriber = Subscriber(
            KITCHEN, BrokerAddress(host="127.0.0.1", port=self.port), on_log=self.writer.put,
            on_live=lambda *_: None, on_status=lambda *_: None,
        )  # fmt: skip
        self._subscriber.start()
        until(lambda: self._subscriber.connected, lambda: "the server does not reach the broker")

    def _answer(self, reply: Reply) -> None:
        self.answers.append(reply)
        self._subscriber.answer(reply)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the store."""
        with self.store.reader.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def values(self) -> list[float]:
        """Every reading stored, in the order of their coming."""
        return [float(str(row[0])) for row in self.rows("SELECT value FROM reading ORDER BY journal_id, sequence")]

    def stop(self) -> None:
        """End it."""
        self._subscriber.stop()
        self.writer.stop()
        self.store.close()


__all__ = ["BOOT", "KITCHEN", "Gateway", "Mosquitto", "Now", "Server", "until"]
