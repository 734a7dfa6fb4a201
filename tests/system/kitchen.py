"""A whole kitchen of real programs for the system tests: broker, server and gateway on simulated devices.

Every port is one the kernel chose, every program is ended by its own id, every log is kept in the test's folder. What
happens to the devices is told by the test when the programs are ready for it, not by a clock: a busy machine is late.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from tests.ports import own_port

from pawon_contract import chain, codec
from pawon_contract.messages import Envelope
from pawon_firmware_bridge.simulator import Simulator
from pawon_firmware_bridge.simulator.scenario import parse_scenario

BIN = Path(sys.executable).parent
# What the gateway says once it works, and can be told to stop.
GATEWAY_RUNS = "; spool "
# A row falls into the moment before the end in less than one end of five.
STOPS = 5
CHROMIUM_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip

SERVER = """
kitchen = "dapur-uji"
name = "Dapur Uji"
profile = "DEMO"
store = "{folder}/server/pawon.db"
broker = "{broker}"
embedded_listen = "127.0.0.1:{broker_port}"
http.port = {http_port}
[[gateway]]
id = "gw-1"
[[sensor]]
id = "chiller-1"
gateway = "gw-1"
name = "Chiller 1"
point = "chiller"
[[sensor]]
id = "chiller-2"
gateway = "gw-1"
name = "Chiller 2"
point = "chiller"
[[sensor]]
id = "es-batu"
gateway = "gw-1"
name = "Es batu"
[[sensor]]
id = "pemanas-1"
gateway = "gw-1"
name = "Pemanas"
point = "hot-hold"
[[sensor]]
id = "timbangan-beras"
gateway = "gw-1"
name = "Timbangan beras"
quantity = "mass_g"
[[sensor]]
id = "timbangan-terima"
gateway = "gw-1"
name = "Timbangan terima"
quantity = "mass_g"
[[item]]
id = "beras"
name = "Beras"
[[item]]
id = "ayam"
name = "Ayam"
[[place]]
id = "gudang-beras"
name = "Gudang beras"
scale = "timbangan-beras"
item = "beras"
auto_confirm = true
[[place]]
id = "penerimaan"
name = "Penerimaan"
scale = "timbangan-terima"
item = "ayam"
"""

GATEWAY = """
kitchen = "dapur-uji"
gateway = "gw-1"
broker = "mqtt://127.0.0.1:{broker_port}"
data_dir = "{folder}/gateway"
heartbeat_s = 2
[guard]
profile = "DEMO"
server_silent_s = 5
[[serial]]
name = "rice"
path = "{folder}/devices/scale-rice"
protocol = "yaohua-a12-wg"
[[serial.sensor]]
id = "timbangan-beras"
division_g = 20
plateau_s = 1.5
merge_s = 2
[[serial]]
name = "receiving"
path = "{folder}/devices/scale-receiving"
protocol = "yaohua-a9"
[[serial.sensor]]
id = "timbangan-terima"
division_g = 20
plateau_s = 1.5
merge_s = 2
[[serial]]
name = "board"
path = "{folder}/devices/board-hot"
protocol = "pawon-board"
[[serial.sensor]]
id = "pemanas-1"
channel = "28-000000000a01"
quantity = "temperature_c"
point = "hot-hold"
[[w1]]
root = "{folder}/devices/w1"
interval_s = 0.5
[[w1.sensor]]
id = "chiller-1"
rom = "28-000000000c01"
point = "chiller"
fault_after_s = 3
[[w1.sensor]]
id = "chiller-2"
rom = "28-000000000c02"
point = "chiller"
fault_after_s = 3
[[w1.sensor]]
id = "es-batu"
rom = "28-000000000e01"
fault_after_s = 3
"""

DEVICES = """
title = "Test kitchen"
[[device]]
name = "scale-rice"
protocol = "yaohua-a12-wg"
rate_hz = 10
mass_g = 48500
division_g = 20
noise_g = 3
[[device]]
name = "scale-receiving"
protocol = "yaohua-a9"
rate_hz = 10
mass_g = 0
division_g = 20
decimals = 2
noise_g = 3
[[device]]
name = "chiller-1"
protocol = "ds18b20-w1"
path = "w1/28-000000000c01"
temperature_c = 3.4
[[device]]
name = "chiller-2"
protocol = "ds18b20-w1"
path = "w1/28-000000000c02"
temperature_c = 3.1
[[device]]
name = "ice"
protocol = "ds18b20-w1"
path = "w1/28-000000000e01"
temperature_c = 0
noise_c = 0
[[device]]
name = "board-hot"
protocol = "pawon-board"
board_id = "b0a2d00000000001"
[[device.channel]]
name = "28-000000000a01"
temperature_c = 66
"""

DEVICE_OF = {
    "timbangan-beras": "scale-rice", "timbangan-terima": "scale-receiving", "chiller-1": "chiller-1",
    "chiller-2": "chiller-2", "es-batu": "ice", "pemanas-1": "board-hot",
}  # fmt: skip


class Kitchen:
    """The programs of one kitchen. ``embedded``: the server runs its own broker."""

    def __init__(self, folder: Path, *, embedded: bool = False) -> None:
        self.folder = folder
        self.embedded = embedded
        self.http_port, self.broker_port = own_port(), own_port()
        self.programs: dict[str, subprocess.Popen[bytes]] = {}
        self._truth = (folder / "truth.jsonl").open("a")
        self.devices = Simulator(parse_scenario(DEVICES.encode()), folder / "devices", truth=self._truth)
        broker = "embedded" if embedded else f"mqtt://127.0.0.1:{self.broker_port}"
        values = {
            "folder": folder, "broker": broker, "broker_port": self.broker_port, "http_port": self.http_port,
        }  # fmt: skip
        (folder / "server.toml").write_text(SERVER.format(**values))
        (folder / "gateway.toml").write_text(GATEWAY.format(**values))
        (folder / "mosquitto.conf").write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            "max_inflight_messages 1000\n"
        )
        (folder / "devices").mkdir()

    # --- programs ---------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start one of broker, server, gateway."""
        command = {
            "broker": [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", self.folder / "mosquitto.conf"],
            "server": [BIN / "pawon-server", "serve", "--demo", "--config", self.folder / "server.toml"],
            "gateway": [BIN / "pawon-edge", "run", "--demo", "--config", self.folder / "gateway.toml"],
        }[name]  # fmt: skip
        begun = self.log(name).count(GATEWAY_RUNS)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.programs[name] = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        if name == "gateway":
            self.until(lambda: self.log(name).count(GATEWAY_RUNS) > begun, "the gateway to run")
        if name == "server":
            self.until(self.healthy, "the server to be healthy", 90)

    def start_all(self) -> None:
        """Everything; the devices last, so that the gateway has to wait for its ports."""
        for name in ("server", "gateway") if self.embedded else ("broker", "server", "gateway"):
            self.start(name)
        self.devices.start()

    def kill(self, name: str) -> None:
        """kill -9, as a power cut would."""
        program = self.programs.pop(name)
        program.kill()
        program.wait()

    def stop(self, name: str) -> int:
        """End a program as its service manager would; its exit status."""
        program = self.programs.pop(name)
        program.terminate()
        try:
            return program.wait(timeout=15)
        finally:
            program.kill()

    def stop_drained(self) -> None:
        """End the gateway when the server has everything. A row accepted in its last moment is sent after a start."""
        for _ in range(STOPS):
            assert self.stop("gateway") == 0
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                if self.drained():
                    return
                time.sleep(0.1)
            self.start("gateway")
            self.until(self.drained, "the server to have everything")
        raise AssertionError(f"the gateway was ended {STOPS} times and always had a row left")

    def end(self) -> None:
        """End whatever still runs."""
        for program in reversed(list(self.programs.values())):
            if program.poll() is None:
                program.terminate()
        for program in self.programs.values():
            try:
                program.wait(timeout=10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        self.devices.stop()
        self._truth.close()

    def log(self, name: str) -> str:
        """What a program has said."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- waiting ----------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], what: str, within_s: float = 40) -> None:
        """Wait for something to become true; the logs are shown when it does not."""
        deadline = time.monotonic() + within_s
        while not condition():
            for name, program in self.programs.items():
                assert program.poll() is None, f"{name} has ended:\n{self.log(name)[-3000:]}"
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {path}\n{self.log(path.stem)[-1500:]}" for path in self.folder.glob("*.log"))
                raise AssertionError(f"waited {within_s} s in vain for {what}\n{tails}")
            time.sleep(0.1)

    def until_settled(self, device: str, mass_g: float) -> None:
        """Wait until a scale has come to rest with this on it."""
        wanted = {"device": device, "event": "settled", "value": mass_g}
        self.until(lambda: any(wanted.items() <= row.items() for row in self.truth()), f"{device} to settle")

    # --- asking -----------------------------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.http_port}"

    def healthy(self) -> bool:
        """Whether the server says it can do its work."""
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:
                return bool(json.load(answer)["ok"])
        except (urllib.error.URLError, OSError):
            return False

    def api(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, through its pages."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            joint = "&" if "?" in path else "?"
            with urllib.request.urlopen(
                f"{self.address}/api/v1/{path}{cursor and joint + cursor}", timeout=5
            ) as answer:
                page = json.load(answer)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"cursor={page['next']}"

    def latest(self, sensor: str) -> dict[str, Any]:
        """The newest value of one sensor."""
        return self.api(f"latest?sensor={sensor}")[0]

    def drained(self) -> bool:
        """Whether the gateway says that the server has everything."""
        gateway = self.api("gateways")[0]
        with self.spool() as spool:
            last = spool.execute("SELECT max(last) FROM row").fetchone()[0]
        return bool(gateway["upto"] == last)

    @contextmanager
    def spool(self) -> Iterator[sqlite3.Connection]:
        """The gateway's spool, to read."""
        connection = sqlite3.connect(f"file:{self.folder}/gateway/spool.db?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        """The server's store, to read."""
        connection = sqlite3.connect(f"file:{self.folder}/server/pawon.db?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()

    # --- the oracle -------------------------------------------------------------------------------------------------

    def truth(self) -> list[dict[str, Any]]:
        """What the devices have shown, and what has happened to them."""
        return [json.loads(line) for line in (self.folder / "truth.jsonl").read_text().splitlines(True)
                if line.endswith("\n")]  # fmt: skip

    def compare_record(self) -> dict[str, int]:
        """Gateway and server hold the same rows, each once, and the chain proves it; how many of what.

        Asserts: no row missing, doubled, altered or out of order; every reading projected exactly once; every value
        is one that a device really showed.
        """
        with self.spool() as spool:
            spool_id = spool.execute("SELECT value FROM fact WHERE name = 'spool'").fetchone()[0]
            accepted = {row[0]: (row[1], row[2]) for row in spool.execute("SELECT sequence, boot, item FROM row")}
        with self.store() as store:
            batches = store.execute(
                "SELECT payload, first, last, chain_before, chain FROM journal WHERE kind = 'batch' ORDER BY id"
            ).fetchall()
            projected = store.execute("SELECT sequence, sensor, value FROM reading ORDER BY sequence").fetchall()
            refused = store.execute("SELECT reason FROM quarantine").fetchall()
        assert refused == []
        stored: dict[int, tuple[str, bytes]] = {}
        value, readings = chain.genesis(spool_id), 0
        for payload, first, last, before, after in batches:
            assert before == value
            assert first == len(stored) + 1
            envelope = codec.decode(payload, Envelope)
            assert isinstance(envelope, Envelope)
            for row in codec.rows(envelope, before, after=first - 1):
                assert row.sequence not in stored
                stored[row.sequence] = (envelope.boot, row.raw)
                value = row.chain
                readings += b'"k":"reading"' in row.raw
            assert after == value
            assert len(stored) == last
        assert stored == accepted
        assert len(projected) == readings
        assert len({sequence for sequence, _, _ in projected}) == readings
        shown: dict[str, set[float]] = {}
        for row_of in self.truth():
            if row_of["value"] is not None:
                shown.setdefault(row_of["device"], set()).add(round(row_of["value"], 4))
        for _, sensor, measured in projected:
            assert round(measured, 4) in shown[DEVICE_OF[sensor]], f"{sensor} never showed {measured}"
        return {"rows": len(stored), "readings": readings, "batches": len(batches)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def screenshots_folder() -> Path | None:
    """Where documentation pictures are to be written, if asked for."""
    name = os.environ.get("PAWON_SCREENSHOTS")
    return None if name is None else Path(name)
