"""Home Assistant's core with its recorder, fed from a broker: each reading becomes a state, the recorder keeps them.

A subscriber of our own stands for its MQTT integration and does less than that would (no templates, no devices): the
figures flatter it. ``--commit-interval``: the recorder's own setting, 5 s by default (WAL, sync NORMAL); with 0 it
commits every event with sync FULL. ``--with-time`` keeps each row's time as an attribute, for the checker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
from homeassistant.components import recorder
from homeassistant.components.recorder import CONFIG_SCHEMA, DOMAIN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry
from homeassistant.helpers.recorder import async_initialize_recorder


async def serve(options: argparse.Namespace) -> None:
    """Runs until it is killed."""
    hass = HomeAssistant(str(options.data))
    hass.config.safe_mode = False
    await entity_registry.async_load(hass)
    async_initialize_recorder(hass)
    config = CONFIG_SCHEMA({DOMAIN: {"commit_interval": options.commit_interval, "auto_purge": False}})
    assert await recorder.async_setup(hass, config)
    hass.bus.async_fire("homeassistant_start")
    await hass.async_start()

    def take(readings: list[dict[str, object]]) -> None:
        for reading in readings:
            attributes = {"at_ms": reading["at_ms"]} if options.with_time else None
            hass.states.async_set(
                "sensor." + str(reading["sensor"]).replace("-", "_"), str(reading["value"]), attributes
            )

    def heard(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        found = orjson.loads(message.payload)
        hass.loop.call_soon_threadsafe(take, found if isinstance(found, list) else [found])

    client = mqtt.Client(client_id="home-assistant", clean_session=False)
    client.on_connect = lambda *_: client.subscribe("pawon/rows", qos=1)
    client.on_subscribe = lambda *_: print("ready", json.dumps(config[DOMAIN], default=str), flush=True)
    client.on_message = heard
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", options.port, keepalive=20)
    client.loop_start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--commit-interval", type=int, default=5)
    parser.add_argument("--with-time", action="store_true")
    asyncio.run(serve(parser.parse_args()))
