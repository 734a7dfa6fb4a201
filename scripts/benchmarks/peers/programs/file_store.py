"""The simplest store behind a broker: a subscriber that appends every message to a file before it is acknowledged.

QoS 1, a fixed client id and no clean session, so that the broker keeps for it what comes meanwhile.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


def main() -> None:
    """Runs until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    file = os.open(options.store, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="file-store", clean_session=False)
    client.on_connect = lambda *_: client.subscribe("pawon/rows", qos=1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_message = lambda _client, _data, message: os.write(file, message.payload + b"\n")
    while True:
        try:
            client.connect("127.0.0.1", options.port, keepalive=20)
            while client.loop(timeout=1.0) == mqtt.MQTT_ERR_SUCCESS:
                pass
        except OSError:
            pass  # the broker is down; it comes back
        time.sleep(0.2)


if __name__ == "__main__":
    main()
