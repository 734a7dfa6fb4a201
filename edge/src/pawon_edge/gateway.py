"""The gateway put together: which thread does what, and in which order.

One thread a port reads and stamps. The gateway's own thread takes the samples through ``intake``, commits what came
of them to the spool every ``COMMIT_MS`` (so at most that, plus the card's own sync time, is lost with the power), and
wakes the uplink. Sampling never waits for the card: samples queue up meanwhile, bounded.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from pawon_contract.broker import BrokerAddress
from pawon_contract.codec import encode_item
from pawon_contract.messages import GatewayStatus, Item, Live, LiveValue
from pawon_contract.units import QUANTITIES

from . import VERSION
from .clock import Offset, SystemClock, Timekeeper
from .complaints import Complaints
from .config import GatewayConfig
from .drivers.driver import ScaleTable, SensorTable, Sounder, Surroundings
from .guard import Guard, GuardAlarm, Watched
from .health import Health
from .hub import HubWatch
from .intake import Intake, SensorLine, judged
from .reporting import ContactReporter, Reporter
from .sample import Observed
from .spool import Spool
from .spool.fill import FillWatch, shed
from .stillness import Stillness
from .uplink.publisher import Publisher
from .uplink.role import Primary, Role, Witness
from .weighing import WeighingDetector

log = logging.getLogger(__name__)
alarm_log = logging.getLogger("pawon.alarm")

COMMIT_MS = 250
# A card that syncs slowly stays well below; a process that was suspended or starved does not.
STALL_MS = 3_000
SEVERITY_WORDS = {"warning": "PERINGATAN", "critical": "KRITIS"}
LIVE_EVERY_MS = 1_000
# Live values of so long go in one message: a message each would be most of what the gateway does.
LIVE_GATHER_S = 0.02
STATUS_EVERY_MS = 15_000
CLOCK_EVERY_MS = 5_000
MAX_SAMPLES_WAITING = 20_000
# Rows that wait for a disk that refuses them; an hour of a default kitchen.
MAX_ROWS_WAITING = 5_000
SAMPLES_AT_ONCE = 500
# Words about clocks in the log of one life; one that jumps for ever does not fill the card.
MAX_TOLD_OF_TIME = 20
FILL_TOLD_PERCENT, FILL_SOUNDS_PERCENT = 50, 80


class Gateway:
    """Everything that runs on one Pi. ``run`` returns after ``stop``."""

    def __init__(
        self, config: GatewayConfig, config_hash: str, brokers: list[BrokerAddress], clock: SystemClock
    ) -> None:
        """``brokers``: the primary's, then one for each witness. Raises ``SpoolError``."""
        self._config, self._config_hash, self._clock = config, config_hash, clock
        self._boot = clock.boot()
        self._started_ms = clock.monotonic_ms()
        self._stop = threading.Event()
        self._samples: queue.Queue[Observed] = queue.Queue(MAX_SAMPLES_WAITING)
        self._resumed_ms = 0
        self._dropped = 0
        self._not_recorded = 0
        self._fill, self._fill_percent = FillWatch(), 0.0
        self._waiting: list[Item] = []
        self._commit_ms = 0.0
        self._complaints = Complaints(config.data_dir / "bad_input.log")
        self._spool = Spool(config.data_dir / "spool.db")
        known = self._spool.boot_offset(self._boot)
        start = Offset(offset_ms=clock.utc_ms() - self._started_ms, quality=clock.untrusted_quality(), error_ms=0)
        self._time_lock = threading.Lock()
        self._time = Timekeeper(boot=self._boot, offset=known[0] if known else start, fixed=bool(known and known[1]))
        self._told_of_time: set[str] = set()
        self._kept_offset: Offset | None = None
        self._intake = self._make_intake(self._spool.scale_values())
        self._kept_scales = self._spool.scale_values()
        hub = HubWatch(monotonic_ms=clock.monotonic_ms)
        around = Surroundings(emit=self._emit, monotonic_ms=clock.monotonic_ms, port_lost=hub.port_lost)
        self._drivers = [kind.make(table, around) for kind, table in config.devices]
        self._guard = Guard(
            profile=config.rules(),
            watched=[
                Watched(
                    id=s.id, name=s.name or s.id, point=s.point, quantity=s.quantity, measures=s.measures, door=s.door
                )
                for s in config.sensors
            ],
            server_silent_ms=round(config.guard.server_silent_s * 1000),
            alarm=self._sound,
        )
        roles: list[Role] = [Primary(self._spool, self._on_server_time)]
        roles += [Witness(table.name, self._spool, table.quota_rows) for table in config.witness]
        self._uplinks = [
            Publisher(
                kitchen=config.kitchen, gateway=config.gateway, boot=self._boot, broker=broker, spool=self._spool,
                clock=clock, offset_of=self._offset_of, role=role, status=self._status,
            )
            for role, broker in zip(roles, brokers, strict=True)
        ]  # fmt: skip

    def run(self) -> None:
        """Read, judge, store and send until stopped."""
        threads = [threading.Thread(target=driver.run, name=driver.name, daemon=True) for driver in self._drivers]
        for thread in threads:
            thread.start()
        for uplink in self._uplinks:
            uplink.start()
        log.info(
            "gateway %s/%s runs; spool %s, row %d",
            self._config.kitchen,
            self._config.gateway,
            self._spool.id,
            self._spool.last,
        )
        try:
            self._loop(threads)
        finally:
            for driver in self._drivers:
                driver.stop()
            self._commit()
            for uplink in self._uplinks:
                uplink.stop()
            for thread in threads:
                thread.join(timeout=2)
            self._spool.close()

    def stop(self) -> None:
        """End soon; safe in a signal handler."""
        self._stop.set()

    # --- the gateway's own thread -----------------------------------------------------------------------------------

    def _loop(self, threads: list[threading.Thread]) -> None:
        now = self._clock.monotonic_ms()
        commit_at, live_at, status_at, clock_at = now + COMMIT_MS, now, now, now
        while not self._stop.is_set():
            self._take_samples(commit_at)
            now = self._clock.monotonic_ms()
            if now < commit_at:
                continue
            if now - commit_at > STALL_MS:
                log.warning("the gateway stood still for %.1f s", (now - commit_at) / 1000)
                self._resumed_ms = now
                self._intake.forgive(now)
            commit_at = now + COMMIT_MS
            if now >= clock_at:
                clock_at = now + CLOCK_EVERY_MS
                self._look_at_clock()
            self._waiting += self._intake.tick(now)
            self._commit()
            for trouble in self._intake.complaints():
                self._complaints.take(trouble, datetime.now(UTC).isoformat(timespec="seconds"))
            self._guard.tick(now, self._last_commit_ms())
            if now >= live_at:
                live_at = now + LIVE_EVERY_MS
                self._send_live(self._intake.live())
            if now >= status_at:
                status_at = now + STATUS_EVERY_MS
                self._look_at_spool()
                for uplink in self._uplinks:
                    uplink.send_status()
                if not all(part.alive for part in self._uplinks) or not all(thread.is_alive() for thread in threads):
                    # A thread that met a bug must not leave a gateway behind that looks well: start anew.
                    raise RuntimeError("a thread of the gateway has ended; its traceback stands above")

    def _take_samples(self, until_ms: int) -> None:
        """Take what the ports gave, until it is time to commit."""
        wait_s = max(0.0, (until_ms - self._clock.monotonic_ms()) / 1000)
        commit_s = time.monotonic() + wait_s
        try:
            observed = self._samples.get(timeout=wait_s) if wait_s else self._samples.get_nowait()
        except queue.Empty:
            return
        newest: dict[str, LiveValue] = {}
        gather_until_s = min(commit_s, time.monotonic() + LIVE_GATHER_S)
        for _ in range(SAMPLES_AT_ONCE):
            rows, live = self._intake.take(observed)
            self._waiting += rows
            for row in judged(rows):
                self._guard.judge(row)
            if live is not None:
                newest[live.sensor] = live
            try:
                observed = self._samples.get(timeout=max(0.0, gather_until_s - time.monotonic()))
            except queue.Empty:
                break
        self._send_live(list(newest.values()))

    def _commit(self) -> None:
        """Accept what is waiting. Nothing new: no commit, no wear."""
        scales = {k: v for k, v in self._intake.stable_values().items() if self._kept_scales.get(k) != v}
        # Taken together and kept together: "fixed" must never outlive a ClockFix that was not accepted.
        with self._time_lock:
            fix, offset, fixed = self._time.take_fix(), self._time.offset, self._time.fixed
        if fix is not None:
            self._waiting.append(fix)
        if not self._waiting and not scales and self._kept_offset is not None:
            return
        known = (offset, fixed) if offset != self._kept_offset else None
        began = self._clock.monotonic_ms()
        try:
            items = [encode_item(item) for item in self._waiting]
            self._spool.append(self._boot, items, scales=scales, offset=known)
        except sqlite3.Error as error:
            log.critical("the spool cannot be written (%s); %d rows wait in memory", error, len(self._waiting))
            if (excess := len(self._waiting) - MAX_ROWS_WAITING) > 0:
                self._not_recorded += excess
                log.critical("%d rows were not recorded, readings first; %d so far", excess, self._not_recorded)
                self._waiting = shed(self._waiting, MAX_ROWS_WAITING)
            return
        self._kept_scales.update(scales)
        self._kept_offset = offset
        self._waiting.clear()
        self._commit_ms = float(self._clock.monotonic_ms() - began)
        for uplink in self._uplinks:
            uplink.wake()

    def _send_live(self, values: list[LiveValue]) -> None:
        if not values:
            return
        live = Live(boot=self._boot, sent_ms=self._clock.monotonic_ms(), values=values)
        for uplink in self._uplinks:
            uplink.send_live(live)

    def _look_at_spool(self) -> None:
        try:
            percent = self._spool.keep_within(self._config.spool_max_rows, self._config.spool_max_mb * 1_000_000)
        except sqlite3.Error as error:
            log.critical("no room can be made in the spool (%s)", error)
            return
        self._fill_percent = percent
        if (step := self._fill.step(percent)) is not None:
            alarm_log.critical(
                "%s: memori gateway terisi %d %%; server belum menerima data. Periksa jaringan dan server.",
                SEVERITY_WORDS["critical" if step >= FILL_SOUNDS_PERCENT else "warning"], percent,
            )  # fmt: skip
            for driver in self._drivers:
                if step >= FILL_SOUNDS_PERCENT and isinstance(driver, Sounder):
                    driver.sound_alarm()

    def _spool_trouble(self) -> str:
        said = [self._spool.trouble]
        if self._fill_percent >= FILL_TOLD_PERCENT:
            said.insert(0, f"{self._fill_percent:.0f} % full")
        if self._not_recorded:
            said.insert(0, f"{self._not_recorded} rows were not recorded")
        return "; ".join(text for text in said if text)[:200]

    def _look_at_clock(self) -> None:
        look = self._clock.look()
        with self._time_lock:
            said = self._time.observe_wall(
                look.utc_ms, look.monotonic_ms, look.error_ms, self._clock.untrusted_quality()
            )
        self._tell_of_time(said)

    def _tell_of_time(self, said: str | None) -> None:
        """Once for each reason: a clock that is wrong is wrong in every look."""
        if said is not None and said not in self._told_of_time and len(self._told_of_time) < MAX_TOLD_OF_TIME:
            self._told_of_time.add(said)
            log.warning("%s", said)

    def _last_commit_ms(self) -> int:
        # A gateway that has just started, or stood still, gives the server its time before it calls itself alone.
        return max(self._started_ms, self._resumed_ms, self._uplinks[0].last_commit_ms or 0)

    def _sound(self, alarm: GuardAlarm) -> None:
        alarm_log.critical("%s: %s", SEVERITY_WORDS[alarm.severity], alarm.text)
        for driver in self._drivers:
            if isinstance(driver, Sounder):
                driver.sound_alarm()

    # --- called from other threads ----------------------------------------------------------------------------------

    def _emit(self, observed: Observed) -> None:
        try:
            self._samples.put_nowait(observed)
        except queue.Full:
            self._dropped += 1

    def _offset_of(self, boot: str) -> Offset:
        with self._time_lock:
            if boot == self._boot:
                return self._time.at(self._clock.monotonic_ms())
        known = self._spool.boot_offset(boot)
        return known[0] if known else Offset(offset_ms=0, quality="guess", error_ms=0)

    def _on_server_time(self, server_ms: int, sent_ms: int, received_ms: int) -> None:
        with self._time_lock:
            said = self._time.observe_server(server_ms, sent_ms, received_ms)
        self._tell_of_time(said)

    def _status(self, online: bool, upto: int) -> GatewayStatus:
        now_ms = self._clock.monotonic_ms()
        try:
            oldest_ms = self._spool.oldest_unconfirmed_ms(self._boot, now_ms, upto)
        except sqlite3.Error:
            oldest_ms = 0  # the trouble is told below, and a gateway in trouble must not fall silent
        return GatewayStatus(
            online=online, version=VERSION, config_hash=self._config_hash, boot=self._boot, at_ms=now_ms,
            spool=self._spool.id, clock=self._time.at(now_ms).quality, queue_rows=self._spool.last - upto,
            oldest_ms=oldest_ms, spool_bytes=self._spool.bytes(),
            free_bytes=shutil.disk_usage(self._config.data_dir).free, commit_ms=self._commit_ms,
            guard=self._guard.state(now_ms, self._last_commit_ms()), sensors=self._intake.health(now_ms),
            spool_trouble=self._spool_trouble(),
        )  # fmt: skip

    # --- putting together -------------------------------------------------------------------------------------------

    def _make_intake(self, stable: dict[str, int]) -> Intake:
        return Intake(
            lines={
                sensor.id: self._line(sensor, usual_s=table.round_s, stable=stable)
                for _, table in self._config.devices
                for sensor in table.sensor
            }
        )

    def _line(self, sensor: SensorTable, *, usual_s: float, stable: dict[str, int]) -> SensorLine:
        # Three missed rounds, and never less than five seconds: one lost frame is not a fault.
        fault_after_s = sensor.fault_after_s or max(5.0, 3 * usual_s)
        frozen_s = sensor.usual_frozen_s if sensor.frozen_after_s is None else sensor.frozen_after_s
        detector = None
        if sensor.quantity == "mass_g" and isinstance(sensor, ScaleTable):
            detector = WeighingDetector(
                sensor=sensor.id, division_g=sensor.division_g, plateau_s=sensor.plateau_s, merge_s=sensor.merge_s,
                touch_s=sensor.touch_s, last_stable_g=stable.get(sensor.id),
            )  # fmt: skip
        heartbeat_s = self._config.heartbeat_s
        reporter: Reporter | ContactReporter
        if sensor.quantity in ("door", "power"):
            reporter = ContactReporter(sensor=sensor.id, contact=sensor.quantity, heartbeat_s=heartbeat_s)
        else:
            step = sensor.report_step or QUANTITIES[sensor.quantity].report_step
            reporter = Reporter(sensor=sensor.id, step=step, heartbeat_s=heartbeat_s)
        return SensorLine(
            quantity=sensor.quantity,
            reporter=reporter,
            health=Health(
                sensor=sensor.id,
                fault_after_ms=round(fault_after_s * 1000),
                started_ms=self._started_ms,
                repeat_ms=round(heartbeat_s * 1000),
            ),
            stillness=Stillness(frozen_ms=round(frozen_s * 1000)) if frozen_s else None,
            detector=detector,
        )


def data_dir_problem(path: Path) -> str | None:
    """Why the gateway could not keep its spool there. Looks only: nothing is made."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        return f"data_dir {path}: {nearest} is no folder; choose a folder the gateway may write"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"data_dir {path}: {nearest} may not be written by this user; choose a folder the gateway may write"
    return None
