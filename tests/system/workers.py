"""Several workers of one kitchen, with the real programs: mosquitto, PostgreSQL, ``pawon-server serve``, and gateways'
sending sides that behave as the real one does (a window ahead of ``committed``, rewound at every hole and timeout).

Not a test by itself.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text
from tests.ports import own_port
from tests.server.sender import Sender, temperature
from tests.system.kitchen import BIN

from pawon_contract import codec
from pawon_contract.messages import Committed
from pawon_contract.topics import parse_topic, topic
from pawon_server.record.rebuild import rebuild
from pawon_server.store.address import Database
from pawon_server.store.database import open_to_read

KITCHEN = "dapur-uji"
BATCH_ROWS = 20
AHEAD = 4
# The real gateway's is ten seconds; a shorter one makes more resends, which must do no harm.
TIMEOUT_S = 1.5


class Gateways:
    """The sending sides of all gateways of ``workers``, one connection for all: so many rows of each, as fast as they
    are stored; one in ``every_s``, by their stamps."""

    def __init__(self, workers: Workers, rows: int, *, warm_c: float = 3.0, every_s: int = 1) -> None:
        names = workers.names
        self.rows, self.generation = rows, next(workers.generations)
        self.answered: list[tuple[str, int]] = []
        self.resent = 0  # timeouts since somebody last set it to 0
        self._lock = threading.Lock()
        self._senders = {
            name: Sender(spool=f"{self.generation:010x}{number:010x}") for number, name in enumerate(names, 1)
        }
        for name, sender in self._senders.items():
            sender.add(
                *(temperature(warm_c + n % 5 / 10, n * every_s * 1000, f"sensor-{name}", every_s) for n in range(rows))
            )
        self._every_ms = every_s * 1000
        self._upto = dict.fromkeys(names, 0)
        self._next = dict.fromkeys(names, 1)
        self._moved_s = dict.fromkeys(names, time.monotonic())
        self._stop = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="the-gateways")
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(topic(KITCHEN, "+", "committed"), 1)
        self._client.connect("127.0.0.1", workers.broker_port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    @property
    def upto(self) -> dict[str, int]:
        """How far each gateway was told that its rows are stored."""
        with self._lock:
            return dict(self._upto)

    @property
    def done(self) -> bool:
        """Whether every row of every gateway was confirmed."""
        return all(upto == self.rows for upto in self.upto.values())

    def end(self) -> None:
        """Send no more."""
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self) -> None:
        while not self._stop.wait(0.01):
            for name, sender in self._senders.items():
                with self._lock:
                    if time.monotonic() - self._moved_s[name] > TIMEOUT_S:
                        self._next[name], self._moved_s[name] = self._upto[name] + 1, time.monotonic()
                        self.resent += 1
                    first = self._next[name]
                    if first > self.rows or first > self._upto[name] + AHEAD * BATCH_ROWS:
                        continue
                    last = min(self.rows, first + BATCH_ROWS - 1)
                    self._next[name] = last + 1
                payload = sender.batch(first, last, sent_ms=last * self._every_ms)
                self._client.publish(topic(KITCHEN, name, "log"), payload, qos=1)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        address, answer = parse_topic(message.topic), codec.decode(message.payload, Committed)
        assert address is not None
        assert isinstance(answer, Committed)
        assert answer.refused is None, answer.refused
        if answer.spool != self._senders[address.gateway].spool:
            return  # retained, from before
        with self._lock:
            self.answered.append((address.gateway, answer.upto))
            if answer.upto > self._upto[address.gateway]:
                self._upto[address.gateway], self._moved_s[address.gateway] = answer.upto, time.monotonic()
            if answer.answers is not None and answer.answers.first > answer.upto + 1:  # a hole
                self._next[address.gateway] = self._upto[address.gateway] + 1


class Workers:
    """The broker, the workers by name, and what they say."""

    def __init__(self, folder: Path, store: Database, names: list[str]) -> None:
        self.folder, self.store, self.names = folder, store, names
        self.broker_port = own_port()
        self.generations = itertools.count(1)
        self.ports: dict[str, int] = {}
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        config = f'kitchen = "{KITCHEN}"\nname = "Dapur Uji"\nstore = "{store}"\nbroker = "mqtt://127.0.0.1:{self.broker_port}"\n'
        for name in names:
            config += (
                f'[[gateway]]\nid = "{name}"\n[[sensor]]\nid = "sensor-{name}"\ngateway = "{name}"\nname = "{name}"\n'
            )
            config += 'point = "chiller"\n'
        (folder / "server.toml").write_text(config)
        (folder / "mosquitto.conf").write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 1000\n"
        )
        mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._start("broker", [mosquitto, "-c", str(folder / "mosquitto.conf")])

    def run(self, *names: str) -> None:
        """These workers run, and no others."""
        for name, program in self.programs.items():
            if name != "broker" and name not in names and program.poll() is None:
                program.terminate()
                program.wait(timeout=30)
        for name in names:
            if name not in self.programs or self.programs[name].poll() is not None:
                self._start_worker(name)

    def _start_worker(self, name: str) -> None:
        """All with the same configuration."""
        self.ports[name] = own_port()
        self._start(
            name, [str(BIN / "pawon-server"), "serve", "--config", str(self.folder / "server.toml"), "--http-port",
                   str(self.ports[name])],
        )  # fmt: skip
        self.until(lambda: self.health(name).get("ok"), f"{name} to be healthy")

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def health(self, name: str) -> dict[str, Any]:
        """What a worker says of itself; nothing while it says nothing."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/health", timeout=2) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        except (urllib.error.URLError, OSError):
            found = {}
        return found

    def holds(self, name: str) -> set[str]:
        """The gateways a worker says it holds."""
        return set(self.health(name).get("gateways", []))

    def alarms(self) -> int:
        """How many alerts all workers have sent, by their logs."""
        return sum(path.read_text(errors="replace").count(" pawon.alarm: ") for path in self.folder.glob("*.log"))

    def shown(self, name: str) -> set[str]:
        """The gateways of which a worker's API shows a value."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/api/v1/latest", timeout=5) as answer:
            items = json.load(answer)["items"]
        return {item["sensor"].removeprefix("sensor-") for item in items if item["value"] is not None}

    def until(self, condition: Callable[[], object], what: str, within_s: float = 120) -> None:
        """Wait for something to become true; the logs are shown when it does not."""
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                tails = "\n".join(
                    f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in self.folder.glob("*.log")
                )
                raise AssertionError(f"waited {within_s} s in vain for {what}\n{tails}")
            time.sleep(0.1)

    def end(self) -> None:
        """End whatever still runs."""
        for program in reversed(list(self.programs.values())):
            program.terminate()
        for program in self.programs.values():
            try:
                program.wait(timeout=15)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the store."""
        engine = open_to_read(self.store)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(query))]
        finally:
            engine.dispose()

    def compare_record(self, gateways: Gateways) -> None:
        """Every row of every gateway is stored once; the journal is proven, and the tables are what it says."""
        rows = gateways.rows
        found = self.ask(
            "SELECT gateway, count(*), min(sequence), max(sequence) FROM reading "
            f"WHERE spool LIKE '{gateways.generation:010x}%' GROUP BY gateway"
        )
        assert sorted(found) == [(name, rows, 1, rows) for name in self.names]
        engine = open_to_read(self.store)
        try:
            result = rebuild(engine, KITCHEN, self.folder)
        finally:
            engine.dispose()
        assert result.finding is None
        assert [table for table in result.tables if not table.same] == []
        assert self.ask("SELECT reason FROM quarantine") == []
        assert self.ask("SELECT count(*) FROM journal WHERE kind IN ('config', 'profile')") == [(2,)]
