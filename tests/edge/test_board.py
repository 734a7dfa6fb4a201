"""A whole board, its real firmware behind a simulated port, at a real gateway."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pawon_contract.broker import parse_broker
from pawon_edge.clock import SystemClock
from pawon_edge.config import load_config
from pawon_edge.gateway import Gateway
from pawon_firmware_bridge.cli import main as bridge
from pawon_firmware_bridge.simulator import Simulator
from pawon_firmware_bridge.simulator.bench_board import find_micropython
from pawon_firmware_bridge.simulator.scenario import parse_scenario

pytestmark = pytest.mark.skipif(find_micropython() is None, reason="no MicroPython wheel for this machine")

BOARD = """
[[device]]
name = "board"
protocol = "pawon-board"
board_id = "00000000000000aa"
[[device.channel]]
name = "hx711-0"
mass_g = 1_000
noise_g = 1
[[device.channel]]
name = "28-000000000a01"
temperature_c = 25
[[device.channel]]
name = "door-0"
"""
CONFIG = """
kitchen = "dapur"
gateway = "gw"
broker = "mqtt://127.0.0.1:9"
data_dir = "{data}"
heartbeat_s = 1
guard = {{ profile = "DEMO", server_silent_s = 5 }}
[[serial]]
name = "board"
path = "{port}"
protocol = "pawon-board"
board = "00000000000000aa"
sensor = [
    {{ id = "timbangan", channel = "hx711-0", counts_per_g = 20.0, division_g = 10, plateau_s = 1, merge_s = 0 }},
    {{ id = "chiller", channel = "28-000000000a01", quantity = "temperature_c", point = "chiller", name = "Chiller" }},
    {{ id = "pintu", channel = "door-0", quantity = "door" }},
]
"""


class Kitchen:
    """A simulated board, and the rows that a gateway has accepted from it."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder, self.simulator = folder, simulator

    def rows(self) -> list[dict[str, Any]]:
        with sqlite3.connect(self.folder / "data/spool.db") as spool:
            return [json.loads(item) for (item,) in spool.execute("SELECT item FROM row ORDER BY sequence")]

    def standing_g(self) -> int | None:
        """The plateau that the gateway keeps for its next start."""
        with sqlite3.connect(self.folder / "data/spool.db") as spool:
            row = spool.execute("SELECT stable_g FROM scale").fetchone()
        return None if row is None else int(row[0])

    def until(self, condition: Callable[[], bool], seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.rows()[-8:]
            time.sleep(0.05)


@contextmanager
def running(folder: Path, simulator: Simulator) -> Iterator[Kitchen]:
    """The board's gateway, whose broker does not exist."""
    (folder / "data").mkdir(exist_ok=True)
    path = folder / "gateway.toml"
    path.write_text(CONFIG.format(data=folder / "data", port=simulator.paths["board"]))
    config, digest = load_config(path)
    gateway = Gateway(config, digest, [parse_broker(config.broker)], SystemClock())
    thread = threading.Thread(target=gateway.run)
    thread.start()
    try:
        yield Kitchen(folder, simulator)
    finally:
        gateway.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_an_alarm_is_heard_and_seen_and_a_tared_cell_weighs(tmp_path: Path) -> None:
    """A warm chiller, no server: buzzer and light of the board really go on and off. A door is told at once. The load
    cell without a zero is a fault; tared with the installer's tool, it weighs from then on, also after a restart."""
    with Simulator(parse_scenario(BOARD.encode()), tmp_path / "devices") as simulator:
        with running(tmp_path, simulator) as kitchen:
            outputs = tmp_path / "devices/board.outputs"
            kitchen.until(
                lambda: outputs.exists() and "buzzer 1\nbuzzer 0" in outputs.read_text().replace("light 1\n", "")
            )
            assert "light 1" in outputs.read_text()
            kitchen.until(lambda: any(row.get("fault") == "no_zero" for row in kitchen.rows()))
            kitchen.simulator.act("board", "open", channel="door-0")
            kitchen.until(lambda: [row["active"] for row in kitchen.rows() if row["k"] == "contact"][-1:] == [True])
            kitchen.simulator.act("board", "close", channel="door-0")
            kitchen.until(lambda: [row["active"] for row in kitchen.rows() if row["k"] == "contact"][-1:] == [False])
        assert [row for row in kitchen.rows() if row["k"] == "weighing" or row.get("quantity") == "mass_g"] == []
        assert bridge(["board", str(simulator.paths["board"]), "tare", "0"]) == 0
        with running(tmp_path, simulator) as kitchen:
            kitchen.until(lambda: kitchen.standing_g() == 0)
            simulator.act("board", "add", channel="hx711-0", mass_g=500, duration_s=0.2)
            kitchen.until(lambda: kitchen.standing_g() == 500)
            assert weighings(kitchen) == [("in", 0, 500)]
        simulator.act("board", "restart")
        with running(tmp_path, simulator) as kitchen:
            count = len(kitchen.rows())
            kitchen.until(lambda: any(row.get("quantity") == "mass_g" for row in kitchen.rows()[count:]))
            time.sleep(3)  # long enough for a plateau: nothing changed, nothing is told
            assert weighings(kitchen) == [("in", 0, 500)]


def weighings(kitchen: Kitchen) -> list[tuple[str, int, int]]:
    """Changes of load that were accepted."""
    rows = [row for row in kitchen.rows() if row["k"] == "weighing"]
    return [(row["kind"], row["before_g"], row["after_g"]) for row in rows]
