"""amqtt in the server's own process, for a kitchen that runs no other broker: ``broker = "embedded"``.

It keeps nothing across a restart, which end-to-end acknowledgement does not mind. It listens on loopback only: it
asks nobody for a password, so gateways on other machines need a broker of their own (mosquitto).
"""

from __future__ import annotations

import asyncio
import logging
import threading

from amqtt.broker import Broker


class EmbeddedBroker:
    """Runs in a thread with an event loop of its own, so that pages never wait for messages."""

    def __init__(self, host: str, port: int) -> None:
        self._bind = f"{host}:{port}"
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
            raise OSError(f"embedded broker at {self._bind}: {self._failed}") from self._failed

    def stop(self) -> None:
        """Close the listener and every connection."""
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(timeout=5)

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
                "listeners": {"default": {"type": "tcp", "bind": self._bind, "max_connections": 100}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()
        self._ready.set()
        await self._done.wait()
        await broker.shutdown()
