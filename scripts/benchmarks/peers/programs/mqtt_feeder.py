"""Publishes the generator's rows to a broker, QoS 1, one row a message. A row is accepted at the broker's PUBACK."""

from __future__ import annotations

import argparse
import logging
import time
from collections import deque
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from peers.rows import Journal, Orders, Row

SAMPLE_S = 0.005
TOPIC = "pawon/rows"


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    journal, orders = Journal(options.journal), Orders()
    waiting: dict[int, Row] = {}
    # Filled by paho's thread, emptied below: a lock taken in its callback would meet its own.
    acknowledged: deque[int] = deque()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="feeder")
    client.on_publish = lambda _client, _data, mid, *_: acknowledged.append(mid)
    client.max_inflight_messages_set(1000)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", options.port, keepalive=20)
    client.loop_start()
    while not client.is_connected():
        time.sleep(SAMPLE_S)
    print("ready", flush=True)
    while True:
        for row in orders.due():
            journal.offered(row)
            waiting[client.publish(TOPIC, row.payload, qos=1).mid] = row
        while acknowledged:
            journal.accepted([waiting.pop(acknowledged.popleft())])
        time.sleep(SAMPLE_S)


if __name__ == "__main__":
    main()
