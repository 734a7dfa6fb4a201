"""What the screens show now: the committed record, repainted by the live lane, aged by the server's clock.

``live`` changes a value and its age and nothing else: it opens no incident, and an older value never replaces a newer
one. A tile is never better than its value: a live value beyond a limit is at least a warning, a value past its
validity is no data, whatever the record last said.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine

from pawon_contract import codec
from pawon_contract.messages import VALID_HEARTBEATS, GatewayStatus, Live, LiveValue
from pawon_contract.units import QUANTITIES, implausible
from pawon_food_safety.calibration import NONE, Correction
from pawon_food_safety.rows import Limit

from ..projections.context import Changes
from ..projections.projector import Projector
from ..projections.readings import Newest, believable
from ..rulebook import Rulebook, Sensor
from . import queries
from .view import (
    Batches,
    BatchView,
    Gateways,
    GatewayView,
    Incidents,
    IncidentView,
    Kitchen,
    MovementView,
    Snapshot,
    Stock,
    StockView,
    Tile,
    TileState,
)

MAX_BOOTS_REMEMBERED = 64
# A gateway speaks on the live lane every second; ten missed words are no accident.
QUIET_GATEWAY_MS = 10_000
_NEVER = Newest(
    value=None, low=None, high=None, measured_ms=None, fresh_until_ms=0, valid_ms=0, boot=None, at_ms=None, fault=None
)


@dataclass(slots=True)
class _Shown:
    """One sensor: what the record says, and the live value over it."""

    sensor: Sensor
    stored: Newest = _NEVER
    severity: str = "ok"
    broken: Limit | None = None  # the worst limit that is broken, its delay run out
    correction: Correction = NONE  # of what it measures now
    live: LiveValue | None = None  # as it came
    live_boot: str = ""
    live_taken_ms: int = 0  # by the server's clock
    told_state: TileState | None = None  # by the newest ``tile`` event


@dataclass(slots=True)
class _Heard:
    """One gateway's own words."""

    status: GatewayStatus | None = None
    heard_ms: int | None = None
    told_online: bool | None = None


class Board:
    """Thread-safe. ``emit`` (event name, struct) is called from whichever thread brought the news."""

    def __init__(
        self, book: Rulebook, reader: Engine, *, demo: bool, emit: Callable[[str, msgspec.Struct], None],
        utc_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._book, self._reader, self._emit, self._utc_ms = book, reader, emit, utc_ms
        settings, profile = book.settings, book.profile
        self.kitchen = Kitchen(
            id=settings.kitchen, name=settings.name, timezone=settings.timezone, demo=demo, profile=profile.id,
            profile_version=profile.version,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._shown = {sensor.id: _Shown(sensor=sensor) for sensor in settings.sensors}
        self._heard = {name: _Heard() for name in sorted({sensor.gateway for sensor in settings.sensors})}
        self._boots: dict[str, list[str]] = {}
        self._incidents: list[IncidentView] = []
        self._recent: list[IncidentView] = []
        self._stock: list[StockView] = []
        self._movements: list[MovementView] = []
        self._batches: list[BatchView] = []
        self._rows: dict[str, queries.GatewayRow] = {}
        self.unreadable_live = 0

    # --- news -------------------------------------------------------------------------------------------------------

    def load(self, projector: Projector) -> None:
        """Take up everything from the record; before the first commit."""
        everything = Changes(sensors=set(self._shown), incidents=True, stock=True, gateways=True, batches=True)
        self.committed(everything, projector)

    def committed(self, changes: Changes, projector: Projector) -> None:
        """The record changed. Called by the writer after its commit, in its thread."""
        for name in sorted(changes.sensors):
            shown = self._shown.get(name)
            if shown is None:
                continue
            with self._lock:
                shown.stored = projector.readings.newest(name) or _NEVER
                shown.correction = projector.calibrations.now(name)
                shown.severity, shown.broken = projector.excursions.verdict(self._book, shown.sensor)
                self._repaint(shown, self._utc_ms())
        if not (changes.incidents or changes.stock or changes.gateways or changes.batches):
            return
        with self._reader.connect() as connection:
            if changes.incidents:
                self._incidents, self._recent = queries.incidents_shown(connection, self._book)
                self._emit("incidents", Incidents(incidents=self._incidents, recent_incidents=self._recent))
            if changes.stock:
                self._stock = queries.balances(connection, self._book)
                self._movements = queries.newest_movements(connection, self._book)
                self._emit("stock", Stock(stock=self._stock, movements=self._movements))
            if changes.batches:
                self._batches = queries.batches_shown(connection, self._book, self._utc_ms())
                self._emit("batches", Batches(batches=self._batches))
            if changes.gateways:
                self._rows = queries.gateway_rows(connection, self.kitchen.id)
                self._tell_gateways()

    def heard_live(self, gateway: str, payload: bytes) -> None:
        """A message of the live lane."""
        message = codec.decode(payload, Live)
        if isinstance(message, codec.Unreadable) or gateway not in self._heard:
            self.unreadable_live += 1
            return
        now_ms = self._utc_ms()
        self._heard[gateway].heard_ms = now_ms
        if not self._newest_boot(gateway, message.boot):
            return
        for value in message.values:
            shown = self._shown.get(value.sensor)
            if shown is None or shown.sensor.gateway != gateway:
                continue
            if not _plausible(value, shown.sensor) or value.at_ms > message.sent_ms:
                self.unreadable_live += 1
                continue
            with self._lock:
                if not self._is_newer(shown, message.boot, value.at_ms):
                    continue
                shown.live, shown.live_boot = value, message.boot
                shown.live_taken_ms = now_ms - (message.sent_ms - value.at_ms)
                self._repaint(shown, now_ms)

    def heard_status(self, gateway: str, payload: bytes) -> None:
        """A gateway's birth, its state, or its last will."""
        message = codec.decode(payload, GatewayStatus)
        if isinstance(message, codec.Unreadable) or gateway not in self._heard:
            self.unreadable_live += 1
            return
        heard = self._heard[gateway]
        heard.status, heard.heard_ms = message, self._utc_ms()
        self._tell_gateways()

    def tick(self) -> None:
        """Time passed: values grow old by themselves."""
        now_ms = self._utc_ms()
        for shown in self._shown.values():
            with self._lock:
                if self._tile(shown, now_ms).state != shown.told_state:
                    self._repaint(shown, now_ms)
        if any(self._online(heard, now_ms) != heard.told_online for heard in self._heard.values()):
            self._tell_gateways()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything, now."""
        now_ms = self._utc_ms()
        with self._lock:
            tiles = [self._tile(shown, now_ms) for shown in self._shown.values()]
        return Snapshot(
            kitchen=self.kitchen, now_ms=now_ms, tiles=tiles, incidents=self._incidents,
            recent_incidents=self._recent, movements=self._movements, stock=self._stock, gateways=self.gateways(),
            batches=self._batches,
        )  # fmt: skip

    def measured(self, sensor: str) -> float | None:
        """What a sensor says by itself now, uncorrected; ``None`` when it says nothing that may be believed."""
        shown, now_ms = self._shown.get(sensor), self._utc_ms()
        if shown is None:
            return None
        with self._lock:
            tile = self._tile(shown, now_ms)
            if tile.value is None or tile.state in ("no_data", "fault"):
                return None
            if shown.live is not None and self._covers(shown, shown.live):
                return shown.live.value
            return shown.stored.value if shown.stored.raw is None else shown.stored.raw

    def snapshot_ms(self) -> int:
        """What time it is on the board."""
        return self._utc_ms()

    def gateways(self) -> list[GatewayView]:
        """Every configured gateway."""
        now_ms, out = self._utc_ms(), []
        for name, heard in self._heard.items():
            row, status = self._rows.get(name), heard.status
            out.append(
                GatewayView(
                    gateway=name,
                    online=self._online(heard, now_ms),
                    age_ms=None if heard.heard_ms is None else max(0, now_ms - heard.heard_ms),
                    queue_rows=None if status is None or not status.online else status.queue_rows,
                    oldest_ms=None if status is None or not status.online else status.oldest_ms,
                    clock=None if row is None else row.clock,
                    upto=0 if row is None else row.upto,
                    delay_ms=None if row is None else row.delay_ms,
                    guard="" if status is None else status.guard,
                    trouble="" if status is None else status.spool_trouble,
                )
            )
        return out

    def _tell_gateways(self) -> None:
        views = self.gateways()
        for view in views:
            self._heard[view.gateway].told_online = view.online
        self._emit("gateways", Gateways(gateways=views))

    @staticmethod
    def _online(heard: _Heard, now_ms: int) -> bool | None:
        """Its own word, as long as it goes on speaking: one that hangs says no goodbye."""
        if heard.status is None or heard.heard_ms is None:
            return None
        return heard.status.online and now_ms - heard.heard_ms < QUIET_GATEWAY_MS

    def _repaint(self, shown: _Shown, now_ms: int) -> None:
        """Tell the screens, under the lock: what was painted last is then also what was true last."""
        tile = self._tile(shown, now_ms)
        shown.told_state = tile.state
        self._emit("tile", tile)

    def _tile(self, shown: _Shown, now_ms: int) -> Tile:
        sensor, stored = shown.sensor, shown.stored
        taken_ms = stored.fresh_until_ms - stored.valid_ms if stored.value is not None else None
        value, until_ms, valid_ms, stable = stored.value, stored.fresh_until_ms, stored.valid_ms, None
        live = shown.live
        if live is not None and self._covers(shown, live):
            if live.value is None:
                until_ms = 0  # the sensor is in fault now; why comes with the record
            else:
                value, taken_ms, stable = shown.correction.apply(live.value), shown.live_taken_ms, live.stable
                valid_ms = int(live.every_s * VALID_HEARTBEATS * 1000)
                until_ms = shown.live_taken_ms + valid_ms
        if not believable(until_ms, valid_ms, now_ms):
            until_ms = 0
        limits = self._book.profile.limits_at(sensor.point, sensor.quantity)
        state: TileState
        if stored.fault is not None:
            state = "fault"
        elif value is None or until_ms == 0:
            state = "no_data"
        elif shown.severity == "critical":
            state = "critical"
        elif shown.severity == "warning" or (
            sensor.measures == "product" and any(limit.excess(value) > 0 for limit in limits)
        ):
            state = "warning"
        else:
            state = "ok"
        unit = QUANTITIES[sensor.quantity].unit if sensor.quantity in QUANTITIES else ""
        low, high, worded = _bounds(_limit_shown(limits, state, value, shown.broken), unit)
        return Tile(
            sensor=sensor.id, name=sensor.name, point=sensor.point, quantity=sensor.quantity, unit=unit, state=state,
            value=value, age_ms=None if value is None or not taken_ms or taken_ms < 0 else max(0, now_ms - taken_ms),
            valid_for_ms=max(0, until_ms - now_ms), stable=stable, fault=stored.fault, limit=worded, low=low, high=high,
        )  # fmt: skip

    @staticmethod
    def _is_newer(shown: _Shown, boot: str, at_ms: int) -> bool:
        """Whether a live value is newer than the live value before it. A boot that took another's place is newer."""
        return shown.live is None or boot != shown.live_boot or at_ms > shown.live.at_ms

    @staticmethod
    def _covers(shown: _Shown, live: LiveValue) -> bool:
        """Whether the live value is at least as new as the stored one."""
        stored = shown.stored
        if stored.boot != shown.live_boot or stored.at_ms is None:
            # Of two boots the server's own clock knows the newer value.
            return shown.live_taken_ms >= stored.fresh_until_ms - stored.valid_ms
        return live.at_ms >= stored.at_ms

    def _newest_boot(self, gateway: str, boot: str) -> bool:
        boots = self._boots.setdefault(gateway, [])
        if boot not in boots:
            boots.append(boot)
            del boots[:-MAX_BOOTS_REMEMBERED]
        return boots[-1] == boot


def _plausible(value: LiveValue, sensor: Sensor) -> bool:
    """Whether a live value can be this sensor's at all."""
    if value.quantity != sensor.quantity:
        return False
    if value.value is None:
        return True
    return value.quantity in ("door", "power") or implausible(value.quantity, value.value) is None


def _limit_shown(limits: list[Limit], state: TileState, value: float | None, broken: Limit | None) -> Limit | None:
    """The limit that explains the state: the one that is broken or exceeded, else the strictest critical one."""
    if state == "critical" and broken is not None:
        return broken
    exceeded = [limit for limit in limits if state == "warning" and value is not None and limit.excess(value) > 0]
    critical = [limit for limit in exceeded or limits if limit.severity == "critical"] or exceeded or limits
    return min(critical, key=lambda limit: limit.value * limit.direction, default=None)


def _bounds(limit: Limit | None, unit: str) -> tuple[float | None, float | None, str]:
    """A limit as lower and upper bound, and in words."""
    if limit is None:
        return None, None, ""
    if limit.direction > 0:
        return None, limit.value, f"≤ {limit.value:g} {unit}"
    return limit.value, None, f"≥ {limit.value:g} {unit}"
