"""The server put together: which thread does what.

Threads: the writer (journal and projections), the broker's client, the alert sender, the exporter, the upkeep of old
data, the embedded broker where there is one; the pages have the main thread's event loop. They meet in two places: the
writer's bounded queue on the way in, the board on the way out.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from pawon_contract.broker import BrokerAddress, parse_broker

from . import VERSION
from .alerting.sender import AlertSender, LogChannel
from .config import ServerConfig, secret, store_address
from .export.influx import InfluxExporter
from .ingest.embedded_broker import EmbeddedBroker
from .ingest.share import ALERTS, EXPORT, Share, name_worker
from .ingest.subscriber import Subscriber
from .ingest.writer import Writer
from .projections.context import Changes
from .projections.projector import Projector
from .projections.readings import CLOCK_STEP_MS
from .record.derive import derive_after_upgrade
from .record.upkeep import Upkeep
from .rulebook import Rulebook
from .store.database import Store, open_store, session_key
from .web.app import make_app
from .web.board import Board
from .web.desk import Desk
from .web.events import Hub

# How long open streams may keep the server from ending.
GRACE_S = 3


class _Pages(uvicorn.Server):
    """uvicorn, which first waits for open streams and only then says that it ends; here they are ended first."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._hub.stop()
        await super().shutdown(sockets)


class Server:
    """Everything of one ``pawon-server serve``. Raises ``StoreError`` or ``OSError`` when it cannot begin."""

    def __init__(self, config: ServerConfig, path: Path, *, demo: bool) -> None:
        self._config = config
        self._book = Rulebook(settings=config.settings(), profile=config.rules())
        address = broker_address(config, path)
        self._exporter_token = secret(path, "influx.token_file", config.influx.token_file) if config.influx else ""
        self._store: Store = open_store(store_address(config, path))
        derive_after_upgrade(self._store, config.kitchen, time.time_ns() // 1_000_000)
        gateways = frozenset(row.id for row in config.gateway)
        self._share: Share | None = None
        if self._store.shared:
            self._share = Share(
                config.kitchen, name_worker(), gateways, (ALERTS, EXPORT) if config.influx else (ALERTS,),
                told=lambda names: self._subscriber.take(names),
            )  # fmt: skip
        self._embedded = EmbeddedBroker(address.host, address.port) if config.broker == "embedded" else None
        self._hub = Hub()
        self._board = Board(self._book, self._store.reader, demo=demo, emit=self._hub.publish)
        self._writer = Writer(
            self._store, self._book, gateways, answer=lambda reply: self._subscriber.answer(reply),
            changed=self._changed, died=self._give_up, share=self._share,
        )  # fmt: skip
        self._alerts = AlertSender(
            self._store.reader, config.kitchen, [LogChannel()], self._writer.submit, self._on_duty(ALERTS)
        )
        self._subscriber = Subscriber(
            config.kitchen, address, on_log=self._writer.put, on_live=self._board.heard_live,
            on_status=self._board.heard_status, worker=None if self._share is None else self._share.worker,
        )  # fmt: skip
        self._exporter = self._make_exporter()
        # A database server's own tools look after its size, and its journal refuses every deletion.
        self._upkeep: Upkeep | None = None
        if isinstance(self._store.address, Path):
            self._upkeep = Upkeep(
                self._store.reader, self._store.address, config.kitchen, config.timezone,
                seal_after_days=config.keep.seal_after_days, raw_days=config.keep.raw_days,
                step=self._writer.run_step, exported=None if self._exporter is None else self._exported,
            )  # fmt: skip
        self._started = time.monotonic()
        self._app = make_app(
            version=VERSION, reader=self._store.reader, book=self._book, board=self._board, hub=self._hub,
            health=self.health, metrics=self.metrics,
            desk=Desk(self._store.reader, config.kitchen, session_key(self._store), self._writer.write),
            forum_needs=config.forum.needs,
        )  # fmt: skip
        self._gave_up = False
        self._pages = _Pages(
            uvicorn.Config(
                self._app, host=config.http.host, port=config.http.port, log_config=None, access_log=False,
                timeout_graceful_shutdown=GRACE_S, server_header=False,
            ),
            self._hub,
        )  # fmt: skip

    def serve(self) -> int:
        """Run until a signal ends it: 0; or until the writer has died, for which nothing helps but a restart: 1."""
        # uvicorn has handlers of its own while it runs and then raises the signals again; before and after it, these.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._end())
        if self._embedded is not None:
            self._embedded.start()
        self._writer.start()
        self._board.load(self._writer.projector)
        self._alerts.start()
        if self._upkeep is not None:
            self._upkeep.start()
        self._subscriber.start()
        exporting: threading.Thread | None = None
        if self._exporter is not None:
            exporting = threading.Thread(target=self._exporter.run, name="influx", daemon=True)
            exporting.start()
        try:
            self._pages.run()
        finally:
            if self._exporter is not None:
                self._exporter.stop()
            self._subscriber.stop()
            self._alerts.stop()
            if self._upkeep is not None:
                self._upkeep.stop()
            if exporting is not None:
                exporting.join(timeout=5)
            self._writer.stop()  # last: it gives back what another worker may then take
            if self._embedded is not None:
                self._embedded.stop()
            self._store.close()
        return int(self._gave_up)

    def health(self) -> dict[str, object]:
        """Whether data can come in and be kept."""
        ok = (
            self._writer.alive and self._writer.storing and self._subscriber.connected and self._alerts.alive
        )  # fmt: skip
        worker: dict[str, object] = {}
        if self._share is not None:
            apart = abs(self._share.ahead_ms) > CLOCK_STEP_MS
            ok = ok and not apart
            worker = {
                "worker": self._share.worker, "gateways": sorted(self._share.gateways),
                "clock": f"{self._share.ahead_ms / 1000:.1f} s ahead of the database's: put it right" if apart
                else "agrees with the database's",
            }  # fmt: skip
        return {
            "ok": ok, "version": VERSION, "kitchen": self._config.kitchen, "profile": self._book.profile.id,
            "writer": "runs" if self._writer.alive else "has ended: restart the server",
            "store": "takes data" if self._writer.storing else "cannot be written: see the log",
            "alerts": "runs" if self._alerts.alive else "has ended: restart the server",
            "broker": "connected" if self._subscriber.connected else "not connected",
            "epoch": self._store.epoch, **worker,
        }  # fmt: skip

    def metrics(self) -> dict[str, float]:
        """Counters and gauges for a monitoring system."""
        values: dict[str, float] = {
            "pawon_uptime_seconds": time.monotonic() - self._started,
            "pawon_broker_connected": float(self._subscriber.connected),
            "pawon_ingest_batches_total": self._writer.committed_batches,
            "pawon_ingest_rows_total": self._writer.committed_rows,
            "pawon_ingest_failures_total": self._writer.failures,
            "pawon_ingest_overflow_total": self._writer.overflowed,
            "pawon_ingest_waiting": self._writer.waiting,
            "pawon_ingest_unknown_gateway_total": sum(self._writer.unknown_gateways.values()),
            "pawon_live_unreadable_total": self._board.unreadable_live,
            "pawon_screens": self._hub.screens,
            "pawon_screens_resynchronised_total": self._hub.resynchronised,
        }
        if self._upkeep is not None:
            values["pawon_upkeep_steps_total"] = self._writer.steps
            values["pawon_upkeep_failures_total"] = self._upkeep.failures
            values["pawon_sealed_rows_total"] = self._upkeep.sealed_rows
            values["pawon_compacted_slices_total"] = self._upkeep.compacted_slices
            values["pawon_old_readings_left_raw"] = self._upkeep.left_raw
        if self._share is not None:
            values["pawon_ingest_gateways"] = len(self._share.gateways)
            values["pawon_ingest_not_ours_total"] = self._writer.not_ours
            values["pawon_clock_ahead_of_database_seconds"] = self._share.ahead_ms / 1000
        if self._exporter is not None:
            values["pawon_export_lag_entries"] = self._exporter.status.lag_entries
            values["pawon_export_failures_total"] = self._exporter.status.failures_total
        return values

    def _exported(self) -> int:
        assert self._exporter is not None, "asked only where there is one"
        return self._exporter.status.cursor

    def _changed(self, changes: Changes, projector: Projector) -> None:
        self._board.committed(changes, projector)
        if changes.alerts:
            self._alerts.wake()

    def _end(self) -> None:
        self._pages.should_exit = True

    def _give_up(self) -> None:
        """The writer died by a bug. A server that cannot keep data must not look alive: its service manager restarts
        it, and the gateways still have everything."""
        self._gave_up = True
        self._end()

    def _on_duty(self, duty: str) -> Callable[[], bool]:
        share = self._share
        return (lambda: True) if share is None else (lambda: share.has(duty))

    def _make_exporter(self) -> InfluxExporter | None:
        influx = self._config.influx
        if influx is None:
            return None
        return InfluxExporter(
            self._store.reader, kitchen=self._config.kitchen, url=influx.url, org=influx.org, bucket=influx.bucket,
            token=self._exporter_token, profile=self._book.profile,
            sensors={sensor.id: (sensor.name, sensor.point) for sensor in self._config.sensor},
            on_duty=self._on_duty(EXPORT),
        )  # fmt: skip


def broker_address(config: ServerConfig, path: Path) -> BrokerAddress:
    """Where the broker is; the password comes from its own file and goes nowhere else."""
    password = None
    if config.broker_password_file is not None:
        password = secret(path, "broker_password_file", config.broker_password_file)
    if config.broker == "embedded":
        host, _, port = config.embedded_listen.rpartition(":")
        return BrokerAddress(host=host, port=int(port))
    ca_file = None if config.broker_ca_file is None else str(config.broker_ca_file)
    return parse_broker(config.broker, user=config.broker_user, password=password, ca_file=ca_file)
