"""``/events`` over a real uvicorn: every screen starts from a snapshot, is bounded, and ends with the server."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from tests.server.conftest import BOOK, Bench
from tests.server.desk import desk
from tests.server.sender import BOOT

from pawon_contract import codec
from pawon_contract.messages import Live, LiveValue
from pawon_server import server as program
from pawon_server.web import events
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.events import Hub
from pawon_server.web.view import Snapshot, Stock, Tick

# What goes to the displays is no matter of the store.
STORES = ("sqlite",)


class Site:
    """The real application in a real HTTP server, on a port that the kernel chose or the one given."""

    def __init__(self, bench: Bench, port: int = 0) -> None:
        self.hub = Hub()
        self.board = Board(BOOK, bench.store.reader, demo=False, emit=self.hub.publish, utc_ms=lambda: bench.now_ms)
        self.app = make_app(
            version="1", reader=bench.store.reader, book=BOOK, board=self.board, hub=self.hub,
            health=lambda: {"ok": True}, metrics=dict, desk=desk(bench),
        )  # fmt: skip
        self.server = program._Pages(
            uvicorn.Config(self.app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=3),
            self.hub,
        )
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        until(lambda: self.server.started, "the server to start")
        self.port = int(self.server.servers[0].sockets[0].getsockname()[1])
        self._at_ms = 0

    def live(self, value: float) -> None:
        """A sample of chiller-1."""
        self._at_ms += 1
        sample = LiveValue(sensor="chiller-1", quantity="temperature_c", at_ms=self._at_ms, value=value)
        self.board.heard_live("gw-1", codec.encode(Live(boot=BOOT, sent_ms=self._at_ms, values=[sample])))

    def stop(self) -> float:
        """End as a signal would; how long it took."""
        began = time.monotonic()
        self.server.should_exit = True
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()
        return time.monotonic() - began


class Screen:
    """A browser's event stream."""

    def __init__(self, site: Site, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
        self.connection.request("GET", "/events", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self) -> tuple[str, Any] | None:
        """The next event, or ``None`` at the end of the stream."""
        name = self.answer.readline().decode().strip()
        if not name:
            return None
        data = self.answer.readline().decode().strip()
        assert self.answer.readline() == b"\n", "an event ends with an empty line"
        assert data.startswith("data: ")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def until(self, wanted: str, condition: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first event of that name which fits."""
        while (event := self.next()) is not None:
            if event[0] == wanted and condition(event[1]):
                return event[1]
        raise AssertionError(f"the stream ended before {wanted}")

    def close(self) -> None:
        """The screen is switched off."""
        self.answer.close()
        self.connection.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for the server, not for a time."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


@pytest.fixture
def site(bench: Bench) -> Iterator[Site]:
    """The pages over an empty store."""
    made = Site(bench)
    yield made
    made.stop()


def test_a_screen_starts_from_a_snapshot_and_follows(site: Site) -> None:
    """First everything, then what changes; the time every second; never cached on the way."""
    screen = Screen(site)
    assert screen.answer.status == 200
    assert screen.answer.headers["Content-Type"].startswith("text/event-stream")
    assert screen.answer.headers["Cache-Control"] == "no-store"
    first = screen.next()
    assert first is not None
    assert first[0] == "snapshot"
    assert {tile["sensor"] for tile in first[1]["tiles"]} == {sensor.id for sensor in BOOK.settings.sensors}
    site.live(0.0)
    assert screen.until("tile")["value"] == 0.0
    assert screen.until("tick")["now_ms"] > 0
    screen.close()
    until(lambda: site.hub.screens == 0, "the closed screen to be forgotten")


def test_twenty_screens_see_the_same(site: Site) -> None:
    """Every screen gets the newest value, and all are forgotten when they go."""
    screens = [Screen(site) for _ in range(20)]
    for screen in screens:
        screen.until("snapshot")
    for number in range(50):
        site.live(number / 10)
    for screen in screens:
        assert screen.until("tile", lambda tile: tile["value"] == 4.9)["state"] == "warning"
        screen.close()
    until(lambda: site.hub.screens == 0, "all screens to be forgotten")


def test_repaints_are_bounded(site: Site) -> None:
    """A sensor that babbles repaints its tile ten times a second at most; the newest value always arrives."""
    screen = Screen(site)
    screen.until("snapshot")
    began = time.monotonic()
    for number in range(2000):
        site.live(number / 1000)
    values = []
    while not values or values[-1] != 1.999:
        values.append(screen.until("tile")["value"])
    assert len(values) <= 2 + (time.monotonic() - began) / events.REPAINT_S
    assert values == sorted(values)
    screen.close()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_may_not_listen(site: Site, origin: str) -> None:
    """A browser says whose page asks; strangers are refused, our own pages are not."""
    stranger = Screen(site, Origin=origin)
    assert stranger.answer.status == 403
    stranger.close()
    own = Screen(site, Origin=f"http://127.0.0.1:{site.port}")
    assert own.answer.status == 200
    own.close()


def test_too_many_screens_are_sent_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit, and an answer that says when to come again."""
    monkeypatch.setattr(events, "MAX_SCREENS", 1)
    first = Screen(site)
    first.until("snapshot")
    second = Screen(site)
    assert (second.answer.status, second.answer.headers["Retry-After"]) == (503, "10")
    second.close()
    first.close()


def test_open_screens_do_not_hold_up_the_end(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The streams are ended first, so the server ends at once and without a complaint; the screens see the end."""
    site = Site(bench)
    screens = [Screen(site) for _ in range(3)]
    for screen in screens:
        screen.until("snapshot")
    caplog.set_level(logging.WARNING)
    assert site.stop() < 2
    for screen in screens:
        with contextlib.suppress(AssertionError):
            screen.until("never")
        screen.close()
    assert caplog.messages == []


def test_a_screen_finds_the_server_again(bench: Bench) -> None:
    """After a restart on the same address a screen starts from a snapshot, as at first."""
    before = Site(bench)
    screen = Screen(before)
    screen.until("snapshot")
    before.stop()
    assert all(event[0] != "snapshot" for event in iter(screen.next, None))
    screen.close()
    after = Site(bench, before.port)
    again = Screen(after)
    assert again.until("snapshot")["tiles"]
    again.close()
    after.stop()


def empty_snapshot(bench: Bench) -> Snapshot:
    """What a new board shows."""
    return Board(BOOK, bench.store.reader, demo=False, emit=lambda *_: None).snapshot()


def test_a_slow_screen_gets_a_new_snapshot_and_stays_bounded(bench: Bench) -> None:
    """A screen that reads nothing for long costs a bounded queue; when it reads again it sees the present, and it
    misses nothing that comes after."""

    async def story() -> None:
        hub = Hub()
        hub.start(lambda: 0)
        stream = hub._follow(lambda: empty_snapshot(bench))
        assert (await anext(stream)).startswith(b"event: snapshot")
        for _ in range(3 * events.QUEUE_EVENTS):
            hub.publish("stock", Stock(stock=[], movements=[]))
        await asyncio.sleep(0)  # the loop hands them out
        (queue,) = hub._screens
        assert queue.qsize() <= events.QUEUE_EVENTS
        hub.publish("tick", Tick(now_ms=77))
        await asyncio.sleep(0)
        read = [await anext(stream) for _ in range(queue.qsize())]
        assert read[0].startswith(b"event: snapshot")
        assert read[-1] == events.encode_event("tick", Tick(now_ms=77))
        assert not any(event.startswith(b"event: snapshot") for event in read[1:])
        assert hub.resynchronised >= 1
        await hub.stop()
        assert [event async for event in stream] == []
        assert hub.screens == 0

    asyncio.run(story())


def test_a_slow_screen_ends_with_the_server(bench: Bench) -> None:
    """The word that the server ends reaches also the screen whose queue is full."""

    async def story() -> None:
        hub = Hub()
        hub.start(lambda: 0)
        stream = hub._follow(lambda: empty_snapshot(bench))
        await anext(stream)
        for _ in range(events.QUEUE_EVENTS):
            hub.publish("stock", Stock(stock=[], movements=[]))
        await asyncio.sleep(0)
        await hub.stop()
        assert [event async for event in stream] == []

    asyncio.run(story())


def test_news_before_the_start_and_after_the_end_harm_nobody() -> None:
    """The writer may speak before the pages listen, and after they have gone."""
    hub = Hub()
    hub.publish("tick", Tick(now_ms=1))

    async def begin() -> None:
        hub.start(lambda: 0)
        await hub.stop()

    asyncio.run(begin())
    hub.publish("tick", Tick(now_ms=2))
