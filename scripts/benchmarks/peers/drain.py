"""A backlog drains: a spool filled with a day of readings, the real gateway, mosquitto and server, and a display.

While it drains a scale shows a new mass three times a second; a display of the wall tells how soon it saw each.
"""

from __future__ import annotations

import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

from road import listen_for

from pawon_contract import codec
from pawon_contract.messages import Reading
from pawon_edge.clock import Offset
from pawon_edge.spool import Spool

from .kitchen import Kitchen, Ports
from .processes import memory, until
from .roads import ask

RATE = 40
SENSORS = tuple(f"probe-{n}" for n in range(26))
APPEND_ROWS = 500
BOOT = "7d1c0000-0000-4000-8000-000000000001"
# The gateway's defaults keep fewer rows and bytes than a day at 40 a second takes.
MORE = "spool_max_rows = 5_000_000\nspool_max_mb = 4_000"
LONGEST_S = 1_800.0
OPENING_S = 600.0


def run(*, hours: float) -> dict[str, object]:
    """Fill, start, and watch it drain; the report."""
    count = round(hours * 3600 * RATE)
    with tempfile.TemporaryDirectory(prefix="pawon-drain-") as name:
        folder, ports = Path(name), Ports(boards=(), scales=1)
        filled_s = _fill(folder / "gateway", count)
        spool_mb = sum(path.stat().st_size for path in (folder / "gateway").iterdir()) / 1e6
        kitchen = Kitchen(folder, ports, sensors=SENSORS, more=MORE)
        seen: dict[float, float] = {}
        try:
            kitchen.start()
            threading.Thread(
                target=listen_for, args=(kitchen.http_port, "scale-0", seen), daemon=True
            ).start()  # fmt: skip
            ports.start()
            opening = time.monotonic()
            kitchen.gateway.start(ready=lambda: True)
            until(lambda: "; spool " in kitchen.gateway.log.read_text(errors="replace"), "the spool", OPENING_S)
            opened, opened_cpu_s, began = time.monotonic() - opening, kitchen.gateway.cpu_s, time.time()
            server_cpu_s, broker_cpu_s = kitchen.server.cpu_s, kitchen.broker.cpu_s
            until(lambda: _upto(folder / "pawon.db") >= count, "the backlog to drain", LONGEST_S)
            drained = time.time() - began
            cpu_s = {
                "gateway": kitchen.gateway.cpu_s - opened_cpu_s, "server": kitchen.server.cpu_s - server_cpu_s,
                "broker": kitchen.broker.cpu_s - broker_cpu_s,
            }  # fmt: skip
            held = {name: memory(getattr(kitchen, name).pid).highest for name in ("gateway", "server", "broker")}
        finally:
            kitchen.end()
            ports.end()
        stored = ask(folder / "pawon.db", f"SELECT count(*) FROM reading WHERE boot = '{BOOT}'")[0][0]
        store_mb = (folder / "pawon.db").stat().st_size / 1e6
        shown = {mass: at for mass, at in ports.shown.items() if began + 2 < at < began + drained - 2}
        waits = _waits(shown, seen, began + drained)
    report: dict[str, object] = {
        "backlog_rows": count, "backlog_hours": hours, "rate": RATE, "stored_rows": stored,
        "spool_mb": round(spool_mb), "store_mb": round(store_mb), "filled_s": round(filled_s),
        "opened_s": round(opened, 1), "opened_cpu_s": round(opened_cpu_s, 1), "drained_wall_s": round(drained, 1),
        "rows_per_s": round(count / drained), "cpu_s": {name: round(value, 1) for name, value in cpu_s.items()},
        "highest_rss_mb": {name: round(value) for name, value in held.items()},
        "live_values": len(waits), "settings": MORE.splitlines(),
    }  # fmt: skip
    if len(waits) > 1:
        cuts = statistics.quantiles(waits, n=100, method="inclusive")
        report["live_ms"] = {
            "p50": round(cuts[49] * 1000),
            "p99": round(cuts[98] * 1000),
            "most": round(max(waits) * 1000),
        }
    for line, value in report.items():
        print(f"  {line:<28} {value}", flush=True)
    return report


def _waits(shown: dict[float, float], seen: dict[float, float], end: float) -> list[float]:
    """Of each value: seconds until the display showed it or a newer one, at most until the end."""
    waits, soonest = [], end
    for mass, at in sorted(shown.items(), key=lambda one: one[1], reverse=True):
        soonest = min(soonest, seen.get(mass, end))
        waits.append(soonest - at)
    return waits


def _fill(folder: Path, count: int) -> float:
    """A spool with so many rows of a boot that ended just now; CPU-seconds."""
    began, now_ms = time.process_time(), time.time_ns() // 1_000_000
    folder.mkdir()
    spacing_ms = 1000 // RATE
    offset = Offset(offset_ms=now_ms - count * spacing_ms, quality="synced", error_ms=50)
    spool = Spool(folder / "spool.db")
    db: sqlite3.Connection = spool._db
    db.execute("PRAGMA synchronous = OFF")  # only the filling; the gateway opens it with FULL
    try:
        for first in range(0, count, APPEND_ROWS):
            items = [
                codec.encode_item(_reading(n, n * spacing_ms)) for n in range(first, min(count, first + APPEND_ROWS))
            ]
            spool.append(BOOT, items, offset=(offset, True) if first == 0 else None)
    finally:
        spool.close()
    assert shutil.disk_usage(folder).free > 2_000_000_000, "too little room for the server's store"
    return time.process_time() - began


def _reading(number: int, at_ms: int) -> Reading:
    low = 3 + number % 97 / 100
    value = round(low + number % 7 / 10, 2)
    return Reading(
        at_ms=at_ms, sensor=SENSORS[number % len(SENSORS)], quantity="temperature_c", value=value, count=10, low=low,
        high=round(low + 0.7, 2),
    )  # fmt: skip


def _upto(path: Path) -> int:
    found = ask(path, "SELECT last FROM journal WHERE kind = 'batch' ORDER BY id DESC LIMIT 1")
    return int(found[0][0]) if found else 0
