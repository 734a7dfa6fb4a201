"""From a crate on the scale to the book, on phones of 360 px, with the real programs: two taps, seen at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.system.kitchen import Kitchen, chromium
from tests.system.test_staff_pages import PATIENCE_MS, hire, phone, show

pytestmark = [pytest.mark.system, pytest.mark.browser]


def test_a_crate_is_booked_with_two_taps(tmp_path: Path) -> None:
    """A weighing comes up on an open list by itself; two taps on a phone without scripts book it; the wall and the
    other phone show it without anybody touching them."""
    kitchen = Kitchen(tmp_path, embedded=True)
    hire(kitchen, "sari", "staff")
    complaints: list[str] = []
    try:
        kitchen.start_all()
        with chromium() as browser:
            cook = phone(browser, kitchen, "sari", complaints)
            cook.get_by_role("link", name="Stok", exact=True).tap()
            show(cook, "stock-empty")
            other = browser.new_context(storage_state=cook.context.storage_state(), locale="id-ID").new_page()
            other.goto(f"{kitchen.address}/staff/stock")
            wall = browser.new_page(viewport={"width": 1920, "height": 1080}, locale="id-ID")
            wall.goto(f"{kitchen.address}/wall")
            kitchen.devices.act("scale-receiving", "add", mass_g=25_000, duration_s=1)
            crate = "a[data-movement]:has-text('25,00 kg')"
            expect(other.locator(crate)).to_be_visible(timeout=PATIENCE_MS)
            expect(wall.locator("#movements")).to_contain_text("menunggu konfirmasi", timeout=PATIENCE_MS)

            cook.reload()
            show(cook, "stock")
            cook.locator(crate).tap()
            expect(cook.locator("svg polyline")).to_have_count(1)
            show(cook, "weighing")
            cook.get_by_role("button", name="Benar").tap()
            expect(cook.locator("#nothing")).to_be_visible()
            expect(other.locator("#nothing")).to_be_visible(timeout=PATIENCE_MS)
            expect(wall.locator("#movements")).not_to_contain_text("menunggu konfirmasi", timeout=PATIENCE_MS)
            expect(wall.locator("#stock")).to_contain_text("25,00 kg")
            cook.locator(".menu summary").tap()
            cook.get_by_role("link", name="Stok opname").tap()
            show(cook, "count")
        assert complaints == []
    finally:
        kitchen.end()
