"""The real gateway program with sensors that have no wire: from the air and the house's broker into its spool."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests.edge.bluez import Air
from tests.edge.test_local_mqtt import Broker

from pawon_firmware_bridge.advertisements.bthome import UUID as BTHOME

CONFIG = """
kitchen = "dapur-uji"
gateway = "gw-1"
broker = "mqtt://127.0.0.1:{port}"
data_dir = "{folder}/data"
heartbeat_s = 1
[[bluetooth]]
name = "radio"
[[bluetooth.sensor]]
id = "gudang-1"
mac = "A4:C1:38:8D:18:B2"
[[bluetooth.sensor]]
id = "gudang-rh"
mac = "A4:C1:38:8D:18:B2"
quantity = "humidity_percent"
[[local_mqtt]]
name = "house"
broker = "mqtt://127.0.0.1:{port}"
[[local_mqtt.sensor]]
id = "chiller-1"
dialect = "zigbee2mqtt"
device = "chiller"
point = "chiller"
"""


def readings(folder: Path) -> dict[str, float]:
    """The newest recorded value of each sensor."""
    if not (folder / "data" / "spool.db").exists():
        return {}
    spool = sqlite3.connect(f"file:{folder}/data/spool.db?mode=ro", uri=True)
    try:
        rows = [json.loads(item) for (item,) in spool.execute("SELECT item FROM row ORDER BY sequence")]
    except sqlite3.OperationalError:
        return {}
    finally:
        spool.close()
    return {row["sensor"]: row["value"] for row in rows if row["k"] == "reading"}


def test_what_is_heard_is_recorded(tmp_path: Path) -> None:
    """One advertisement and one message become rows of the spool, and the gateway ends well when told to."""
    air, broker = Air(tmp_path), Broker(tmp_path)
    (tmp_path / "gateway.toml").write_text(CONFIG.format(port=broker.port, folder=tmp_path))
    air.start_bus()
    air.start_bluez()
    broker.start()
    log = (tmp_path / "gateway.log").open("wb")
    gateway = subprocess.Popen(
        [Path(sys.executable).parent / "pawon-edge", "run", "--config", tmp_path / "gateway.toml"],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": air.address}, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 20
        while len(readings(tmp_path)) < 3:
            assert time.monotonic() < end, (tmp_path / "gateway.log").read_text()
            assert gateway.poll() is None, (tmp_path / "gateway.log").read_text()
            air.send("A4:C1:38:8D:18:B2", BTHOME, "40 02 CA 09 03 BF 13")
            broker.say(("zigbee2mqtt/chiller", '{"temperature":3.4}'))
            time.sleep(0.1)
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(timeout=15) == 0
    finally:
        gateway.kill()
        gateway.wait()
        log.close()
        air.end()
        broker.kill()
    assert readings(tmp_path) == {"gudang-1": 25.06, "gudang-rh": 50.55, "chiller-1": 3.4}
