"""From a warm chiller to the second signature, on phones of 360 px, in Indonesian, with the real programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.system.kitchen import BIN, Kitchen, chromium, screenshots_folder

from pawon_server.web.desk import COOKIE

pytestmark = [pytest.mark.system, pytest.mark.browser]

PINS = {"sari": "482913", "rini": "739164"}
PATIENCE_MS = 20_000


def hire(kitchen: Kitchen, name: str, role: str) -> None:
    """As whoever installs the server does, before it runs."""
    command = [BIN / "pawon-server", "person", "set", "--demo", "--config", kitchen.folder / "server.toml",
               "--id", name, "--name", name.title(), "--role", role]  # fmt: skip
    done = subprocess.run(
        [str(part) for part in command], input=PINS[name], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def phone(browser: Browser, kitchen: Kitchen, name: str, complaints: list[str]) -> Page:
    """Somebody's own phone, signed in at the first page, without scripts."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale="id-ID", has_touch=True, java_script_enabled=False
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{kitchen.address}/staff")
    expect(page).to_have_url(re.compile(r"/staff/login"))
    expect(page.locator("body")).not_to_contain_text(name.title())
    page.get_by_label("Nama").fill(name.title())
    page.get_by_label("PIN").fill(PINS[name])
    page.get_by_role("button", name="Masuk").tap()
    expect(page.locator(".who")).to_contain_text(name.title())
    assert [one["httpOnly"] for one in context.cookies() if one["name"] == COOKIE] == [True]
    return page


def fits(page: Page) -> None:
    """Nothing stands beside the screen, and what is to be tapped is large enough for a thumb."""
    wide = page.locator("body").bounding_box()
    assert wide is not None
    assert wide["width"] <= 360
    for element in page.locator("a:visible, button:visible, summary:visible, input:visible, textarea:visible").all():
        box = element.bounding_box()
        assert box is not None
        assert box["x"] >= 0, element
        assert box["x"] + box["width"] <= 361, element.inner_text()
    for button in page.locator("button.big:visible, fieldset.choice label:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def show(page: Page, name: str) -> None:
    """Look at it, and keep a picture where pictures are wanted."""
    page.wait_for_load_state()  # its words stand there before its style does
    fits(page)
    if (folder := screenshots_folder()) is not None:
        page.screenshot(path=folder / f"staff-{name}.png", full_page=True)


def test_from_news_to_the_second_signature(tmp_path: Path) -> None:
    """The cook sees it first on her page, takes it, cannot settle it while it lasts without saying where the food is,
    settles it, and the head signs; then everybody reads what was done and nobody's name."""
    kitchen = Kitchen(tmp_path, embedded=True)
    hire(kitchen, "sari", "staff")
    hire(kitchen, "rini", "head")
    complaints: list[str] = []
    try:
        kitchen.start_all()
        kitchen.devices.act("chiller-1", "approach", target_c=14, tau_s=1)
        kitchen.until(
            lambda: [row for row in kitchen.api("incidents") if row["rule"] == "chiller-very-hot"], "the incident", 60
        )
        with chromium() as browser:
            cook = phone(browser, kitchen, "sari", complaints)
            case = cook.locator('#waiting .case[data-severity="critical"]').first
            expect(case).to_contain_text("belum selesai", timeout=PATIENCE_MS)
            expect(case).to_contain_text("baru")
            show(cook, "list")
            case.get_by_role("link").tap()
            expect(cook.locator("#incident")).to_contain_text("Pindahkan bahan")
            show(cook, "incident")
            cook.get_by_role("button", name="Tandai diterima").tap()
            expect(cook.locator("#handling")).to_have_text("diterima")

            settle = cook.locator("#settle")
            settle.get_by_role("radio", name="Pakai").tap()
            settle.get_by_label("Penyebab").fill("Pintu tidak rapat, kata Sari")
            settle.get_by_label("Yang dilakukan").fill("Karet pintu diganti")
            show(cook, "settle")
            settle.get_by_role("button", name="Simpan penyelesaian").tap()
            expect(settle.get_by_role("alert")).to_contain_text("Masalah masih berlangsung")
            expect(settle.get_by_label("Penyebab")).to_have_value("Pintu tidak rapat, kata Sari")
            expect(settle.locator('input[value="use"]')).to_be_checked()
            show(cook, "refused")
            settle.get_by_label(re.compile("Makanan dipindahkan ke mana")).fill("Ke chiller 2")
            settle.get_by_role("button", name="Simpan penyelesaian").tap()
            expect(cook.locator("#handling")).to_have_text("menunggu tanda tangan")
            expect(cook.locator("#sign")).to_contain_text("Menunggu orang lain")
            expect(cook.locator("#sign button")).to_have_count(0)

            kitchen.devices.act("chiller-1", "approach", target_c=3, tau_s=1)
            head = phone(browser, kitchen, "rini", complaints)
            head.goto(cook.url)
            expect(head.locator("#history")).to_contain_text("Pintu tidak rapat")
            show(head, "sign")
            head.get_by_role("button", name="Saya setuju dan menandatangani").tap()
            expect(head.locator("#handling")).to_have_text("selesai ditangani")
            expect(head.locator("#history")).to_contain_text("Rini · kepala dapur")
            show(head, "settled")
            head.locator(".menu summary").tap()
            head.get_by_role("link", name="Orang").tap()
            expect(head.locator("main")).to_contain_text("Sari · petugas")
            show(head, "people")

            forum = browser.new_page(viewport={"width": 360, "height": 740}, locale="id-ID")
            forum.goto(f"{kitchen.address}/forum")
            done = forum.locator('.case:has-text("Karet pintu diganti") .incident-done')
            expect(done).to_be_visible(timeout=PATIENCE_MS)
            expect(done).to_contain_text("Pintu tidak rapat, kata petugas.")
            expect(done).to_contain_text("makanan dipakai")
            text = forum.locator("body").inner_text().lower()
            assert "sari" not in text
            assert "rini" not in text
            head.get_by_role("button", name="Keluar").tap()
            expect(head).to_have_url(re.compile(r"/staff/login"))
        # What a refused form answers is told to the browser's console too, as 409; nothing else may be.
        assert [words for words in complaints if "409" not in words] == []
        found = next(row for row in kitchen.api("incidents") if row["rule"] == "chiller-very-hot")
        assert (found["settled"], found["disposition"], found["corrective_action"]) == (
            True, "use", "Karet pintu diganti",
        )  # fmt: skip
    finally:
        kitchen.end()
