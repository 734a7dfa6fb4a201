"""A hundred gateways come back at once, each with a backlog, to one broker and one server.

    python -m tests.torture.storm [--gateways 100] [--rows 5000]

Real spools and uplinks in few processes, the real server, real mosquitto, which comes up last so that all of them are
knocking. Everything has to arrive (each spool's chain value at the server is the spool's own), the server's memory
stays bounded, and live values reach the displays while the backlog drains.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.ports import own_port
from tests.torture.configuration import KITCHEN, MOSQUITTO_CONF
from tests.torture.inside import LIVE_FROM_C, told_time
from tests.torture.launcher import Launcher, memory_mb
from tests.torture.record import BrokenPromiseError

from pawon_edge.spool import Spool
from pawon_server.record.verify import verify
from pawon_server.store.database import open_to_read

PROCESSES = 2
# What the server may grow by while it drains; its own bound on waiting messages is 64 MB.
MOST_GROWTH_MB = 200
LONGEST_S = 900.0
_HEAD = 'kitchen = "{kitchen}"\nname = "Badai"\nprofile = "DEMO"\nstore = "{folder}/server/pawon.db"\n' + (
    'broker = "mqtt://127.0.0.1:{port}"\nhttp.port = {http}\n'
)
_ONE = (
    '[[gateway]]\nid = "gw-{n}"\n[[sensor]]\nid = "chiller-{n}"\ngateway = "gw-{n}"\nname = "{n}"\npoint = "chiller"\n'
)


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; live values' ages in ms at a display while the backlog drained, memory in MB. Gateways speak
    once a second, so a tile that is painted again in between shows a value of up to a second."""

    gateways: int
    rows: int
    drained_s: float
    live_values: int
    live_gateways: int
    live_p50_ms: float
    live_p99_ms: float
    memory_before_mb: float
    memory_most_mb: float
    overflowed: int


def run(*, gateways: int, rows: int) -> Storm:
    """One storm. Raises ``BrokenPromiseError``."""
    with tempfile.TemporaryDirectory(prefix="pawon-storm-") as name:
        folder, port, http = Path(name), own_port(), own_port()
        for part in ("server", "broker"):
            (folder / part).mkdir()
        (folder / "mosquitto.conf").write_text(MOSQUITTO_CONF.format(port=port, folder=folder))
        (folder / "server.toml").write_text(
            _HEAD.format(kitchen=KITCHEN, folder=folder, port=port, http=http)
            + "".join(_ONE.format(n=number) for number in range(gateways))
        )
        launcher = Launcher()
        try:
            server = launcher.start("server", folder / "server.log", folder=str(folder))
            each = -(-gateways // PROCESSES)
            firsts = range(0, gateways, each)
            for first in firsts:
                launcher.start(
                    "gateways", folder / f"gateways-{first}.log", folder=str(folder), first=first,
                    count=min(each, gateways - first), rows=rows, port=port,
                )  # fmt: skip
            _until(lambda: all((folder / f"ready-{first}").exists() for first in firsts), "the backlogs")
            _until(lambda: _answers(http), "the server's pages")
            before_mb = memory_mb(server, "VmRSS")
            display = _Display(http)
            (folder / "go").touch()
            time.sleep(2)  # all of them are knocking
            launcher.start("broker", folder / "broker.log", configuration=str(folder / "mosquitto.conf"))
            began = time.monotonic()
            _until(lambda: all((folder / f"drained-{first}").exists() for first in firsts), "everything to arrive")
            drained_s = time.monotonic() - began
            ages, heard = list(display.ages_ms), len(display.sensors)
            storm = Storm(
                gateways=gateways, rows=gateways * rows, drained_s=round(drained_s, 1), live_values=len(ages),
                live_gateways=heard, live_p50_ms=statistics.median(ages) if ages else -1.0,
                live_p99_ms=statistics.quantiles(ages, n=100)[98] if len(ages) > 1 else -1.0,
                memory_before_mb=before_mb, memory_most_mb=memory_mb(server, "VmHWM"),
                overflowed=int(_metric(http, "pawon_ingest_overflow_total")),
            )  # fmt: skip
        finally:
            launcher.end()
        _check(folder, gateways, rows, storm)
        return storm


def _check(folder: Path, gateways: int, rows: int, storm: Storm) -> None:
    """Each spool's own chain value stands at the server; so it holds these rows and no others."""
    engine = open_to_read(folder / "server/pawon.db")
    try:
        proof = verify(engine, KITCHEN)
    finally:
        engine.dispose()
    if proof.finding is not None:
        raise BrokenPromiseError(proof.finding.text())
    proven = {spool.spool: spool for spool in proof.spools}
    for number in range(gateways):
        spool = Spool(folder / f"gw-{number}" / "spool.db")
        try:
            row = spool.read(spool.last, limit=1, max_bytes=1)[0]
            at_server = proven.get(spool.id)
            if at_server is None or (at_server.upto, at_server.chain, at_server.lost) != (rows, row.chain.hex(), 0):
                raise BrokenPromiseError(f"gw-{number}: accepted {spool.last} rows, the server holds {at_server}")
        finally:
            spool.close()
    with sqlite3.connect(f"file:{folder}/server/pawon.db?mode=ro", uri=True) as store:
        projected = store.execute("SELECT count(*) FROM reading").fetchone()[0]
    store.close()
    if projected != gateways * rows:
        raise BrokenPromiseError(f"{gateways * rows} rows, {projected} readings in the table")
    if storm.memory_most_mb - storm.memory_before_mb > MOST_GROWTH_MB:
        raise BrokenPromiseError(f"the server grew from {storm.memory_before_mb} to {storm.memory_most_mb} MB")
    if storm.live_gateways < gateways:
        raise BrokenPromiseError(f"live values of {storm.live_gateways} gateways came while the backlog drained")


class _Display:
    """A wall: how old live values were when they came to it."""

    def __init__(self, http: int) -> None:
        self.ages_ms: list[float] = []
        self.sensors: set[str] = set()
        self._http = http
        threading.Thread(target=self._listen, name="display", daemon=True).start()

    def _listen(self) -> None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/events") as stream:
                event = b""
                for line in stream:
                    if line.startswith(b"event:"):
                        event = line[6:].strip()
                    elif line.startswith(b"data:") and event == b"tile":
                        tile = json.loads(line[5:])
                        if tile["value"] is not None and tile["value"] >= LIVE_FROM_C:
                            self.sensors.add(tile["sensor"])
                            self.ages_ms.append((told_time(time.time()) - tile["value"]) % 200 * 1000)
        except (OSError, ValueError):
            return  # the storm is over


def _answers(http: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{http}/wall", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _metric(http: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
    raise BrokenPromiseError(f"no metric {name}")


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenPromiseError(f"waited in vain for {what}")
        time.sleep(0.1)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gateways", type=int, default=100)
    parser.add_argument("--rows", type=int, default=5_000, help="of each gateway")
    options = parser.parse_args()
    print(f"storm: {options.gateways} gateways with {options.rows} rows each", flush=True)
    print(run(gateways=options.gateways, rows=options.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
