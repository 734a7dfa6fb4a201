"""ThingsBoard gateway's event storage, used as its own service does: ``put``, then pack by pack to the broker.

A row is accepted when ``put`` has returned ``True``. A pack is done (``event_pack_processing_done``) when the broker
has acknowledged each of its messages, QoS 1, as in ``tb_gateway_service``; the storage's settings are those of the
``tb_gateway.json`` that the package ships, with another type and folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import thingsboard_gateway
from peers.rows import Journal, Orders
from thingsboard_gateway.storage.file.file_event_storage import FileEventStorage
from thingsboard_gateway.storage.memory.memory_event_storage import MemoryEventStorage
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage

STORAGES = {"memory": MemoryEventStorage, "file": FileEventStorage, "sqlite": SQLiteEventStorage}
SAMPLE_S = 0.005
# tb_gateway_service: minPackSendDelayMS
PACK_DELAY_S = 0.05
PACK_WAIT_S = 5.0
TOPIC = "pawon/rows"


def settings(kind: str, data: Path) -> dict[str, object]:
    """The package's own, of this type and in this folder."""
    shipped = json.loads((Path(thingsboard_gateway.__file__).parent / "config/tb_gateway.json").read_text())["storage"]
    if kind == "sqlite":
        del shipped["max_read_records_count"]  # meant for the file storage; the documentation of sqlite leaves it out
    return {**shipped, "type": kind, "data_folder_path": f"{data}/", "data_file_path": f"{data}/"}


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=STORAGES, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.addLevelName(5, "TRACE")
    logging.Logger.trace = lambda self, text, *a, **k: self.log(5, text, *a, **k)  # type: ignore[attr-defined]  # as TB's own logger has it
    logging.basicConfig(level=logging.WARNING)
    data = options.data / options.kind
    data.mkdir(exist_ok=True)
    chosen = settings(options.kind, data)
    storage = STORAGES[options.kind](chosen, logging.getLogger("storage"), threading.Event())
    journal, orders = Journal(options.journal), Orders()
    threading.Thread(target=send, args=(storage, options.port), daemon=True).start()
    print("ready", json.dumps(chosen), flush=True)
    while True:
        for row in orders.due():
            journal.offered(row)
            if storage.put(json.dumps({"deviceName": row.sensor, "telemetry": row.payload.decode()})):
                journal.accepted([row])
        time.sleep(SAMPLE_S)


def send(storage: FileEventStorage, port: int) -> None:
    """The service's sending thread."""
    client = mqtt.Client(client_id="thingsboard-gateway")
    client.reconnect_delay_set(1, 1)
    client.connect_async("127.0.0.1", port, keepalive=20)
    client.loop_start()
    while True:
        if not client.is_connected():
            time.sleep(PACK_DELAY_S)
            continue
        events = storage.get_event_pack()
        if not events:
            time.sleep(PACK_DELAY_S)
            continue
        told = [client.publish(TOPIC, json.loads(event)["telemetry"], qos=1) for event in events]
        deadline = time.monotonic() + PACK_WAIT_S
        while not all(info.is_published() for info in told) and time.monotonic() < deadline:
            time.sleep(0.005)
        if all(info.is_published() for info in told):
            storage.event_pack_processing_done()


if __name__ == "__main__":
    main()
