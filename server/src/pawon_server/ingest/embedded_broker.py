"""amqtt in the server's own process, for a kitchen that runs no other broker: ``broker = "embedded"``.

It keeps nothing across a restart, which end-to-end acknowledgement does not mind. It listens on loopback only: it
asks nobody for a password, so gateways on other machines need a broker of their own (mosquitto).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress

from amqtt.broker import Broker

# A kitchen's gateways and this server are a handful; more is somebody's mistake.
MAX_CLIENTS = 100
# What amqtt may take to say goodbye to its clients. They get everything again from whoever listens next.
FAREWELL_S = 3.0
LISTENER = "default"


class EmbeddedBroker:
    """Runs in a thread with an event loop of its own, so that pages never wait for messages."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._clients = 0
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="embedded-broker", daemon=True)

    def start(self) -> None:
        """Listen; raises ``OSError`` when the port cannot be had."""
        self._thread.start()
        self._ready.wait(timeout=10)
        if self._failed is not None:
            raise OSError(f"embedded broker at {self._host}:{self._port}: {self._failed}") from self._failed

    def stop(self) -> None:
        """Close the listener, so that the port is free, and every connection."""
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(timeout=5 * FAREWELL_S)

    def _run(self) -> None:
        # Its own log speaks of every packet; the server's log is for people.
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to start(), or the broker is gone and health says so
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        broker = Broker(
            {
                "listeners": {LISTENER: {"type": "external"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._clients >= MAX_CLIENTS:
                writer.close()
                return
            self._clients += 1
            try:
                await broker.stream_connected(reader, writer, LISTENER)
            finally:
                self._clients -= 1

        # Ours, not amqtt's: it would close its own last, and clients that reconnect meanwhile would keep it open.
        listener = await asyncio.start_server(connected, self._host, self._port)
        self._ready.set()
        await self._done.wait()
        listener.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(broker.shutdown(), FAREWELL_S)
