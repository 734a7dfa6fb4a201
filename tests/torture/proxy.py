"""A bad network between an MQTT client and its broker: a small TCP proxy that delays, drips, hangs, resets and cuts,
and that knows MQTT just enough to swallow a PUBACK or say it twice.

Every connection draws its fault from the seed and its own number, so a run's schedule can be had again. ``calm`` ends
the bad connections and lets everything after them through.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable

FAULTS = (
    "delay", "drip", "half-open", "reset", "cut", "PUBACK swallowed", "PUBACK twice",
)  # fmt: skip
PASS = "none"
CHUNK_BYTES = 16_384
LONGEST_DELAY_S = 0.5
DRIP_BYTES, DRIP_S = 97, 0.004
# A fault strikes after so many bytes: in the handshake, in a batch, between two.
MOST_BYTES = 60_000
# The proxy itself ends a hanging connection, so that a run goes on where a client's keepalive is long.
HALF_OPEN_S = 12.0
PUBACK = 4


class FaultProxy:
    """Listens on a port of the kernel's choice and forwards to ``target``; runs in a thread of its own."""

    def __init__(self, target: Callable[[], int], seed: int, *, faults: tuple[str, ...] = FAULTS) -> None:
        self._target, self._seed, self._faults = target, seed, faults
        self.counts: Counter[str] = Counter()
        self.port = 0
        self._calm = False
        self._connections = 0
        self._open: dict[asyncio.StreamWriter, str] = {}
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)

    def start(self) -> int:
        """Begin; the port."""
        self._thread.start()
        self._listening.wait()
        return self.port

    def calm(self) -> None:
        """No more faults; connections that have one are ended."""
        self._calm = True
        self._loop.call_soon_threadsafe(self._end_faulty)

    def stop(self) -> None:
        """End everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        # asyncio's streams report a cancelled connection as an error.
        self._loop.set_exception_handler(lambda *_: None)
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _end_faulty(self) -> None:
        for writer, fault in self._open.items():
            if fault != PASS:
                writer.transport.abort()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chance = random.Random(f"{self._seed} {self._connections}")
        self._connections += 1
        fault = PASS if self._calm or not self._faults else chance.choice((PASS, *self._faults))
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            return
        self.counts[fault] += 1
        self._open[writer] = self._open[broker_writer] = fault
        left, other_chance = [chance.randint(1, MOST_BYTES)], random.Random(chance.random())
        pumps = [
            asyncio.ensure_future(self._pump(reader, broker_writer, writer, fault, left, other_chance)),
            asyncio.ensure_future(self._pump(broker_reader, writer, broker_writer, fault, left, chance)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, broker_writer):
                self._open.pop(end, None)
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other: asyncio.StreamWriter, fault: str,
        left: list[int], chance: random.Random,
    ) -> None:  # fmt: skip
        """One direction. ``left``: bytes of both directions until the fault strikes."""
        pieces = _packets(reader) if fault.startswith("PUBACK") else _chunks(reader)
        try:
            async for data in pieces:
                struck = left[0] <= len(data)
                left[0] -= len(data)
                if fault == "delay":
                    await asyncio.sleep(chance.uniform(0, LONGEST_DELAY_S))
                elif fault == "drip":
                    await _drip(writer, data)
                    continue
                elif fault == "half-open" and struck:
                    await asyncio.sleep(HALF_OPEN_S)
                    return
                elif fault in ("reset", "cut") and struck:
                    if fault == "cut":
                        writer.write(data[: len(data) // 2])
                        await writer.drain()
                        return
                    for end in (writer, other):
                        _reset(end)
                    return
                elif fault.startswith("PUBACK") and data[0] >> 4 == PUBACK and chance.random() < 0.5:
                    self.counts[f"{fault}, packets"] += 1
                    data = b"" if fault == "PUBACK swallowed" else data + data
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(CHUNK_BYTES):
        yield data


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Whole MQTT packets: a byte of type, the length in up to four bytes of seven bits, and so many bytes."""
    while head := await reader.read(1):
        length, shift = 0, 0
        while True:
            byte = await reader.readexactly(1)
            head += byte
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        yield head + await reader.readexactly(length)


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for at in range(0, len(data), DRIP_BYTES):
        writer.write(data[at : at + DRIP_BYTES])
        await writer.drain()
        await asyncio.sleep(DRIP_S)


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    end = writer.get_extra_info("socket")
    if end is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
