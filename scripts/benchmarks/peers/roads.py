"""The contenders' roads from a measured row to the store that keeps it, each with every setting that is not a default.

A road has an ``edge`` (the process that accepts rows, and that is killed), a ``feeder`` (the process that is told to
feed: the edge itself where it can be), a central ``broker`` and a ``store``.
"""

from __future__ import annotations

import json
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .card import Card
from .processes import PROGRAMS, Broker, Program, free_port, python
from .rows import SENSORS, Row, Told, now_ms, read_journal, row_of

TUNED = "autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nmax_inflight_messages 0"
# The bridge's own default waits 5 to 30 s before it connects again; a round is shorter than that.
BRIDGE = """
connection uplink
address 127.0.0.1:{port}
topic pawon/# out 1
restart_timeout 1 1
"""
BRIDGE_TUNED = "cleansession false\nbridge_outgoing_retain false\nnotifications false\n"
SERVER = """
kitchen = "dapur-uji"
name = "Dapur Uji"
store = "{folder}/pawon.db"
broker = "mqtt://127.0.0.1:{port}"
http.port = {http_port}
[[gateway]]
id = "gw-1"
"""
SENSOR = """
[[sensor]]
id = "{sensor}"
gateway = "gw-1"
name = "{sensor}"
point = "chiller"
"""


class Road:
    """One contender in a fresh folder. ``settings``: what is not a default, for the report."""

    name = ""
    settings: tuple[str, ...] = ()
    edge: Program
    feeder: Program
    store: Program
    broker: Broker

    def __init__(self, folder: Path) -> None:
        self.folder, self.journal = folder, folder / "journal"
        folder.mkdir(parents=True)
        self.card = Card(folder / "card")
        self.make()
        self.programs = list(dict.fromkeys((self.broker, self.store, self.edge, self.feeder)))

    def make(self) -> None:
        """Name the programs."""
        raise NotImplementedError

    def stored(self) -> list[Row]:
        """What the store holds, in its order."""
        raise NotImplementedError

    def program(self, environment: str, name: str, *arguments: object) -> Program:
        """One of ``programs/`` in an environment."""
        command: list[object] = [python(environment), PROGRAMS / f"{name}.py", *arguments]
        return Program(name, command, self.folder)

    def start(self) -> None:
        """Everything, the broker first."""
        for program in self.programs:
            program.start()

    def end(self) -> None:
        """Everything."""
        for program in reversed(self.programs):
            program.end()
        self.card.close()

    def told(self) -> Told:
        """What was offered and accepted."""
        return read_journal(self.journal)

    def cpu_s(self) -> dict[str, float]:
        """CPU-seconds of each program so far."""
        return {program.name: program.cpu_s for program in self.programs}


class Pawon(Road):
    """Spool, uplink, mosquitto with Debian's defaults, server."""

    name = "Pawon"
    settings = ("none; its broker has Debian's defaults",)
    tuned = ""

    def make(self) -> None:
        self.broker = Broker("broker", self.folder, self.folder / "broker", self.tuned)
        self.http_port = free_port()
        config = self.folder / "server.toml"
        config.write_text(
            SERVER.format(folder=self.folder, port=self.broker.port, http_port=self.http_port)
            + "".join(SENSOR.format(sensor=sensor) for sensor in SENSORS)
        )
        self.store = Server(self.folder, config, self.http_port)
        self.edge = self.feeder = self.program(
            "dev", "pawon_spool", "--data", self.card.folder, "--journal", self.journal, "--port", self.broker.port,
            "--offset-ms", time.time_ns() // 1_000_000 - now_ms(),
        )  # fmt: skip

    def stored(self) -> list[Row]:
        return [
            Row(at_ms, sensor, value)
            for at_ms, sensor, value in ask(
                self.folder / "pawon.db", "SELECT at_ms, sensor, value FROM reading ORDER BY spool, sequence"
            )
        ]


class Server(Program):
    """The real server; ready when it says that it is healthy."""

    def __init__(self, folder: Path, config: Path, http_port: int) -> None:
        server = python("dev").parent / "pawon-server"
        super().__init__("server", [server, "serve", "--demo", "--config", config], folder)
        self._port = http_port

    def start(self, *, ready: Callable[[], object] | None = None) -> None:
        super().start(ready=ready or self._healthy)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/health", timeout=2) as answer:
                return bool(json.load(answer)["ok"])
        except (urllib.error.URLError, OSError):
            return False


class _FileStored(Road):
    """A road that ends in a subscriber with a file."""

    tuned = TUNED

    def make(self) -> None:
        self.broker = Broker("broker", self.folder, self.folder / "broker", self.tuned)
        self.store = self.program(
            "dev", "file_store", "--store", self.folder / "stored", "--port", self.broker.port
        )  # fmt: skip

    def stored(self) -> list[Row]:
        path = self.folder / "stored"
        return [row_of(line) for line in path.read_bytes().splitlines()] if path.exists() else []


class BridgeDefault(_FileStored):
    """A local mosquitto that bridges to the central one, both as Debian installs them."""

    name = "Mosquitto bridge, defaults"
    settings = ("restart_timeout 1 1 (default 5 to 30 s, longer than a round)",)
    tuned, bridge = "", BRIDGE

    def make(self) -> None:
        super().make()
        self.edge = Broker(
            "local", self.folder, self.card.folder / "local",
            f"{self.tuned}\n{self.bridge.format(port=self.broker.port)}",
        )  # fmt: skip
        self.feeder = self.program("dev", "mqtt_feeder", "--journal", self.journal, "--port", self.edge.port)


class BridgeTuned(BridgeDefault):
    """The same with everything that mosquitto offers against loss, on both."""

    name = "Mosquitto bridge, tuned"
    tuned, bridge = TUNED, BRIDGE + BRIDGE_TUNED
    settings = (*BridgeDefault.settings, *TUNED.splitlines(), *BRIDGE_TUNED.strip().splitlines())


class Thingsboard(_FileStored):
    """The gateway's storage of one kind; central broker tuned, so that a loss is the storage's own."""

    kind = ""
    settings = ("its shipped tb_gateway.json", *(f"broker: {line}" for line in TUNED.splitlines()))

    def make(self) -> None:
        super().make()
        self.edge = self.feeder = self.program(
            "peers", "thingsboard_storage", "--kind", self.kind, "--data", self.card.folder, "--journal", self.journal,
            "--port", self.broker.port,
        )  # fmt: skip


class ThingsboardMemory(Thingsboard):
    """Its default."""

    name, kind = "ThingsBoard gateway, memory (its default)", "memory"


class ThingsboardFile(Thingsboard):
    """Files."""

    name, kind = "ThingsBoard gateway, file", "file"


class ThingsboardSqlite(Thingsboard):
    """SQLite."""

    name, kind = "ThingsBoard gateway, sqlite", "sqlite"


class PawonStore(Pawon):
    """Pawon's road again, where the server is what is killed; its broker tuned like the others'."""

    name = "Pawon server"
    settings = tuple(f"broker: {line}" for line in TUNED.splitlines())
    tuned = TUNED


class _Recorder(Road):
    """Rows published straight to the central broker, and a store that subscribes."""

    settings = tuple(f"broker: {line}" for line in TUNED.splitlines())

    def make(self) -> None:
        self.broker = Broker("broker", self.folder, self.folder / "broker", TUNED)
        self.edge = self.feeder = self.program(
            "dev", "mqtt_feeder", "--journal", self.journal, "--port", self.broker.port
        )  # fmt: skip
        self.store = self.recorder()

    def recorder(self) -> Program:
        """The store."""
        raise NotImplementedError


class HomeAssistant(_Recorder):
    """Core and recorder."""

    name = "Home Assistant recorder, default"
    settings = ("fed with QoS 1 and a session that is kept (its own default is QoS 0)", *_Recorder.settings)
    commit_interval = 5

    def recorder(self) -> Program:
        return self.program(
            "peers-stores", "home_assistant_recorder", "--data", self.card.folder, "--port", self.broker.port,
            "--commit-interval", self.commit_interval, "--with-time",
        )  # fmt: skip

    def stored(self) -> list[Row]:
        rows = ask(
            self.card.folder / "home-assistant_v2.db",
            "SELECT m.entity_id, s.state, a.shared_attrs FROM states s JOIN states_meta m USING (metadata_id) "
            "JOIN state_attributes a USING (attributes_id) ORDER BY s.state_id",
        )
        return [
            Row(json.loads(attributes)["at_ms"], entity.removeprefix("sensor.").replace("_", "-"), float(state))
            for entity, state, attributes in rows
        ]


class HomeAssistantCommitting(HomeAssistant):
    """Every event committed with sync FULL."""

    name = "Home Assistant recorder, commit_interval 0"
    commit_interval = 0
    settings = ("commit_interval 0", *HomeAssistant.settings)


class MqttLogger(_Recorder):
    """Its recorder, QoS 0 as it subscribes."""

    name = "mqtt-logger"
    settings = (
        "none of its own; it subscribes with QoS 0, so what waits for it in the broker is lost with its connection",
        *_Recorder.settings,
    )

    def recorder(self) -> Program:
        return self.program(
            "peers-stores", "mqtt_logger_recorder", "--data", self.card.folder, "--port", self.broker.port
        )  # fmt: skip

    def stored(self) -> list[Row]:
        rows = ask(self.card.folder / "log.db", "SELECT MESSAGE FROM LOG ORDER BY ID")
        return [row_of(message) for (message,) in rows]


def ask(path: Path, query: str) -> list[tuple]:  # type: ignore[type-arg]  # whatever was asked for
    """Read a store beside its owner; nothing while it is not there or being made."""
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return db.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []
    finally:
        db.close()


EDGES: tuple[type[Road], ...] = (
    Pawon, BridgeDefault, BridgeTuned, ThingsboardMemory, ThingsboardFile, ThingsboardSqlite,
)  # fmt: skip
STORES: tuple[type[Road], ...] = (PawonStore, HomeAssistant, HomeAssistantCommitting, MqttLogger)
