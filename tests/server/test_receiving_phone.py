"""Receiving in a real browser on a cheap phone: it fits, it complains of nothing, a scanner and a camera fill it in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright
from tests.server.conftest import Bench, on_sqlite
from tests.server.desk import PIN
from tests.server.phone import application
from tests.server.test_pages import CHROMIUM, FLAGS
from tests.server.test_purchases import BARCODE, done, kitchen, order, receipt, seller

__all__ = ["kitchen"]

PHONE = {"width": 360, "height": 740}
FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# What Android's Chrome has and this one has not: it finds the barcode at the second look.
DETECTOR = """
globalThis.BarcodeDetector = class {
  constructor() { this.looks = 0; }
  async detect() { this.looks += 1; return this.looks < 2 ? [] : [{ rawValue: %r }]; }
};
"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class Served:
    """The real application on a port of the kernel's choice."""

    def __init__(self, bench: Bench) -> None:
        config = uvicorn.Config(application(bench)[0], log_level="warning", lifespan="off", port=0)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def page(kitchen: Bench) -> Iterator[Page]:
    """A phone of the nutritionist, signed in; afterwards no page may have complained of anything."""
    served, complaints = Served(kitchen), []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *FAKE_CAMERA])
        context = browser.new_context(viewport=PHONE, base_url=served.url)  # type: ignore[arg-type]  # width and height
        made = context.new_page()
        made.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.goto("/staff/login")
        made.fill("[name=person]", "tono")
        made.fill("[name=pin]", PIN)
        made.click("main button")
        yield made
        browser.close()
    served.stop()
    assert complaints == []


@on_sqlite
def test_everything_fits_a_small_phone(kitchen: Bench, page: Page) -> None:
    """Nothing of the three pages is wider than 360 px, every big button is high enough for a thumb."""
    done(kitchen, seller(halal_until="2025-10-01", name="Peternakan Ayam Jaya Makmur Sentosa Abadi Nusantara"))
    placed = done(kitchen, order(note="x" * 80))
    done(kitchen, receipt(kitchen, supplier="jaya", order=placed.id, noted=21_000, despite="y" * 80, amount=3_000))
    for path in ("/staff/lots", f"/staff/lots?order={placed.id}", "/staff/orders", "/staff/suppliers"):
        page.goto(path)
        for more in page.locator("details").all():
            more.evaluate("one => { one.open = true; }")
        assert not page.evaluate(TOO_WIDE), path
        for button in page.locator("button.big:visible, a.big-link:visible, a.order:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44, path
    (lot,) = kitchen.rows("SELECT id FROM lot")
    page.goto(f"/staff/lots/{lot[0]}")
    assert page.locator('[data-code="short"]').is_visible()
    assert not page.evaluate(TOO_WIDE)


@on_sqlite
def test_a_scanner_that_types_fills_in_the_form(page: Page) -> None:
    """It types, with Ctrl+] between the elements, and ends with Enter; nothing is saved by that."""
    page.goto("/staff/lots")
    expect(page.locator("#camera")).to_be_hidden()
    page.click("[name=barcode]")
    page.keyboard.type("]C1010899123456789110AYM-0127")
    page.keyboard.press("Control+]")
    page.keyboard.type("17251231")
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/lots?barcode=**")
    form = page.locator("#receive")
    expect(form.locator("[name=item]:checked")).to_have_value("ayam")
    expect(form.locator("[name=code]")).to_have_value("AYM-0127")
    expect(form.locator("[name=expires]")).to_have_value("2025-12-31")


@on_sqlite
def test_a_camera_fills_in_the_form_where_the_browser_can_read_barcodes(page: Page) -> None:
    """One tap, and what it sees is read like a scanner's."""
    page.add_init_script(DETECTOR % BARCODE)
    page.goto("/staff/lots")
    page.click("#camera")
    page.wait_for_url("**/staff/lots?barcode=**")
    expect(page.locator("#receive [name=item]:checked")).to_have_value("ayam")
    expect(page.locator("#receive [name=amount]")).to_have_value("12,5")


@on_sqlite
def test_a_camera_that_is_refused_leaves_the_field(page: Page) -> None:
    """Whoever says no, or has none, types."""
    page.add_init_script(DETECTOR % BARCODE)
    page.add_init_script("navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no'));")
    page.goto("/staff/lots")
    page.click("#camera")
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator("[name=barcode]")).to_be_editable()
