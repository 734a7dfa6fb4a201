"""One kitchen under torture: real mosquitto, real gateway, real server and SQLite store, a bad network, bad disks."""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.ports import own_port
from tests.torture import poison
from tests.torture.accepted import Accepted, Verdict, compare, read_ear
from tests.torture.configuration import GATEWAY, KITCHEN, POISONED, write_configuration
from tests.torture.devices import Devices
from tests.torture.launcher import Launcher, memory_mb
from tests.torture.points import RARE
from tests.torture.proxy import FaultProxy
from tests.torture.twin import compare_incidents

from pawon_server.record.rebuild import rebuild
from pawon_server.record.verify import verify
from pawon_server.store.database import open_to_read

# A promise has no time limit; this one is for a machine that has other things to do.
DRAIN_S = 300.0
# An armed program dies at one of its first passings, within a second or two.
MOST_PASSINGS = 12
SMALL_DISKS = {"gateway": "6m", "server": "24m"}


class Road:
    """The programs of one kitchen. ``disk``: they run on a disk that can be told to fail; ``small``: on one of a few
    MB; ``faked``: their clocks can be told to jump; ``network``: connections to the broker are bad ones."""

    def __init__(
        self, folder: Path, chance: random.Random, *, disk: bool, small: bool, faked: bool, network: bool
    ) -> None:  # fmt: skip
        self.folder, self.chance, self._disk = folder, chance, disk
        self.counts: Counter[str] = Counter()
        self._pids: dict[str, int] = {}
        self._armed: dict[str, str | None] = {}
        self.broker_port, self.http_port = own_port(), own_port()
        self.proxies = [
            FaultProxy(lambda: self.broker_port, chance.getrandbits(32), **({} if network else {"faults": ()}))
            for _ in range(2)
        ]
        ports = [proxy.start() for proxy in self.proxies]
        for name in ("gateway", "server", "broker"):
            (folder / name).mkdir()
        # Only root may, and not everywhere.
        self.mounted = [name for name, size in SMALL_DISKS.items() if small and _mount(folder / name, size)]
        write_configuration(
            folder, broker=self.broker_port, gateways_broker=ports[0], servers_broker=ports[1], http=self.http_port
        )
        self.clock_file = folder / "faketime"
        self.clock_file.write_text("+0\n")
        self.reboot()
        self.launcher = Launcher(self.clock_file if faked else None)
        self.devices = Devices(folder / "w1")

    # --- the gateway's clock ----------------------------------------------------------------------------------------

    def reboot(self) -> None:
        """The next start of the gateway is another boot, whose wall clock is wrong again."""
        boottime_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        self._boot = (secrets.token_hex(8), boottime_ms - self.chance.randint(1, 60_000))
        self.jump(self.chance.choice((0, -14 * 86_400_000, -56 * 365 * 86_400_000, 3_600_000)))

    def jump(self, shift_ms: int) -> None:
        """The gateway's wall clock is this wrong from now on."""
        new = self.folder / "clock.new"
        new.write_text(json.dumps({"boot": self._boot[0], "began_ms": self._boot[1], "shift_ms": shift_ms}))
        new.replace(self.folder / "clock.json")

    # --- programs ---------------------------------------------------------------------------------------------------

    def start(self, name: str, point: str | None = None) -> None:
        """Start one of broker, server, gateway, if it does not run; ``point``: it will kill itself there."""
        if self.runs(name):
            return
        self._armed[name] = point
        arguments: dict[str, object] = {"configuration": str(self.folder / "mosquitto.conf")}
        if name != "broker":
            passing = 1 if point in RARE else self.chance.randint(1, MOST_PASSINGS)
            arguments = {"folder": str(self.folder), "point": point, "passing": passing, "disk": self._disk}
        self._pids[name] = self.launcher.start(name, self.folder / f"{name}.log", **arguments)

    def runs(self, name: str) -> bool:
        """Whether it runs. One that ended otherwise than by being killed or asked to is a broken promise; on a bad disk
        a program may say so and leave, and its service manager starts it again."""
        if name not in self._pids:
            return False
        status = self.launcher.status(self._pids[name])
        if status is None:
            return True
        del self._pids[name]
        if status == 1 and self._disk and "by a bug" not in self.log(name):
            self.counts[f"{name} gave up on its disk and was started again"] += 1
            return False
        if status != -9 or self._armed[name] is None:
            raise RoadError(f"{name} has ended with {status}:\n{self.log(name)[-3000:]}")
        self.counts[f"kill -9 {name} at {self._armed[name]}"] += 1
        return False

    def kill(self, name: str) -> bool:
        """kill -9; whether it still ran."""
        if not self.runs(name):
            return False
        pid = self._pids.pop(name)
        os.kill(pid, signal.SIGKILL)
        self.launcher.status(pid, wait=True)
        self.counts[f"kill -9 {name}"] += 1
        return True

    def send_signal(self, name: str, number: int) -> None:
        """Send a signal to a program, if it runs."""
        if self.runs(name):
            os.kill(self._pids[name], number)

    def log(self, name: str) -> str:
        """What a program has said."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- asking -----------------------------------------------------------------------------------------------------

    def accepted(self) -> Accepted:
        """What the ear has heard."""
        file = self.folder / "accepted.jsonl"
        return read_ear(file) if file.exists() else Accepted()

    def upto(self, spool: str) -> int:
        """How far the server holds a spool."""
        try:
            with sqlite3.connect(f"file:{self.folder}/server/pawon.db?mode=ro", uri=True) as store:
                row = store.execute("SELECT upto FROM spool WHERE spool = ?", (spool,)).fetchone()
            store.close()
        except sqlite3.Error:
            return 0  # there is no store yet
        return int(row[0]) if row else 0

    def healthy(self) -> bool:
        """Whether the server says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/health", timeout=2) as answer:
                return bool(json.load(answer)["ok"])
        except OSError:
            return False

    def until(self, condition: Callable[[], bool], what: str, within_s: float = DRAIN_S) -> None:
        """Wait for something; what died is started again."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {name}\n{self.log(name)[-2500:]}" for name in ("gateway", "server", "broker"))
                raise RoadError(f"waited {within_s:.0f} s in vain for {what}\n{tails}")
            for name in ("broker", "server", "gateway"):
                self.start(name)
            time.sleep(0.1)

    # --- the end ----------------------------------------------------------------------------------------------------

    def settle(self, *, times_count: bool = True) -> Verdict:
        """End all faults, let everything arrive, and compare."""
        for proxy in self.proxies:
            proxy.calm()
        memory = memory_mb(self._pids["server"], "VmHWM") if self.runs("server") else 0.0
        for name in ("gateway", "server"):
            for flag in ("FULL", "FAILING", "SLOW"):
                (self.folder / name / flag).unlink(missing_ok=True)
            self.kill(name)  # one that is armed would die on the way
        self.until(self.healthy, "the server to be healthy")
        heard = self.accepted()
        if not heard.rows:
            raise RoadError("nothing was accepted")
        spool = max(heard.rows, key=lambda key: key[1])[0]
        goal = heard.last(spool)
        # A little more than all: the road goes on.
        self.until(lambda: self.upto(spool) > goal, f"row {goal + 1} at the server")
        self.devices.end()
        self.stop()
        verdict = compare(
            self.folder / "server/pawon.db", self.folder / "gateway/spool.db", self.accepted(), goal,
            self.devices.shown if times_count else None,
        )  # fmt: skip
        verdict.server_memory_mb = memory
        self._check_record(verdict)
        return verdict

    def _check_record(self, verdict: Verdict) -> None:
        """The journal proves itself, tells the same again, and its incidents are those of a server without faults."""
        store = open_to_read(self.folder / "server/pawon.db")
        try:
            proof = verify(store, KITCHEN)
            if proof.finding is not None:
                verdict.note(f"the journal: {proof.finding.text()}")
            again = rebuild(store, KITCHEN, self.folder)
            self._check_poison(verdict)
            for table in again.tables:
                if not table.same:
                    verdict.note(f"derived again, {table.table} differs in {table.count} rows")
            verdict.incidents = compare_incidents(store, self.folder / "twin", KITCHEN, GATEWAY, verdict.note)
        finally:
            store.dispose()

    def _check_poison(self, verdict: Verdict) -> None:
        """Of a batch that came in with bad rows, each bad one is kept with its reason, and the good one counts."""
        with sqlite3.connect(f"file:{self.folder}/server/pawon.db?mode=ro", uri=True) as store:
            found = store.execute(
                "SELECT id, (SELECT count(*) FROM quarantine WHERE journal_id = id), "
                "(SELECT count(*) FROM reading WHERE journal_id = id AND sensor = ?) FROM journal WHERE kind = 'batch' "
                "AND spool <> (SELECT spool FROM journal WHERE kind = 'batch' GROUP BY spool ORDER BY max(last) DESC)",
                (POISONED,),
            ).fetchall()
        store.close()
        for number, kept, used in found:
            self.counts["poisoned batches taken apart"] += 1
            if (kept, used) != (len(poison.BAD), len(poison.GOOD)):
                verdict.note(f"journal entry {number}: {kept} bad rows kept, {used} good rows used")

    def stop(self) -> None:
        """Everything ends as it would in a kitchen: the programs are asked to."""
        for name in ("gateway", "server"):
            if self.runs(name):
                pid = self._pids.pop(name)
                os.kill(pid, signal.SIGTERM)
                status = self.launcher.status(pid, wait=True)
                if status != 0:
                    raise RoadError(f"{name} has ended with {status}:\n{self.log(name)[-3000:]}")

    def end(self) -> None:
        """Everything is gone."""
        self.devices.end()
        self.launcher.end()
        for name in self.mounted:
            shutil.copytree(self.folder / name, self.folder / f"{name}.was", ignore=shutil.ignore_patterns("ballast"))
            subprocess.run(["umount", "--lazy", str(self.folder / name)], check=False)
        for proxy in self.proxies:
            self.counts.update({f"connection {name}": count for name, count in proxy.counts.items() if name != "none"})
            proxy.stop()


def _mount(folder: Path, size: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "pawon-torture", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


class RoadError(Exception):
    """The road does not do what it must; the text says what."""
