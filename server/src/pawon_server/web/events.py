"""``/events``: server-sent events to every screen. Bounded for each; a screen that cannot follow gets a new snapshot.

Each event is encoded once and its bytes shared. Tiles are coalesced: at most thirty repaints a second, one at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec
from starlette.responses import StreamingResponse

from .view import Snapshot, Tick, Tile

QUEUE_EVENTS = 200
MAX_SCREENS = 300
REPAINT_S = 0.03
TICK_S = 1.0

# In a screen's queue: it could not follow, and what it missed is gone.
_BEHIND = b""

_encoder = msgspec.json.Encoder()


def encode_event(name: str, data: msgspec.Struct) -> bytes:
    """One event in the wire form of the HTML standard."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encoder.encode(data))


class Hub:
    """Lives in the pages' event loop; ``publish`` may be called from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._screens: set[asyncio.Queue[bytes | None]] = set()
        self._tiles: dict[str, Tile] = {}
        self._flush_at: float = 0.0
        self._flushing = False
        self._ticking: asyncio.Task[None] | None = None
        self.resynchronised = 0

    @property
    def screens(self) -> int:
        """How many are connected."""
        return len(self._screens)

    def start(self, tick: Callable[[], int]) -> None:
        """Begin in the running loop; ``tick`` lets time pass on the board and says what time it is (ms UTC)."""
        self._loop = asyncio.get_running_loop()
        self._ticking = asyncio.create_task(self._tick(tick))

    async def stop(self) -> None:
        """End every stream."""
        if self._ticking is not None:
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking
        for screen in self._screens:
            _empty(screen)
            screen.put_nowait(None)

    def publish(self, name: str, data: msgspec.Struct) -> None:
        """Tell every screen; before ``start`` there is nobody to tell."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop closed in between
            if isinstance(data, Tile):
                loop.call_soon_threadsafe(self._repaint, data)
            else:
                loop.call_soon_threadsafe(self._send, name, data)

    def stream(self, snapshot: Callable[[], Snapshot]) -> StreamingResponse:
        """A screen connects."""
        if len(self._screens) >= MAX_SCREENS:
            return StreamingResponse(iter(()), status_code=503, headers={"Retry-After": "10"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._follow(snapshot), media_type="text/event-stream", headers=headers)

    async def _follow(self, snapshot: Callable[[], Snapshot]) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_EVENTS)
        self._screens.add(queue)
        try:
            yield encode_event("snapshot", snapshot())
            while (event := await queue.get()) is not None:
                yield encode_event("snapshot", snapshot()) if event is _BEHIND else event
        finally:
            self._screens.discard(queue)

    async def _tick(self, tick: Callable[[], int]) -> None:
        while True:
            self._send("tick", Tick(now_ms=tick()))
            await asyncio.sleep(TICK_S)

    def _repaint(self, tile: Tile) -> None:
        assert self._loop is not None
        self._tiles[tile.sensor] = tile
        if not self._flushing:
            self._flushing = True
            self._loop.call_at(max(self._flush_at, self._loop.time()), self._flush)

    def _flush(self) -> None:
        assert self._loop is not None
        tiles, self._tiles, self._flushing = self._tiles, {}, False
        self._flush_at = self._loop.time() + REPAINT_S
        for tile in tiles.values():
            self._send("tile", tile)

    def _send(self, name: str, data: msgspec.Struct) -> None:
        event = encode_event(name, data)
        for queue in self._screens:
            if queue.full():
                # The present is worth more than the whole past: its reader starts anew from a snapshot.
                _empty(queue)
                queue.put_nowait(_BEHIND)
                self.resynchronised += 1
            queue.put_nowait(event)


def _empty(queue: asyncio.Queue[bytes | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
