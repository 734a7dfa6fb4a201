"""Sends alert rows that have not gone out, and journals that they have.

Delivery is at least once: a crash between sending and journalling sends again, because a doubled alarm is better than
a missing one. Of several workers of a kitchen the one whose duty it is sends. Channels of this version: the log.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from ..projections.projector import AlertSent
from ..store.journal import EntryKind
from ..store.tables import alert

log = logging.getLogger(__name__)
alarm_log = logging.getLogger("pawon.alarm")

AT_ONCE = 50
LOOK_EVERY_S = 5.0


class Channel(Protocol):
    """A way to reach somebody. ``send`` raises ``OSError`` when the world fails; the alert stays due."""

    name: str

    def send(self, event: str, text: str) -> None:
        """Deliver one message."""
        ...


class LogChannel:
    """Alarms as log lines: for the demonstration, and as the last record when nothing else works."""

    name = "log"

    def send(self, event: str, text: str) -> None:
        """Write it down at the level it deserves."""
        alarm_log.log(logging.WARNING if event == "opened" else logging.INFO, "%s: %s", event, text)


class AlertSender:
    """A thread that looks for due alerts when woken and every few seconds."""

    def __init__(
        self, reader: Engine, kitchen: str, channels: list[Channel], submit: Callable[[EntryKind, bytes], None],
        on_duty: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self._reader, self._kitchen, self._channels, self._submit = reader, kitchen, channels, submit
        self._on_duty = on_duty
        self._wake = threading.Event()
        self._stop = threading.Event()
        # Sent and handed to the journal, but perhaps not committed yet.
        self._handed: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="alert-sender", daemon=True)

    def start(self) -> None:
        """Begin; what was due before a restart goes out now."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(timeout=LOOK_EVERY_S)
            self._wake.clear()
            if not self._on_duty():
                continue
            try:
                due = self._due()
            except SQLAlchemyError as error:
                log.error("the store cannot be read; alerts wait: %s", error)
                continue
            for row in due:
                # Asked before each: a worker that was paused in between is not on duty any more.
                if not self._stop.is_set() and self._on_duty():
                    self._send(row.id, row.event, row.text)

    def _due(self) -> list[Any]:
        with self._reader.connect() as connection:
            rows = connection.execute(
                select(alert.c.id, alert.c.event, alert.c.text)
                .where(alert.c.kitchen == self._kitchen, alert.c.sent_ms.is_(None))
                .order_by(alert.c.created_ms, alert.c.id)
                .limit(AT_ONCE + len(self._handed))
            ).all()
        waiting = {row.id for row in rows}
        self._handed &= waiting
        return [row for row in rows if row.id not in self._handed]

    def _send(self, alert_id: str, event: str, text: str) -> None:
        for channel in self._channels:
            try:
                channel.send(event, text)
            except OSError as error:
                log.error("channel %s could not send: %s", channel.name, error)
                continue
            except Exception:
                # A bug in one channel may keep no alarm from the next one.
                log.exception("channel %s has failed", channel.name)
                continue
            sent = AlertSent(alert=alert_id, channel=channel.name, sent_ms=time.time_ns() // 1_000_000)
            try:
                self._submit("alert_sent", msgspec.json.encode(sent))
            except queue.Full:
                log.error("alert %s went out but the journal is overwhelmed; it will go out again", alert_id)
                return
            self._handed.add(alert_id)
            return
