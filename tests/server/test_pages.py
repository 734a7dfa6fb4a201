"""The screens in a real browser, fed by a real stream of events."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from babel.messages.extract import extract, extract_from_dir
from babel.messages.pofile import read_po
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from pawon_server.web import language, pages, view

# What the pages show of the board is no matter of the store.
STORES = ("sqlite",)

pytestmark = pytest.mark.browser
# Only a screen that never gets there waits so long; a busy machine may be slow.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
# 22 November 2026, 10:42:05 in Jakarta.
NOW_MS = 1_795_318_925_000
TICK_S = 0.25
WALL: ViewportSize = {"width": 1920, "height": 1080}


def tile(sensor: str = "chiller-1", **changes: Any) -> view.Tile:
    """A chiller as it should be, with ``changes``."""
    values: dict[str, Any] = {
        "sensor": sensor, "name": sensor.replace("-", " ").capitalize(), "point": "chiller",
        "quantity": "temperature_c", "unit": "°C", "state": "ok", "value": 3.4, "age_ms": 400, "valid_for_ms": 90_000,
        "limit": "≤ 5 °C", "high": 5.0,
    }  # fmt: skip
    return view.Tile(**(values | changes))


def scale(sensor: str = "timbangan-beras", **changes: Any) -> view.Tile:
    """A platform scale with a sack on it."""
    values: dict[str, Any] = {
        "point": "store", "quantity": "mass_g", "unit": "g", "value": 43_500.0, "limit": "", "high": None,
        "stable": True,
    }  # fmt: skip
    return tile(sensor, **(values | changes))


def incident(**changes: Any) -> view.IncidentView:
    """A chiller that has been too warm for 35 minutes."""
    values: dict[str, Any] = {
        "id": "i1", "kind": "limit", "severity": "critical", "sensor": "chiller-1", "name": "Chiller 1",
        "point": "chiller", "rule": "chiller-hot", "text_id": "Chiller panas", "text_en": "Chiller is too warm",
        "action_id": "Pindahkan bahan ke chiller cadangan. Periksa pintu dan listrik.",
        "action_en": "Move the food to another chiller. Check door and power.",
        "began_ms": NOW_MS - 35 * 60_000, "opened_ms": NOW_MS - 5 * 60_000, "closed_ms": None, "worst": 9.4,
        "limit_value": 5.0, "unit": "°C", "late": False,
    }  # fmt: skip
    return view.IncidentView(**(values | changes))


def stock(item: str, name: str, amount: int, **changes: Any) -> view.StockView:
    """A balance in the dry store."""
    values: dict[str, Any] = {"place": "gudang", "place_name": "Gudang kering", "unit": "g"}
    return view.StockView(item=item, item_name=name, amount=amount, **(values | changes))


def movement(ident: str, name: str, amount: int, **changes: Any) -> view.MovementView:
    """A weighed change in the dry store, two minutes ago."""
    values: dict[str, Any] = {
        "occurred_ms": NOW_MS - 120_000, "place": "gudang", "place_name": "Gudang kering", "item": name.lower(),
        "unit": "g", "state": "confirmed", "kind": "out" if amount < 0 else "in",
    }  # fmt: skip
    return view.MovementView(id=ident, item_name=name, amount=amount, **(values | changes))


SEVEN = [
    tile("chiller-1"), tile("chiller-2", value=0.0), tile("freezer-1", value=-18.4, high=-18.0),
    tile("penyimpanan-panas", value=64.2, high=None, low=60.0, limit="≥ 60 °C"), scale(),
    scale("timbangan-telur", value=0.0), tile("gudang-kering", value=27.9, high=30.0),
]  # fmt: skip


def batch(ident: str = "B-251122-1-ayam-0000", *, cooked: int | None = 3 * 3600, **changes: Any) -> view.BatchView:
    """A batch of which all is left, cooked so many seconds ago; warned after 3 h, stopped after 4 h and 6 h."""
    ended = None if cooked is None else NOW_MS - cooked * 1000
    steps = [] if ended is None else [
        view.StepView(at_ms=ended + hours * 3_600_000, severity=severity, text_id=f"Waktu {hours} jam",  # type: ignore[arg-type]  # as listed
                      text_en=f"{hours} hours", action_id=action, action_en=f"Do {hours}")
        for hours, severity, action in (
            (3, "warning", "Segera bagikan. Sisa waktu aman tinggal satu jam."),
            (4, "critical", "Berhenti bagikan. Tarik makanan. Hubungi kepala SPPG."),
            (6, "critical", "Buang makanan. Jangan kirim. Catat jumlah dan batch."),
        )
    ]  # fmt: skip
    values: dict[str, Any] = {
        "id": ident, "name": "Ayam kecap", "wave": "1", "day": "2025-11-22", "named": True, "cooked_ms": ended,
        "state": "cooking" if ended is None else "cooked", "portions": 300, "remaining": 300, "steps": steps,
    }  # fmt: skip
    return view.BatchView(**(values | changes))


def snapshot(tiles: list[view.Tile], **changes: Any) -> view.Snapshot:
    """A kitchen with ``tiles``, some stock, one movement awaiting confirmation, and nothing wrong."""
    values: dict[str, Any] = {
        "kitchen": view.Kitchen(
            id="contoh-01", name="SPPG Contoh 01", timezone="Asia/Jakarta", demo=False, profile="ID-MBG",
            profile_version="2026.11",
        ),
        "now_ms": NOW_MS, "incidents": [], "recent_incidents": [],
        "movements": [
            movement("m2", "Beras", -5000, state="proposed"), movement("m1", "Telur", 12_400),
            movement("m0", "Minyak goreng", -2_250, state="confirmed"),
        ],
        "stock": [
            stock("beras", "Beras", 1_204_350, minimum=500_000), stock("ayam", "Ayam potong", 43_500, minimum=60_000),
            stock("gula", "Gula", 0), stock("telur", "Telur", 360, unit="piece"),
            stock("minyak", "Minyak goreng", 38_000, unit="ml"),
        ],
        "gateways": [
            view.GatewayView(
                gateway="gw-1", online=True, age_ms=300, queue_rows=4, oldest_ms=900, clock="synced", upto=9182,
                delay_ms=800,
            )
        ],
    }  # fmt: skip
    return view.Snapshot(tiles=tiles, **(values | changes))


class Kitchen:
    """A server of the pages with a stream of events that tests can feed, stop and begin again."""

    def __init__(self) -> None:
        self.begin()
        self._queues: list[asyncio.Queue[tuple[str, bytes] | None]] = []
        self.streams_begun = 0
        app = FastAPI()
        app.include_router(pages.pages(self.current))
        app.add_api_route("/events", self._events)
        pages.mount_static(app)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def begin(self) -> None:
        """10:42:05, all is well and the stream speaks."""
        self.now = snapshot(SEVEN)
        self.streaming = True
        self._started = time.monotonic()

    def _serve(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self._listener])

        asyncio.run(serve())

    def current(self) -> view.Snapshot:
        """The snapshot, at the time that has passed since the start."""
        return msgspec.structs.replace(self.now, now_ms=NOW_MS + int((time.monotonic() - self._started) * 1000))

    def show(self, tiles: list[view.Tile], **changes: Any) -> None:
        """Another state of the kitchen, for the next page or the next stream."""
        self.now = snapshot(tiles, **changes)

    def send(self, name: str, data: msgspec.Struct) -> None:
        """One event to every screen."""
        self._put((name, msgspec.json.encode(data)))

    def send_raw(self, name: str, data: bytes) -> None:
        """One event of any bytes."""
        self._put((name, data))

    def stop_stream(self) -> None:
        """Say nothing more to anyone, without closing: the worst kind of silence."""
        self.streaming = False

    def start_stream(self) -> None:
        """Speak again."""
        self.streaming = True

    def _put(self, event: tuple[str, bytes] | None) -> None:
        for queue in list(self._queues):
            self._loop.call_soon_threadsafe(queue.put_nowait, event)

    async def _events(self) -> StreamingResponse:
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self._queues.append(queue)
        self.streams_begun += 1
        try:
            yield b": hello\n\n"
            greeted = False
            while True:
                event: tuple[str, bytes] | None
                if not greeted and self.streaming:
                    greeted, event = True, ("snapshot", msgspec.json.encode(self.current()))
                else:
                    try:
                        event = await asyncio.wait_for(queue.get(), TICK_S)
                    except TimeoutError:
                        event = ("tick", msgspec.json.encode(view.Tick(now_ms=self.current().now_ms)))
                    if event is None:
                        return
                if self.streaming:
                    yield b"event: " + event[0].encode() + b"\ndata: " + event[1] + b"\n\n"
        finally:
            self._queues.remove(queue)

    def close(self) -> None:
        """End the streams and the server."""
        self._put(None)
        self._server.should_exit = True
        self._thread.join(timeout=5)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def server() -> Iterator[Kitchen]:
    with contextlib.closing(Kitchen()) as kitchen:
        yield kitchen


@pytest.fixture
def kitchen(server: Kitchen) -> Kitchen:
    """The server as on the first morning."""
    server.begin()
    return server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, kitchen: Kitchen) -> Iterator[Open]:
    """Opens pages of the kitchen; afterwards none of them may have complained of anything."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def open_page(path: str = "/wall", *, ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(viewport=options.pop("viewport", WALL), **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        begun, deadline = kitchen.streams_begun, time.monotonic() + PATIENCE_MS / 1000
        page.goto(kitchen.url + path)
        while ready and kitchen.streams_begun == begun:  # so that what a test sends cannot be missed
            assert time.monotonic() < deadline, "the page asks for no events"
            page.wait_for_timeout(10)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def get(url: str, cookie: str = "") -> tuple[str, dict[str, str]]:
    """Text and headers of a page, without a browser."""
    request = urllib.request.Request(url, headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=5) as response:
        return response.read().decode(), {name.lower(): value for name, value in response.headers.items()}


def settle(page: Page) -> None:
    """Two frames later everything that waits to be painted is painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def sensor(page: Page, name: str = "chiller-1") -> Any:
    """The tile of one sensor."""
    return page.locator(f'.tile[data-sensor="{name}"]')


STATES: dict[view.TileState, tuple[str, str]] = {
    "warning": ("PERINGATAN", "WARNING"),
    "critical": ("KRITIS", "CRITICAL"),
    "no_data": ("TIDAK ADA DATA", "NO DATA"),
    "fault": ("SENSOR RUSAK", "SENSOR FAULT"),
    "ok": ("AMAN", "SAFE"),
}


@pytest.mark.parametrize("lang", ["id", "en"])
def test_state(kitchen: Kitchen, open_page: Open, lang: str) -> None:
    """A state is told by colour, drawing and word together, in both languages, as soon as an event brings it."""
    kitchen.show([tile()])
    one = sensor(open_page(f"/wall?lang={lang}"))
    colours = set()
    for state, words in STATES.items():
        kitchen.send("tile", tile(state=state, fault="disconnected" if state == "fault" else None))
        expect(one).to_have_attribute("data-state", state)
        expect(one.locator(".tile-word")).to_have_text(words[lang == "en"])
        expect(one.locator(".tile-icon use")).to_have_attribute("href", f"#icon-{state}")
        colours.add(one.locator(".tile-word").evaluate("e => getComputedStyle(e).color"))
        painted = one.evaluate("e => getComputedStyle(e).backgroundImage")
        assert ("repeating-linear-gradient" in painted) == (state == "no_data"), "only what is not known is hatched"
    assert len(colours) == len(STATES)


def test_numbers_are_written_as_people_write_them(kitchen: Kitchen, open_page: Open) -> None:
    """Decimal comma and dot for thousands in Indonesian, the other way round in English; a true minus sign."""
    kitchen.show([tile(value=4.5), tile("freezer-1", value=-18.04), scale(value=3_000_250.0)])
    for lang, expected in (
        ("id", ["4,5 °C", "−18,0 °C", "3.000,25 kg"]),
        ("en", ["4.5 °C", "−18.0 °C", "3,000.25 kg"]),
    ):
        page = open_page(f"/wall?lang={lang}")
        assert page.locator(".tile-value").all_inner_texts() == expected
    kitchen.send("tile", tile(value=-0.04))
    expect(sensor(page).locator(".tile-value")).to_have_text("0.0 °C")


def test_zero_is_data(kitchen: Kitchen, open_page: Open) -> None:
    """An emptied scale, a pail of ice and an empty shelf are values, not absences."""
    page = open_page()
    expect(sensor(page, "chiller-2").locator(".tile-value")).to_have_text("0,0 °C")
    expect(sensor(page, "timbangan-telur").locator(".tile-value")).to_have_text("0,00 kg")
    expect(sensor(page, "timbangan-telur")).to_have_attribute("data-state", "ok")
    expect(page.locator('#stock [data-place="gudang"][data-item="gula"] .amount')).to_have_text("0,00 kg")


def test_nothing_measured_is_not_fine(kitchen: Kitchen, open_page: Open) -> None:
    """A tile without a value is no data even if it is sent as safe, and then not all is well."""
    kitchen.show([tile(), tile("chiller-2", value=None, age_ms=None)])
    for options in ({}, {"java_script_enabled": False, "ready": False}):
        page = open_page(**options)
        expect(sensor(page, "chiller-2")).to_have_attribute("data-state", "no_data")
        expect(page.locator("#calm")).to_have_attribute("data-mood", "unknown")
        expect(page.locator("#calm")).to_contain_text("Chiller 2")


def test_tile_grows_old_by_itself(kitchen: Kitchen, open_page: Open) -> None:
    """A value that has lost its validity turns to no data on the screen's own clock, though the server says nothing."""
    kitchen.show([tile(valid_for_ms=3_000), tile("chiller-2")])
    page = open_page()
    one = sensor(page)
    expect(one).to_have_attribute("data-state", "ok")
    expect(page.locator("#calm")).to_have_attribute("data-mood", "well")
    expect(one).to_have_attribute("data-state", "no_data")
    expect(one.locator(".tile-age")).to_contain_text("DATA LAMA")
    expect(one.locator(".tile-value")).to_have_text("3,4 °C")
    assert "line-through" in one.locator(".number").evaluate("e => getComputedStyle(e).textDecorationLine")
    expect(page.locator("#calm")).to_have_attribute("data-mood", "unknown")
    expect(sensor(page, "chiller-2")).to_have_attribute("data-state", "ok")
    kitchen.send("tile", tile(value=3.6))
    expect(one).to_have_attribute("data-state", "ok")
    expect(one.locator(".tile-value")).to_have_text("3,6 °C")


def test_age_counts_on(kitchen: Kitchen, open_page: Open) -> None:
    """The age of a value grows second by second without any event about it."""
    kitchen.show([tile(age_ms=3_100)])
    page = open_page()
    # Every text as the screen writes it: one that stands for a second could fall between two looks from here.
    texts = page.evaluate(
        """() => new Promise((done) => {
          const age = document.querySelector('.tile[data-sensor="chiller-1"] .tile-age'), texts = [age.innerText];
          new MutationObserver(() => {
            if (texts.at(-1) !== age.innerText) texts.push(age.innerText);
            if (texts.length > 2) done(texts);
          }).observe(age, { childList: true, characterData: true, subtree: true });
        })"""
    )
    first = int(texts[0].split()[0])
    assert first >= 3
    assert texts == [f"{seconds} detik lalu" for seconds in range(first, first + 3)]


def test_older_value_never_replaces_newer(kitchen: Kitchen, open_page: Open) -> None:
    """A late row changes the judgement but not the newer figure; the next newer figure is taken."""
    kitchen.show([tile(value=4.1)])
    page = open_page()
    kitchen.send("tile", tile(value=9.9, age_ms=60_000, state="warning"))
    expect(sensor(page)).to_have_attribute("data-state", "warning")
    expect(sensor(page).locator(".tile-value")).to_have_text("4,1 °C")
    kitchen.send("tile", tile(value=4.2, age_ms=0))
    expect(sensor(page).locator(".tile-value")).to_have_text("4,2 °C")


def test_silent_server_is_shouted_and_recovered_from(kitchen: Kitchen, open_page: Open) -> None:
    """Five seconds without an event: DATA LAMA over everything, nothing green; a snapshot puts all right again."""
    page, english, forum = open_page(), open_page("/wall?lang=en"), open_page("/forum")
    banner = page.locator("#old-banner")
    expect(banner).to_be_hidden()
    kitchen.stop_stream()
    began = time.monotonic()
    page.evaluate(
        """() => new Promise((done) => {
          const look = () => document.body.dataset.connection === "old" && done();
          new MutationObserver(look).observe(document.body, { attributes: true });
          look();
        })"""
    )
    assert 3.5 <= time.monotonic() - began <= 7.5
    expect(banner).to_contain_text("DATA LAMA")
    expect(banner).to_contain_text("tidak ada hubungan dengan server sejak 10:42 WIB")
    expect(english.locator("#old-banner")).to_contain_text("OLD DATA")
    expect(forum.locator("#old-banner")).to_contain_text("DATA LAMA")
    assert banner.bounding_box()["width"] == WALL["width"]  # type: ignore[index]  # it is visible
    expect(page.locator("#calm")).to_have_attribute("data-mood", "unknown")
    expect(forum.locator("#answer")).to_have_attribute("data-mood", "unknown")
    assert "grayscale(1)" in page.locator(".floor").evaluate("e => getComputedStyle(e).filter")
    before = sensor(page).locator(".tile-age").inner_text()
    expect(sensor(page).locator(".tile-age")).not_to_have_text(before)
    kitchen.show([tile(value=2.2), tile("chiller-9", value=2.0)])
    kitchen.start_stream()
    expect(page.locator("body")).to_have_attribute("data-connection", "live", timeout=10_000)
    expect(banner).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(2)
    expect(sensor(page).locator(".tile-value")).to_have_text("2,2 °C")


def test_refused_stream_is_tried_again(browser: Browser, kitchen: Kitchen) -> None:
    """A server that answers with an error, at which EventSource gives up for good, is still asked again."""
    context = browser.new_context(viewport=WALL)
    page = context.new_page()
    page.route("**/events", lambda route: route.fulfill(status=503, body="starting"))
    page.goto(kitchen.url + "/wall")
    kitchen.show([tile(value=1.1)])
    page.wait_for_timeout(500)
    expect(sensor(page).locator(".tile-value")).to_have_text("3,4 °C")
    page.unroute("**/events")
    expect(sensor(page).locator(".tile-value")).to_have_text("1,1 °C", timeout=8_000)
    context.close()


def test_damaged_event_costs_one_snapshot(kitchen: Kitchen, open_page: Open) -> None:
    """An event that cannot be read is answered by asking for everything anew, not by standing still."""
    page = open_page()
    expect(sensor(page)).to_have_attribute("data-state", "ok")
    kitchen.show([tile(value=1.2)])
    kitchen.send_raw("tile", b'{"sensor": "chil')
    expect(sensor(page).locator(".tile-value")).to_have_text("1,2 °C")


@pytest.mark.parametrize(
    ("lang", "texts"),
    [
        ("id", ["KRITIS", "Keamanan pangan", "9,4 °C (batas 5 °C)", "35 menit", "Lakukan sekarang",
                "Pindahkan bahan ke chiller cadangan. Periksa pintu dan listrik.", "+1 lagi: Freezer 1"]),
        ("en", ["CRITICAL", "Food safety", "9.4 °C (limit 5 °C)", "35 min", "Do this now",
                "Move the food to another chiller. Check door and power.", "+1 more: Freezer 1"]),
    ],
)  # fmt: skip
def test_incident_says_what_to_do(kitchen: Kitchen, open_page: Open, lang: str, texts: list[str]) -> None:
    """The worst incident stands on top: what, where, how bad, since when, what to do now; others are counted."""
    page = open_page(f"/wall?lang={lang}")
    banner = page.locator("#incident")
    expect(banner).to_be_hidden()
    second = incident(id="i2", kind="silence", severity="warning", name="Freezer 1", worst=None, limit_value=None)
    kitchen.send("incidents", view.Incidents(incidents=[incident(), second], recent_incidents=[]))
    expect(banner).to_be_visible()
    expect(page.locator("#calm")).to_be_hidden()
    expect(banner).to_have_attribute("data-severity", "critical")
    expect(banner).to_have_attribute("data-kind", "limit")
    for text in texts:
        expect(banner).to_contain_text(text)
    food = banner.evaluate("e => getComputedStyle(e).backgroundColor")
    kitchen.send("incidents", view.Incidents(incidents=[second], recent_incidents=[]))
    expect(banner).to_have_attribute("data-kind", "silence")
    assert banner.evaluate("e => getComputedStyle(e).backgroundColor") != food
    kitchen.send("incidents", view.Incidents(incidents=[], recent_incidents=[]))
    expect(banner).to_be_hidden()
    expect(page.locator("#calm")).to_be_visible()


def test_stock_and_movements(kitchen: Kitchen, open_page: Open) -> None:
    """Balances in kilograms, litres or pieces; movements with sign, place and time; what is unconfirmed says so."""
    page = open_page()
    proposed = page.locator('#movements li[data-movement="m2"]')
    expect(proposed.locator(".amount")).to_have_text("−5,00 kg")
    expect(proposed).to_contain_text("menunggu konfirmasi")
    expect(proposed).to_contain_text("10:40")
    expect(page.locator('#stock [data-item="telur"] .amount')).to_have_text("360 buah")
    expect(page.locator('#stock [data-item="ayam"]')).to_contain_text("menipis")
    confirmed = movement("m2", "Beras", -5_000)
    kitchen.send("stock", view.Stock(stock=[stock("beras", "Beras", 1_199_350)], movements=[confirmed]))
    expect(page.locator("#stock li")).to_have_count(1)
    expect(page.locator('#stock [data-place="gudang"][data-item="beras"] .amount')).to_have_text("1.199,35 kg")
    expect(page.locator("#movements li")).to_have_count(1)
    expect(proposed).not_to_contain_text("menunggu")


def test_gateway_health(kitchen: Kitchen, open_page: Open) -> None:
    """A gateway that is away, or busy with a backlog, is said in the header."""
    page = open_page()
    link, gateway = page.locator("#link"), kitchen.now.gateways[0]
    expect(link).to_have_attribute("data-link", "ok")
    for changes, state, text in (
        ({"online": False}, "away", "1 dari 1 alat pengirim terputus"),
        ({"queue_rows": 3_000}, "behind", "Mengirim 3.000 catatan tertunda"),
        ({"online": None}, "unknown", "belum memberi kabar"),
    ):
        kitchen.send("gateways", view.Gateways(gateways=[msgspec.structs.replace(gateway, **changes)]))
        expect(link).to_have_attribute("data-link", state)
        expect(link).to_contain_text(text)


def test_demonstration_is_never_mistaken(kitchen: Kitchen, open_page: Open) -> None:
    """Every screen of a demonstration wears the ribbon, and no screen of a real kitchen does."""
    for path in ("/wall", "/forum"):
        kitchen.show(SEVEN)
        ribbon = open_page(path).locator("#demo-ribbon")
        expect(ribbon).to_be_hidden()
        kitchen.show(SEVEN, kitchen=msgspec.structs.replace(kitchen.now.kitchen, demo=True))
        kitchen.send("snapshot", kitchen.current())
        expect(ribbon).to_contain_text("PERAGAAN")
        expect(ribbon).to_contain_text("1 menit dimainkan dalam 1 detik")
        assert "PERAGAAN" in open_page(path, java_script_enabled=False, ready=False).locator("body").inner_text()


# Everything that a page says except what grows with time.
SAID = """() => Array.from(document.querySelectorAll(
  "h1, h2, .tile-name, .tile-value, .tile-word, .tile-limit, .amount, .item, .detail, .note, .low, .when, " +
  ".link-text, .incident-worst, .incident-sort, .incident-action, .incident-text-what, .calm-title, " +
  ".calm-detail, .rest, .zone"
)).filter((e) => e.closest("[hidden]") === null).map((e) => e.textContent.replace(/\\s+/g, " ").trim())"""


@pytest.mark.parametrize(
    ("path", "between", "words"),
    [
        ("/wall?lang=id", (90, 20), "perkiraan, antara 09:12 dan 10:22"),
        ("/forum?lang=en", (90, 20), "estimate, between 09:12 and 10:22"),
        ("/forum?lang=id", (None, 20), "perkiraan, sebelum 10:22"), ("/wall?lang=id", (90, None), "setelah 09:12"),
    ],
)  # fmt: skip
def test_a_date_that_no_clock_knew_says_so(
    kitchen: Kitchen, open_page: Open, path: str, between: tuple[int | None, int | None], words: str
) -> None:
    """An incident dated by its neighbours alone is an estimate, and its span is told, by the server and the scripts."""
    earliest_ms, latest_ms = (None if minutes is None else NOW_MS - minutes * 60_000 for minutes in between)
    kitchen.show(SEVEN, incidents=[incident(earliest_ms=earliest_ms, latest_ms=latest_ms)])
    page = open_page(path)
    said = page.locator(".incident-since").first
    expect(said).to_contain_text(words)
    settle(page)
    written = open_page(path, java_script_enabled=False, ready=False).locator(".incident-since").first
    expect(written).to_contain_text(words)


@pytest.mark.parametrize(
    ("path", "calm"),
    [("/wall?lang=id", False), ("/wall?lang=en", True), ("/forum?lang=id", True), ("/forum?lang=en", False)],
)
def test_page_is_right_without_scripts(kitchen: Kitchen, open_page: Open, path: str, calm: bool) -> None:
    """The server writes the same words, numbers and order as the scripts do, so the page is right without them."""
    over = incident(
        id="c1", closed_ms=NOW_MS - 86_400_000, began_ms=NOW_MS - 90_000_000, late=True, handling="settled",
        settled_ms=NOW_MS - 80_000_000, disposition="discard", cause=" Pintu {done}\nterbuka. ", done="<b>Dibuang</b>",
    )  # fmt: skip
    tiles = [
        *SEVEN, tile("f", state="fault", value=None, fault="power_on"), tile("g", state="fault", fault="odd_thing"),
        tile("d", quantity="door", unit="", value=1.0, limit="", high=None), scale("s", stable=False),
        tile("h", quantity="humidity_percent", unit="%", value=64.6, high=70.0),
    ]  # fmt: skip
    opened = [] if calm else [incident(severity="warning"), incident(id="i2", kind="fault", worst=None)]
    kitchen.show(tiles, incidents=opened, recent_incidents=[over])
    page = open_page(path)
    expect(page.locator(".tile[data-key]")).to_have_count(len(tiles))
    settle(page)
    written = open_page(path, java_script_enabled=False, ready=False).evaluate(SAID)
    assert page.evaluate(SAID) == written


def test_language_is_remembered(kitchen: Kitchen) -> None:
    """Indonesian unless asked; what was asked for once is kept in a cookie; another language is not invented."""
    page, headers = get(kitchen.url + "/wall")
    assert '<html lang="id">' in page
    assert "set-cookie" not in headers
    page, headers = get(kitchen.url + "/wall?lang=en")
    assert '<html lang="en">' in page
    cookie = headers["set-cookie"].split(";")[0]
    assert '<html lang="en">' in get(kitchen.url + "/forum", cookie)[0]
    assert '<html lang="id">' in get(kitchen.url + "/forum?lang=xx")[0]


def test_pages_take_nothing_from_elsewhere(kitchen: Kitchen, open_page: Open) -> None:
    """The policy forbids inline scripts and other origins, and the pages need neither."""
    for path in ("/wall", "/forum"):
        asked: list[str] = []
        page = open_page(path)
        page.on("request", _noting(asked))
        page.reload()
        expect(page.locator(".tile[data-key]")).to_have_count(7)
        assert asked
        assert [url for url in asked if not url.startswith(kitchen.url)] == []
        policy = get(kitchen.url + path)[1]["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def _noting(asked: list[str]) -> Callable[[Request], None]:
    return lambda request: asked.append(request.url)


def test_names_are_text(kitchen: Kitchen, open_page: Open) -> None:
    """A name from a configuration is shown as it is written and never becomes part of the page."""
    odd = '</script><img src=x onerror="window.harmed=1">'
    kitchen.show([tile(name=odd)], incidents=[incident(name=odd, action_id=odd)])
    for path in ("/wall", "/forum"):
        page = open_page(path)
        expect(page.locator(".tile-name").first).to_have_text(odd)
        assert page.evaluate("window.harmed") is None


def test_forum_names_no_devices(kitchen: Kitchen, open_page: Open) -> None:
    """The open page tells whether the kitchen is safe and what happened, and shows no gateway or sensor id."""
    over = incident(id="c1", closed_ms=NOW_MS - 86_400_000, began_ms=NOW_MS - 90_000_000)
    kitchen.show([tile("x-17", name="Chiller 1")], recent_incidents=[over])
    page = open_page("/forum")
    expect(page.locator("#answer")).to_have_attribute("data-mood", "well")
    expect(page.locator("#answer")).to_contain_text("Semua aman")
    expect(page.locator("#answer")).to_contain_text("1 hari tanpa insiden")
    expect(page.locator("#incidents")).to_contain_text("Pindahkan bahan ke chiller cadangan")
    text = page.locator("body").inner_text()
    assert "x-17" not in text
    assert "gw-1" not in text
    for path in pages.OPEN_DATA:
        expect(page.locator(f'a[href="{path}"]')).to_be_visible()


@pytest.mark.parametrize("path", ["/forum", "/forum?lang=en"])
def test_forum_fits_the_width(kitchen: Kitchen, open_page: Open, path: str) -> None:
    """The open page never scrolls sideways, from a small phone to a desk."""
    kitchen.show([*SEVEN, tile("x", name="Lemari-pendingin-sayur-dan-buah-utama")], incidents=[incident()])
    page = open_page(path)
    expect(page.locator(".tile[data-key]")).to_have_count(8)
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# What sticks out of its box; an ellipsis on a name is allowed, anything else is cut off.
CUT = """() => {
  const cut = [];
  for (const box of document.querySelectorAll(".tile, #incident, .incident-do, .rail, .slot, body")) {
    if (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1)
      cut.push(box.className + box.id);
    const outer = box.getBoundingClientRect();
    for (const part of box.querySelectorAll("p, h2, .number, .unit, .tile-word, li")) {
      const inner = part.getBoundingClientRect();
      if (!inner.width) continue;
      if (inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1 || inner.top < outer.top - 1)
        cut.push(box.className + " > " + part.className + ": " + part.textContent.trim());
    }
  }
  for (const word of document.querySelectorAll(".tile-word, .tile-value"))
    if (word.scrollWidth > word.clientWidth + 1) cut.push(word.textContent.trim());
  return cut;
}"""


def crowd(count: int) -> list[view.Tile]:
    """``count`` tiles, the difficult ones first."""
    hard = [
        tile("a", state="critical", value=-18.4), scale("b", name="Timbangan beras besar", value=1_204_350.0),
        tile("c", state="no_data", age_ms=86_399_000), tile("d", state="fault", fault="power_on"),
        tile("e", name="Penyimpanan panas", value=64.2, low=60.0, high=90.0), tile("f", state="warning", value=0.0),
    ]  # fmt: skip
    return (hard + [tile(f"chiller-{n}", name=f"Lemari pendingin {n}") for n in range(count)])[:count]


@pytest.mark.parametrize("font", ["", "DejaVu Sans Condensed"])
def test_wall_shows_everything_at_once(kitchen: Kitchen, open_page: Open, font: str) -> None:
    """No scrolling and nothing cut off on a 1920x1080 television, with 1 to 16 sensors, in a wide letter too."""
    opened = [incident(), incident(id="i2", name="Freezer 1"), incident(id="i3", name="Chiller 3")]
    page = open_page()
    page.evaluate("font => font && document.documentElement.style.setProperty('--font', font)", font)
    demo = msgspec.structs.replace(kitchen.now.kitchen, demo=True)
    for count in range(1, 17):
        kitchen.show(crowd(count), incidents=opened, kitchen=demo)
        kitchen.send("snapshot", kitchen.current())
        expect(page.locator("#tiles")).to_have_attribute("data-count", str(count))
        expect(page.locator(".tile")).to_have_count(count)
        settle(page)
        assert page.evaluate(CUT) == [], f"{count} tiles"


def test_wall_shows_the_same_picture_on_any_television(kitchen: Kitchen, open_page: Open) -> None:
    """A smaller, larger or flatter picture is the same picture."""
    kitchen.show(crowd(7), incidents=[incident()])
    page = open_page()
    expect(page.locator(".tile[data-key]")).to_have_count(7)
    for width, height in ((1280, 720), (1920, 940), (1280, 1024), (3840, 2160)):
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        assert page.evaluate(CUT) == [], f"{width}x{height}"


# Contrast by WCAG 2.1 of each text with every colour that its box is painted with.
CONTRAST = """() => {
  const light = (c) => c.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
  const sum = (c) => { const [r, g, b] = light(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const colours = (text) => Array.from(text.matchAll(/rgba?\\(([^)]+)\\)/g))
    .map((m) => m[1].split(",").map(Number)).filter((c) => c.length === 3 || c[3] === 1).map((c) => c.slice(0, 3));
  const found = [];
  const boxes = ".tile, #incident, .incident-do, #calm, .rail, .answer, .case, .rows, .honest";
  for (const box of document.querySelectorAll(boxes)) {
    if (box.closest("[hidden]")) continue;
    const style = getComputedStyle(box);
    const grounds = colours(style.backgroundColor + style.backgroundImage);
    for (const part of box.querySelectorAll("p, h2, h3, span, strong")) {
      if (part.closest(boxes) !== box) continue;
      const own = getComputedStyle(part);
      if (!part.textContent.trim() || colours(own.backgroundColor).length) continue;
      const text = sum(colours(own.color)[0]);
      const size = parseFloat(own.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(own.fontWeight) >= 700);
      for (const ground of grounds.map(sum)) {
        const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
        if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${box.className}${box.id} ${part.className}`);
      }
    }
  }
  return found;
}"""


@pytest.mark.parametrize("path", ["/wall", "/forum"])
def test_contrast(kitchen: Kitchen, open_page: Open, path: str) -> None:
    """Every word stands out from its ground as WCAG AA asks, in every state and kind of incident."""
    page = open_page(path, reduced_motion="reduce")
    for changes in ({}, {"severity": "warning"}, {"kind": "fault", "severity": "warning"}):
        kitchen.show(crowd(7), incidents=[incident(**changes)])
        kitchen.send("snapshot", kitchen.current())
        expect(page.locator(".incident-name").first).to_be_visible()
        expect(page.locator(f'[data-kind="{changes.get("kind", "limit")}"]').first).to_be_visible()
        settle(page)
        assert page.evaluate(CONTRAST) == []
    kitchen.show(SEVEN)
    kitchen.send("snapshot", kitchen.current())
    expect(page.locator("#calm, #answer")).to_have_attribute("data-mood", "well")
    settle(page)
    assert page.evaluate(CONTRAST) == []


WEB = Path(pages.__file__).parent


def test_catalogues_are_complete() -> None:
    """Every text of the pages is in both catalogues, translated into English, with the same blanks to fill."""
    method = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    options = {"**/templates/**.html": {"trimmed": "true"}}
    found = {str(message) for _, _, message, _, _ in extract_from_dir(WEB, method, options)}
    with (WEB.parent / "words.py").open("rb") as file:
        found |= {str(message) for _, message, _, _ in extract("python", file)}
    assert len(found) > 50
    for lang in language.LANGUAGES:
        path = WEB / "locale" / lang / "LC_MESSAGES" / "pawon.po"
        with path.open("rb") as file:
            assert {message.id for message in read_po(file) if message.id} == found
    english = language.read_catalogue(WEB / "locale" / "en" / "LC_MESSAGES" / "pawon.po")
    assert set(english) == found
    for source, translated in english.items():
        assert _blanks(source) == _blanks(translated), source


def _blanks(text: str) -> set[str]:
    return {part.split("}")[0] for part in text.split("{")[1:]}


@pytest.mark.parametrize(
    ("zone", "label", "clock"),
    [
        ("Asia/Jakarta", "WIB", "10:42"), ("Asia/Makassar", "WITA", "11:42"), ("Asia/Jayapura", "WIT", "12:42"),
        ("Asia/Kathmandu", "UTC+5:45", "09:27"),
    ],
)  # fmt: skip
def test_times_are_the_kitchens(kitchen: Kitchen, open_page: Open, zone: str, label: str, clock: str) -> None:
    """The clock is the kitchen's, whatever the television believes, and says which zone it is."""
    kitchen.show(SEVEN, kitchen=msgspec.structs.replace(kitchen.now.kitchen, timezone=zone))
    page = open_page(timezone_id="America/New_York")
    expect(page.locator("#clock")).to_have_text(clock)
    expect(page.locator(".zone")).to_have_text(label)


@pytest.mark.parametrize("path", ["/wall", "/forum"])
def test_a_screen_whose_scripts_are_dead_says_so(browser: Browser, kitchen: Kitchen, path: str) -> None:
    """A page that was drawn green and whose scripts never came does not stay green in silence."""
    context = browser.new_context(viewport=WALL)
    page = context.new_page()
    page.route("**/static/js/**", lambda route: route.abort())
    page.goto(kitchen.url + path)
    assert not page.locator("#dead-man").is_visible()
    page.locator("#dead-man").wait_for(state="visible", timeout=20_000)
    assert "DATA LAMA" in page.locator("#dead-man").inner_text()
    context.close()


def test_a_living_screen_never_calls_itself_dead(kitchen: Kitchen, open_page: Open) -> None:
    """The scripts begin the waiting anew every second, also where motion is unwanted."""
    page = open_page("/wall", reduced_motion="reduce")
    beats = {page.locator("#dead-man").get_attribute("data-beat")}
    deadline = time.monotonic() + 14
    while time.monotonic() < deadline:
        page.wait_for_timeout(500)
        beats.add(page.locator("#dead-man").get_attribute("data-beat"))
        assert not page.locator("#dead-man").is_visible()
    assert beats == {"a", "b"}


def test_what_was_never_booked_is_not_zero(kitchen: Kitchen, open_page: Open) -> None:
    """A place without an entry shows a dash and says so, from the server and from the scripts; it is never "low"."""
    unbooked = view.StockView(
        place="terima", place_name="Penerimaan", item="ayam", item_name="Ayam", amount=None, unit="g", minimum=5_000
    )
    kitchen.show([tile()], stock=[unbooked])
    for options in ({"java_script_enabled": False, "ready": False}, {}):
        row = open_page("/wall", **options).locator('#stock [data-place="terima"]')
        expect(row.locator(".amount")).to_have_text("–")
        expect(row.locator(".detail")).to_have_text("Penerimaan · belum dibukukan")
        assert row.get_attribute("data-low") is None


def test_a_batch_counts_down_on_the_wall(kitchen: Kitchen, open_page: Open) -> None:
    """Big, by the server's clock, second by second: from fine through its warning to over and counting up, without
    one word from the server but the ticks; and eaten, it is gone."""
    soon = 4 * 3600 - 6
    kitchen.show(SEVEN, batches=[batch(cooked=soon), batch("B-2", cooked=None, name="Nasi", wave="2")])
    page = open_page()
    shown = page.locator('.batch[data-batch="B-251122-1-ayam-0000"]')
    expect(shown).to_have_attribute("data-sign", "warning")
    expect(shown.locator(".batch-word")).to_have_text("SISA WAKTU")
    expect(shown.locator(".batch-what")).to_contain_text("Segera bagikan")
    first = shown.locator(".batch-figure").inner_text()
    assert first.startswith("0:00:0")
    expect(shown.locator(".batch-figure")).not_to_have_text(first)
    # Of 1080 lines: readable at three metres.
    assert float(shown.locator(".batch-figure").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 57
    expect(shown).to_have_attribute("data-sign", "critical", timeout=10_000)
    expect(shown.locator(".batch-word")).to_have_text("WAKTU HABIS")
    expect(shown.locator(".batch-figure")).to_have_text(re.compile(r"^\+0:00:0\d$"))
    expect(shown.locator(".batch-what")).to_contain_text("Berhenti bagikan")
    raw = page.locator('.batch[data-batch="B-2"]')
    expect(raw.locator(".batch-word")).to_have_text("SEDANG DIMASAK")
    expect(raw.locator(".batch-figure")).to_have_text("\u2013")
    kitchen.send("batches", view.Batches(batches=[batch(state="eaten", remaining=0, steps=[])]))
    expect(page.locator("#batches")).to_be_hidden()
    expect(page.locator("#movements")).to_be_visible()


def test_a_batch_on_an_old_wall_is_not_believed(kitchen: Kitchen, open_page: Open) -> None:
    """Without the server nobody knows whether it was eaten: its figure is struck out and called old."""
    kitchen.show(SEVEN, batches=[batch(cooked=60)])
    page = open_page()
    shown = page.locator(".batch")
    expect(shown).to_have_attribute("data-sign", "ok")
    expect(shown.locator(".batch-what")).to_contain_text("Makan sebelum 14:4")
    kitchen.stop_stream()
    expect(page.locator("body")).to_have_attribute("data-connection", "old", timeout=10_000)
    expect(shown).to_have_attribute("data-sign", "no_data")
    expect(shown.locator(".batch-word")).to_have_text("DATA LAMA")
    struck = "e => getComputedStyle(e).textDecorationLine"
    assert shown.locator(".batch-figure").evaluate(struck) == "line-through"


@pytest.mark.parametrize("path", ["/wall", "/forum"])
def test_batches_are_the_same_with_and_without_scripts(kitchen: Kitchen, open_page: Open, path: str) -> None:
    """What the server writes is what the scripts write."""
    kitchen.show(SEVEN, batches=[
        batch(cooked=3 * 3600 - 600), batch("B-2", cooked=5 * 3600, name="Sayur"), batch("B-3", cooked=None),
        batch("B-4", cooked=60, named=False, name="Masakan tanpa nama kompor"),
    ])  # fmt: skip
    look = "list => list.map(one => one.dataset.sign + '|' + one.innerText.replace(/\\d:\\d\\d:\\d\\d/, 'T'))"
    plain = open_page(path, java_script_enabled=False, ready=False)
    scripted = open_page(path)
    expect(scripted.locator(".batch[data-key]")).to_have_count(4)
    assert scripted.locator(".batch").evaluate_all(look) == plain.locator(".batch").evaluate_all(look)
    assert [one.split("|")[0] for one in plain.locator(".batch").evaluate_all(look)] == [
        "ok", "critical", "measured", "ok",
    ]  # fmt: skip


# Nothing of a batch sticks out of it, and it does not stick out of the rail.
WHOLE = """e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight
  && e.querySelector(".batch-what").scrollHeight <= e.querySelector(".batch-what").clientHeight + 1
  && e.getBoundingClientRect().bottom <= e.closest(".rail").getBoundingClientRect().bottom"""


def test_a_wall_full_of_batches_cuts_nothing_and_stands_out(kitchen: Kitchen, open_page: Open) -> None:
    """Four clocks fit beside any number of tiles, what is more is counted, and every word has contrast."""
    dishes = ((0, "Nasi"), (3, "Ayam kecap"), (35, "Sayur bening"), (7, "Semur tahu"), (1, "Tempe"), (2, "Buah"))
    many = [batch(f"B-{n}", cooked=hours * 3600, name=name) for n, (hours, name) in enumerate(dishes)]
    page = open_page(reduced_motion="reduce")
    for count in (1, 2, 3, 4, 6):
        kitchen.show(crowd(7), incidents=[incident(kind="batch")], batches=many[:count])
        kitchen.send("snapshot", kitchen.current())
        expect(page.locator(".batch")).to_have_count(min(count, 4))
        settle(page)
        assert page.evaluate(CUT) == [], f"{count} batches"
        assert page.evaluate(CONTRAST) == [], f"{count} batches"
        assert all(page.locator(".batch").nth(n).evaluate(WHOLE) for n in range(min(count, 4)))
    expect(page.locator("#batches .rest")).to_contain_text("+2")
    expect(page.locator(".incident-kind")).to_have_text("Keamanan pangan")
