"""The record comes through every broker that Pawon names, and through its end in the middle of a backlog."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ports import own_port
from tests.system.short_road import Gateway, Server, until

from pawon_server.ingest.embedded_broker import EmbeddedBroker

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".tools" / "mosquitto"
ROWS = 3_000


def release() -> str:
    """The code name of this Debian."""
    words = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return words.get("VERSION_CODENAME", "")


def shipped_settings(folder: Path, port: int) -> Path:
    """The mosquitto.conf that compose runs, on loopback, with its files in ``folder`` and without its passwords, which
    the tests of compose prove."""
    text = (ROOT / "docker/mosquitto/mosquitto.conf").read_text()
    for setting, value in (
        ("listener", f"{port} 127.0.0.1"), ("allow_anonymous", "true"), ("persistence_location", f"{folder}/"),
    ):  # fmt: skip
        text, count = re.subn(rf"(?m)^{setting} .*$", f"{setting} {value}", text)
        assert count == 1, setting
    path = folder / "mosquitto.conf"
    path.write_text(re.sub(r"(?m)^(password_file|acl_file) .*$", "", text) + ("user root\n" if not os.getuid() else ""))
    return path


class Program:
    """A mosquitto by its own binary and the shipped settings."""

    def __init__(self, binary: str, folder: Path, port: int, libraries: Path | None = None) -> None:
        self._call = [binary, "-c", str(shipped_settings(folder, port))]
        self._environment = dict(os.environ)
        if libraries is not None:
            self._environment["LD_LIBRARY_PATH"] = str(libraries)
        self.start()

    def start(self) -> None:
        """Begin."""
        self._program = subprocess.Popen(self._call, env=self._environment, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """kill -9, by its own id."""
        assert self._program.poll() is None, "the broker refused its settings"
        self._program.kill()
        self._program.wait()


class Embedded:
    """The broker inside the server."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.start()

    def start(self) -> None:
        """Begin."""
        self._broker = EmbeddedBroker("127.0.0.1", self._port)
        self._broker.start()

    def stop(self) -> None:
        """End, with whatever it held."""
        self._broker.stop()


def of_debian(folder: Path, port: int) -> Program:
    """The broker of this Debian."""
    return Program(shutil.which("mosquitto") or "/usr/sbin/mosquitto", folder, port)


def of_backports(folder: Path, port: int) -> Program:
    """The newer one of Debian 12's backports; any later Debian's own is as new."""
    if release() != "bookworm":
        return of_debian(folder, port)
    binary = UNPACKED / "usr/sbin/mosquitto"
    assert binary.exists(), "scripts/test unpacks it; run that once"
    return Program(str(binary), folder, port, next(UNPACKED.glob("usr/lib/*/libwebsockets.so.17")).parent)


def embedded(_folder: Path, port: int) -> Embedded:
    """The one that needs no installing."""
    return Embedded(port)


@pytest.mark.parametrize("kind", [of_debian, of_backports, embedded], ids=lambda kind: kind.__name__)
def test_a_backlog_comes_through_a_broker_that_dies_twice(
    tmp_path: Path, kind: Callable[[Path, int], Program | Embedded]
) -> None:
    """Three thousand rows are waiting; the broker ends when some of them have arrived, and again. Every row arrives
    once, in order, whatever the broker forgot."""
    port = own_port()
    broker = kind(tmp_path, port)
    server = Server(tmp_path, port)
    gateway = Gateway(tmp_path / "card", own_port())  # nobody listens there yet
    gateway.accept_at_once([float(n % 50) for n in range(ROWS)])
    gateway.stop()
    gateway = Gateway(tmp_path / "card", port)
    for part in (1, ROWS // 2):
        until(lambda part=part: server.writer.committed_rows >= part, server.values)  # type: ignore[misc]
        broker.stop()
        broker.start()
    until(gateway.drained, lambda: (gateway.spool.upto, gateway.spool.last))
    gateway.stop()
    server.stop()
    broker.stop()
    assert server.values() == [float(n % 50) for n in range(ROWS)]
