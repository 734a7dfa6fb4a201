"""Processes under measurement: started, killed, ended by their own id, and their CPU, memory and written bytes read."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).parent / "programs"
TICKS = os.sysconf("SC_CLK_TCK")
READY = "ready"
# A busy machine, and Home Assistant's start on it.
READY_S = 300.0


def python(environment: str) -> Path:
    """The interpreter of one of the project's environments; ``SystemExit`` when it was not made."""
    path = ROOT / ".envs" / environment / "bin/python"
    if not path.exists():
        raise SystemExit(f"the environment {environment} is missing; start this through scripts/bench")
    return path


def free_port() -> int:
    """A port that the kernel chose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], what: str, within_s: float = READY_S) -> None:
    """Wait; ``RuntimeError`` when it does not come."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {within_s:.0f} s in vain for {what}")
        time.sleep(0.05)


class Program:
    """One program; may be started again. ``cpu_s`` sums all its lives."""

    def __init__(self, name: str, command: list[object], folder: Path) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._command = [str(part) for part in command]
        self._process: subprocess.Popen[bytes] | None = None
        self._spent_s = 0.0

    def start(self, *, ready: Callable[[], object] | None = None) -> None:
        """Start; returns when it said ``ready`` (or when ``ready`` is true)."""
        at = self.log.stat().st_size if self.log.exists() else 0
        environment = {**os.environ, "PYTHONPATH": str(PROGRAMS.parents[1]), "PYTHONUNBUFFERED": "1"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment
            )
        process = self._process

        def is_ready() -> object:
            if process.poll() is not None:
                raise RuntimeError(f"{self.name} has ended:\n{self.log.read_text(errors='replace')[-3000:]}")
            return ready() if ready is not None else READY in self.log.read_bytes()[at:].decode(errors="replace")

        until(is_ready, f"{self.name} to be ready")

    def tell(self, text: str) -> None:
        """One line to its standard input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def cpu_s(self) -> float:
        """CPU-seconds of all its threads, in all its lives."""
        return self._spent_s + (cpu_s(self.pid) if self.runs else 0.0)

    def stand_still(self) -> None:
        """SIGSTOP: for the moment at which its disk is photographed."""
        os.kill(self.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def end(self) -> None:
        """As a service manager would."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._spent_s += cpu_s(self.pid)
            self._process.send_signal(number)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass  # what it was not told any more
        self._process = None


def cpu_s(pid: int) -> float:
    """CPU-seconds of all threads of a process, user and system, from ``/proc/PID/stat``."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB: resident now, its own part of it, and the highest it ever was."""

    rss: float
    private: float
    highest: float


def memory(pid: int) -> Memory:
    """From ``/proc/PID/status``."""
    found = {
        name: int(rest.split()[0]) / 1024
        for name, _, rest in (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        if name in ("VmRSS", "RssAnon", "VmHWM")
    }
    return Memory(found["VmRSS"], found["RssAnon"], found["VmHWM"])


def written_bytes(pid: int) -> int:
    """Bytes that a process caused to be sent to the disk, from ``/proc/PID/io``."""
    text = Path(f"/proc/{pid}/io").read_text()
    return int(text.split("write_bytes: ")[1].split("\n")[0])


class Broker(Program):
    """A real mosquitto. ``settings``: lines beyond Debian's own defaults and what a test needs to run at all."""

    def __init__(self, name: str, folder: Path, data: Path, settings: str = "", port: int | None = None) -> None:
        self.port = port or free_port()
        self.conf = folder / f"{name}.conf"
        data.mkdir(parents=True, exist_ok=True)
        # As in Debian's mosquitto.conf: persistence on, autosave after 1800 s. ``user root``: the folder is ours.
        self.conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {data}/\n"
            f"{'user root' if os.getuid() == 0 else ''}\n{settings}\n"
        )
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mosquitto"
        super().__init__(name, [mosquitto, "-c", self.conf], folder)

    def start(self, *, ready: Callable[[], object] | None = None) -> None:
        """Start; it is ready when its port answers."""
        super().start(ready=ready or self._answers)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
