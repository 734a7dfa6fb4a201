"""The real programs, as they run in a child of the launcher: with an ear, a clock and a disk of the torturer's making.

- The ear writes down what ``Spool.append`` is given and what it returned for: the truth of what was accepted. A line
  is one write to a file, so it outlives the process.
- The gateway's clock is a Pi's without battery: its boot, wall time and the kernel's ignorance are what a file says.
- The disk may be full, slow or failing while a file of that name lies beside it.
- Waits that only cost a run its time are shorter. Nothing else of the programs is changed.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, event
from tests.torture import points
from tests.torture.configuration import KITCHEN
from tests.torture.disk import FULL, IOERR_FSYNC, OK, Disk

import pawon_server.cli
from pawon_contract.broker import BrokerAddress
from pawon_contract.codec import encode_item
from pawon_contract.messages import GatewayStatus, Live, LiveValue, Reading
from pawon_edge.cli import broker_addresses
from pawon_edge.clock import Offset, SystemClock
from pawon_edge.config import load_config
from pawon_edge.gateway import Gateway
from pawon_edge.spool import Spool, SpoolError, store
from pawon_edge.uplink import connection, publisher, window
from pawon_edge.uplink.role import Primary
from pawon_server.ingest import subscriber, writer

SLOW_SYNC_S = 0.2  # faults.md's worst SD card
QUICK_W1_S = 0.1
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
BACKLOG_EVERY_MS = 50  # of one sensor; only their number matters
WAL_PAGES = 64  # of 1,000: checkpoints come often enough to be killed in


class FileClock(SystemClock):
    """A boot without battery clock or time service. The file: ``{"boot", "began_ms", "shift_ms"}``."""

    __slots__ = ("_began_ms", "_file")

    def __init__(self, file: Path) -> None:
        super().__init__()
        object.__setattr__(self, "_file", file)
        object.__setattr__(self, "_began_ms", int(self._says("began_ms")))

    def _says(self, name: str) -> Any:
        return json.loads(self._file.read_bytes())[name]  # type: ignore[attr-defined]  # set past the frozen door

    def boot(self) -> str:
        return str(self._says("boot"))

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() - self._began_ms  # type: ignore[attr-defined,no-any-return]  # as above

    def utc_ms(self) -> int:
        return super().utc_ms() + int(self._says("shift_ms"))

    def kernel_error_ms(self) -> int | None:
        return None

    def untrusted_quality(self) -> Literal["rtc", "guess"]:
        return "guess"


def gateway(*, folder: str, point: str | None = None, passing: int = 1, disk: bool = False) -> int:
    """The gateway of one torture kitchen."""
    place = Path(folder)
    connection.BACKOFF_MOST_S, connection.KEEPALIVE_S, publisher.WAIT_FOR_RETAINED_MS = 1.0, 3, 500
    window.ANSWER_TIMEOUT_MS = 3_000
    store.KEEP_ROWS, store.PRUNE_AT_ONCE, store.REOPEN_EVERY_S = 400, 100, 1.0
    _listen_to(Spool, place / "accepted.jsonl")
    _say_to_log()
    config, config_hash = load_config(place / "gateway.toml")
    for table in config.w1:  # type: ignore[attr-defined]  # the kinds of driver are known at run time
        object.__setattr__(table, "interval_s", QUICK_W1_S)
    with ExitStack() as stack:
        _put_disk_under(stack, place / "gateway" / "spool.db", place, point, passing, disk)
        try:
            program = Gateway(
                config, config_hash, broker_addresses(config, place / "gateway.toml"), FileClock(place / "clock.json")
            )
        except SpoolError as error:  # as its command line has it
            print(error, file=sys.stderr)
            return 1
        program._spool._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: program.stop())
        if point is not None:
            points.arm(point, passing)
        program.run()
    return 0


def server(*, folder: str, point: str | None = None, passing: int = 1, disk: bool = False) -> int:
    """The server of one torture kitchen."""
    place = Path(folder)
    subscriber.BACKOFF_MOST_S, subscriber.KEEPALIVE_S, writer.RETRY_S = 1.0, 3, 0.5
    event.listen(Engine, "connect", lambda db, _: db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}"))
    if point is not None:
        points.arm(point, passing)
    with ExitStack() as stack:
        _put_disk_under(stack, place / "server" / "pawon.db", place, point, passing, disk)
        arguments = ["serve", "--demo", "--config", str(place / "server.toml")]
        return pawon_server.cli.main(arguments)


def gateways(*, folder: str, first: int, count: int, rows: int, port: int) -> int:
    """``count`` real uplinks over real spools in one process, each with a backlog. They connect when the file ``go`` is
    there, and write ``drained-N`` when the server has everything."""
    _say_to_log()
    logging.getLogger().setLevel(logging.WARNING)
    place, clock, boot = Path(folder), SystemClock(), SystemClock().boot()
    known = Offset(offset_ms=clock.utc_ms() - clock.monotonic_ms(), quality="synced", error_ms=50)
    uplinks: list[tuple[Spool, publisher.Publisher, str]] = []
    for number in range(first, first + count):
        spool, sensor = Spool(place / f"gw-{number}" / "spool.db"), f"chiller-{number}"
        began_ms = clock.monotonic_ms() - rows * BACKLOG_EVERY_MS
        for at in range(0, rows, 500):
            items = [
                encode_item(Reading(at_ms=max(0, began_ms + n * BACKLOG_EVERY_MS), sensor=sensor,
                                    quantity="temperature_c", value=n % 32 / 8))
                for n in range(at, min(rows, at + 500))
            ]  # fmt: skip
            spool.append(boot, items)
        uplink = publisher.Publisher(
            kitchen=KITCHEN, gateway=f"gw-{number}", boot=boot, broker=BrokerAddress(host="127.0.0.1", port=port),
            spool=spool, clock=clock, offset_of=lambda _: known, role=Primary(spool, lambda *_: None),
            status=lambda online, _: GatewayStatus(online=online, boot=boot),
        )  # fmt: skip
        uplinks.append((spool, uplink, sensor))
    (place / f"ready-{first}").touch()
    while not (place / "go").exists():
        time.sleep(0.05)
    for _, uplink, _ in uplinks:
        uplink.start()
    while True:
        for _, uplink, sensor in uplinks:
            value = LiveValue(
                sensor=sensor, quantity="temperature_c", at_ms=clock.monotonic_ms(), value=told_time(time.time())
            )
            uplink.send_live(Live(boot=boot, sent_ms=clock.monotonic_ms(), values=[value]))
        if all(spool.upto == spool.last == rows for spool, _, _ in uplinks):
            (place / f"drained-{first}").touch()
        time.sleep(1.0)


def broker(*, configuration: str) -> int:
    """mosquitto, whose time is the machine's whatever the others are told."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    os.execve(MOSQUITTO, [MOSQUITTO, "-c", configuration], environment)


def clock() -> int:
    """What a program here believes of time: wall, since boot, monotonic; seconds."""
    print(json.dumps([time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()]))
    sys.stdout.flush()
    return 0


# The record's values of a storm are eighths below it; live values tell a moment, from it on.
LIVE_FROM_C = 4.0


def told_time(at_s: float) -> float:
    """A moment as a temperature from ``LIVE_FROM_C`` on: tenths of seconds, of the last 200 s."""
    return LIVE_FROM_C + int(at_s * 10) % 2_000 / 10


def _say_to_log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _listen_to(spool: type[Spool], file: Path) -> None:
    """The ear. A line before each append (where it will stand, and what), a line after it (how far it returned)."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, b"\n")  # a life before this one may have been killed in the middle of a line
    whole = spool.append

    def append(self: Spool, boot: str, items: list[bytes], **other: Any) -> int:
        if items:
            coming = {"id": self.id, "first": self.last + 1, "boot": boot, "items": [raw.decode() for raw in items]}
            os.write(handle, json.dumps(coming).encode() + b"\n")
        last = whole(self, boot, items, **other)
        if items:
            os.write(handle, json.dumps({"last": last}).encode() + b"\n")
        return last

    spool.append = append  # type: ignore[method-assign]  # of this process


def _put_disk_under(stack: ExitStack, file: Path, place: Path, point: str | None, passing: int, troubled: bool) -> None:
    """The disk is only there when it has something to do: it costs time."""
    if not troubled and point != points.CHECKPOINT:
        return
    disk = Disk(0, remembers=False)
    if point == points.CHECKPOINT:
        disk.fault = points.in_checkpoint(file, passing)
    else:
        disk.fault = _troubles(file.parent)
    stack.enter_context(disk.installed())


def _troubles(folder: Path) -> Callable[[str, str], int]:
    full, failing, slow = folder / "FULL", folder / "FAILING", folder / "SLOW"

    def fault(kind: str, _path: str) -> int:
        if kind in ("write", "create") and full.exists():
            return FULL
        if kind == "sync":
            if slow.exists():
                time.sleep(SLOW_SYNC_S)
            if failing.exists():
                failing.unlink(missing_ok=True)  # once, as the kernel tells it
                return IOERR_FSYNC
        return OK

    return fault


PROGRAMS: dict[str, Callable[..., int]] = {
    "gateway": gateway,
    "server": server,
    "gateways": gateways,
    "broker": broker,
    "clock": clock,
}
