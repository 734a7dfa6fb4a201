"""What is done to a kitchen while it works: each fault is one function of the road, and named in a round's theme."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.torture import poison
from tests.torture.configuration import GATEWAY, KITCHEN, POISONED
from tests.torture.points import POINTS
from tests.torture.road import Road

DAY_MS = 86_400_000
# Far beyond what a person would set by mistake, and what a missing battery gives.
JUMPS_MS = (-14 * DAY_MS, -3_600_000, 3_600_000, 3 * DAY_MS, -56 * 365 * DAY_MS, 80 * 365 * DAY_MS)
SERVER_JUMPS = ("-2d", "-1h", "-90s", "+0", "+45s", "+1h", "+3d")
Fault = Callable[[Road], None]


def kill_one(road: Road) -> None:
    """kill -9 of one program at a random instant, or of itself at a named point."""
    name = road.chance.choice(("gateway", "gateway", "server", "server", "broker"))
    armed = name in POINTS and road.chance.random() < 0.5
    if armed:
        road.kill(name)
        road.start(name, road.chance.choice(POINTS[name]))
        deadline = time.monotonic() + 3.0
        while road.runs(name) and time.monotonic() < deadline:
            time.sleep(0.02)
    road.kill(name)
    time.sleep(road.chance.choice((0.0, 0.0, 0.3)))
    road.start(name)


def kill_all(road: Road) -> None:
    """kill -9 of gateway, broker and server together, and back in any order."""
    names = ["gateway", "broker", "server"]
    for name in names:
        road.kill(name)
    road.counts["all three at once"] += 1
    road.chance.shuffle(names)
    for name in names:
        road.start(name)
        time.sleep(road.chance.uniform(0, 0.2))


def wipe_broker(road: Road) -> None:
    """The broker dies and comes back knowing nothing: no retained answer, no session, no queue."""
    road.kill("broker")
    for file in (road.folder / "broker").iterdir():
        file.unlink()
    road.counts["broker wiped"] += 1
    road.start("broker")


def take_over(road: Road) -> None:
    """Somebody connects with the gateway's or the server's client id, again and again for two seconds."""
    name = road.chance.choice((f"pawon-{KITCHEN}-{GATEWAY}", f"pawon-server-{KITCHEN}"))
    until = time.monotonic() + 2.0
    while time.monotonic() < until:
        _visit(road, name, [])
        road.counts["client id taken over"] += 1
        time.sleep(0.15)


def poison_topic(road: Road) -> None:
    """One of each payload that no gateway sends, on the gateway's topic."""
    sent = poison.payloads(road.chance, POISONED)
    if _visit(road, f"poison-{road.chance.random()}", sent):
        road.counts["poison messages"] += len(sent)


def fill_disk(road: Road) -> None:
    """The disk of the gateway's spool or of the server's store is full, and freed: a small one of its own where that
    may be mounted, else SQLite is told so by every write."""
    whose = road.chance.choice(("gateway", "server"))
    if whose not in road.mounted:
        _while_flag(road, whose, "FULL", "disk full and freed (simulated)", road.chance.uniform(1, 4))
        return
    ballast = road.folder / whose / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
    except OSError:
        pass  # full, as intended
    road.counts[f"{whose}: disk full and freed"] += 1
    time.sleep(road.chance.uniform(1, 4))
    ballast.unlink()


def slow_disk(road: Road) -> None:
    """Each sync takes 200 ms."""
    _while_flag(road, road.chance.choice(("gateway", "server")), "SLOW", "disk slow", road.chance.uniform(1, 4))


def fail_sync(road: Road) -> None:
    """One sync fails with EIO."""
    whose = road.chance.choice(("gateway", "server"))
    _while_flag(road, whose, "FAILING", "fsync failed with EIO", road.chance.uniform(0.5, 1.5))


def lock_store(road: Road) -> None:
    """Another process holds the server's store for longer than the server waits for it."""
    _hold_store(road, "store locked", road.chance.uniform(5.5, 9))


def lock_store_long(road: Road) -> None:
    """The store is down for minutes under a server at work; the gateway sends again and again what nobody takes."""
    road.until(road.healthy, "the server to be healthy")
    _hold_store(road, "store locked for minutes", road.chance.uniform(60, 150))


def _hold_store(road: Road, name: str, seconds: float) -> None:
    try:
        store = sqlite3.connect(road.folder / "server/pawon.db", timeout=5, isolation_level=None)
        store.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        return  # the server has it at the moment
    road.counts[name] += 1
    time.sleep(seconds)
    store.execute("ROLLBACK")
    store.close()


def stop_a_while(road: Road) -> None:
    """A program stands still (SIGSTOP) for longer than keepalive, and goes on."""
    name = road.chance.choice(("server", "broker"))
    road.send_signal(name, signal.SIGSTOP)
    road.counts[f"{name} stood still"] += 1
    time.sleep(road.chance.uniform(1, 6))
    road.send_signal(name, signal.SIGCONT)


def reboot_gateway(road: Road) -> None:
    """Power off, and another boot without battery clock."""
    road.kill("gateway")
    road.reboot()
    road.counts["gateway's reboots"] += 1
    road.start("gateway")


def jump_gateway(road: Road) -> None:
    """The gateway's wall clock jumps."""
    road.jump(road.chance.choice(JUMPS_MS))
    road.counts["gateway's clock jumps"] += 1


def jump_server(road: Road) -> None:
    """The server's wall clock jumps."""
    new = road.clock_file.with_suffix(".new")
    new.write_text(f"{road.chance.choice(SERVER_JUMPS)}\n")
    new.replace(road.clock_file)
    road.counts["server's clock jumps"] += 1


def _while_flag(road: Road, whose: str, flag: str, name: str, seconds: float) -> None:
    file = road.folder / whose / flag
    file.touch()
    road.counts[f"{whose}: {name}"] += 1
    time.sleep(seconds)
    file.unlink(missing_ok=True)


def _visit(road: Road, client_id: str, payloads: list[bytes]) -> bool:
    """Connect, publish, go; whether the broker took it all."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    try:
        client.connect("127.0.0.1", road.broker_port)
    except OSError:
        return False
    client.loop_start()
    try:
        sent = [client.publish(f"pawon/v1/{KITCHEN}/{GATEWAY}/log", payload, qos=1) for payload in payloads]
        deadline = time.monotonic() + 2
        while not all(info.is_published() for info in sent) and time.monotonic() < deadline:
            time.sleep(0.01)
        return all(info.is_published() for info in sent)
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """One kind of round. ``small``: spool and store have disks of a few MB of their own, if that may be.
    ``times_count``: the server's clock is right, so measured times can be held against truth."""

    faults: tuple[Fault, ...]
    disk: bool = False
    small: bool = False
    network: bool = False
    faked: bool = False
    times_count: bool = True


THEMES: dict[str, Theme] = {
    "kills": Theme(faults=(kill_one, kill_one, kill_one, kill_all)),
    "network": Theme(faults=(kill_one, stop_a_while), network=True),
    "broker": Theme(faults=(wipe_broker, take_over, poison_topic, kill_one)),
    "disks": Theme(faults=(fill_disk, slow_disk, fail_sync, lock_store, kill_one), disk=True),
    "full": Theme(faults=(fill_disk, kill_one), disk=True, small=True),
    "down": Theme(faults=(lock_store_long,), disk=True),
    "reboots": Theme(faults=(reboot_gateway, jump_gateway, kill_one, kill_all)),
    "clocks": Theme(faults=(jump_server, jump_gateway, reboot_gateway, kill_one), faked=True, times_count=False),
    "all": Theme(
        faults=(
            kill_one, kill_all, wipe_broker, take_over, poison_topic, fill_disk, slow_disk, fail_sync, lock_store,
            stop_a_while, reboot_gateway, jump_gateway,
        ),
        disk=True, network=True,
    ),
}  # fmt: skip
