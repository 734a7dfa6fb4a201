"""The gateway at 40 readings a second: memory, CPU, bytes written, and the window in which power may take a reading.

The real gateway, server and mosquitto on this machine's disk. The window of a reading is from its measurement until
the spool's commit of it returned: at most 250 ms, and the disk's own time for a sync.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from .kitchen import Kitchen, Ports
from .processes import memory, written_bytes

# The gateway has opened its ports, and nothing of the start is measured.
SETTLING_S = 10


def run(*, seconds: int) -> dict[str, object]:
    """Watch it for so long; the report."""
    with tempfile.TemporaryDirectory(prefix="pawon-edge-") as name:
        folder, ports = Path(name), Ports()
        kitchen = Kitchen(folder, ports)
        try:
            kitchen.start()
            kitchen.start_gateway()
            ports.start()
            time.sleep(SETTLING_S)
            began, cpu_s, written = time.monotonic(), kitchen.gateway.cpu_s, written_bytes(kitchen.gateway.pid)
            began_ms = time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
            time.sleep(seconds)
            passed, used = time.monotonic() - began, kitchen.gateway.cpu_s - cpu_s
            grown, held = written_bytes(kitchen.gateway.pid) - written, memory(kitchen.gateway.pid)
        finally:
            kitchen.end()
            ports.end()
        commits = [
            one for one in json.loads(kitchen.commits.read_text()) if began_ms <= one[1] < began_ms + 1000 * passed
        ]
        windows = _windows(folder / "gateway/spool.db", commits)
    report = {
        "seconds": round(passed, 1), "rows_per_s": round(len(windows) / passed, 1),
        "cpu_percent_of_a_core": round(100 * used / passed, 2),
        "rss_mb": round(held.rss, 1), "rss_own_mb": round(held.private, 1), "rss_highest_mb": round(held.highest, 1),
        "written_mb_a_day": round(grown / passed * 86_400 / 1e6), "commits": len(commits),
        "commit_ms": _cuts([returned - began for _, began, returned in commits]), "window_ms": _cuts(windows),
    }  # fmt: skip
    for line, value in report.items():
        print(f"  {line:<28} {value}", flush=True)
    return report


def _windows(path: Path, commits: list[list[float]]) -> list[float]:
    """Of every reading in these commits: milliseconds from its measurement until it was accepted."""
    spool = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = dict(spool.execute("SELECT sequence, json_extract(CAST(item AS TEXT), '$.at_ms') FROM row"))
    finally:
        spool.close()
    windows, before = [], int(commits[0][0])
    for last, _, returned in commits[1:]:
        windows += [returned - rows[number] for number in range(before + 1, int(last) + 1)]
        before = int(last)
    return windows


def _cuts(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 1), "p90": round(cuts[89], 1), "p99": round(cuts[98], 1), "most": round(max(values), 1),
    }  # fmt: skip
