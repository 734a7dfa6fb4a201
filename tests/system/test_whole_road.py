"""From a probe's bytes to the wall, with the real programs, through kill -9 of each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.system.kitchen import Kitchen, chromium, screenshots_folder

pytestmark = [pytest.mark.system, pytest.mark.browser]


def tile(page: Page, sensor: str, part: str) -> str:
    """The text of one part of a tile."""
    return page.locator(f'.tile[data-sensor="{sensor}"] .tile-{part}').inner_text().strip()


def test_the_whole_road_survives_kill_9_of_every_program(tmp_path: Path) -> None:
    """An excursion, a dead probe, stock moved seen and unseen, a delivery; gateway, server and broker killed in the
    middle: nothing missing, doubled or invented, and the wall shows it all, and shouts when it knows nothing."""
    kitchen = Kitchen(tmp_path)
    act = kitchen.devices.act
    try:
        kitchen.start_all()
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1920, "height": 1080})
            trouble: list[str] = []
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.goto(f"{kitchen.address}/wall")
            expect(page.locator('.tile[data-sensor="es-batu"][data-state="ok"]')).to_be_visible(timeout=15_000)
            assert tile(page, "es-batu", "value").startswith("0,0")
            assert tile(page, "es-batu", "word").upper() == "TERUKUR", "no limit judges it, so nobody calls it safe"
            assert tile(page, "chiller-2", "word").upper() == "AMAN"
            assert "PERAGAAN" in page.locator("#demo-ribbon").inner_text().upper()

            # Rice taken while everything works: booked by the place's rule.
            act("chiller-1", "approach", target_c=14, tau_s=2)
            kitchen.until(lambda: len(kitchen.api("movements?state=confirmed")) == 1, "the opening balance")
            act("scale-rice", "take", mass_g=5000, duration_s=1)
            kitchen.until(lambda: len(kitchen.api("movements?state=confirmed")) == 2, "the withdrawal")
            kitchen.kill("gateway")
            # Sooner than its silence would be noticed, so it is the will that says so.
            kitchen.until(lambda: kitchen.api("gateways")[0]["online"] is False, "the gateway's last will", 8)
            act("scale-rice", "take", mass_g=2000, duration_s=1)
            kitchen.until_settled("scale-rice", 41_500)
            # A value past its validity is no data.
            expect(page.locator('.tile[data-sensor="chiller-1"][data-state="no_data"]')).to_be_visible(timeout=15_000)
            kitchen.start("gateway")

            # Rice taken while the gateway was dead: seen as a difference, only proposed.
            kitchen.until(lambda: kitchen.api("movements?state=proposed"), "the unseen withdrawal")
            act("chiller-2", "unplug")
            act("scale-receiving", "add", mass_g=25_000, duration_s=1)
            critical = page.locator('.tile[data-sensor="chiller-1"][data-state="critical"]')
            expect(critical).to_be_visible(timeout=20_000)
            assert tile(page, "chiller-1", "word").upper() == "KRITIS"
            assert float(tile(page, "chiller-1", "value").split()[0].replace(",", ".").rstrip("°C")) > 8
            expect(page.locator('#incident[data-severity="critical"]')).to_contain_text("Pindahkan bahan")
            expect(page.locator('.tile[data-sensor="chiller-2"][data-state="fault"]')).to_be_visible(timeout=20_000)
            assert tile(page, "chiller-2", "word").upper() == "SENSOR RUSAK"
            if (folder := screenshots_folder()) is not None:
                page.screenshot(path=folder / "wall.png")

            kitchen.until(lambda: len(kitchen.api("movements?state=proposed")) == 2, "the delivery")
            kitchen.kill("server")
            expect(page.locator("#old-banner")).to_be_visible(timeout=20_000)
            assert page.locator("body").get_attribute("data-connection") == "old"
            kitchen.kill("broker")
            kitchen.start("broker")
            kitchen.start("server")
            expect(page.locator("body")).to_have_attribute("data-connection", "live", timeout=15_000)
            kitchen.kill("gateway")
            kitchen.start("gateway")
            act("chiller-1", "approach", target_c=3.2, tau_s=1)
            act("chiller-2", "plug")

            expect(page.locator('.tile[data-sensor="chiller-1"][data-state="ok"]')).to_be_visible(timeout=40_000)
            expect(page.locator('.tile[data-sensor="chiller-2"][data-state="ok"]')).to_be_visible(timeout=20_000)
            expect(page.locator('#stock [data-place="gudang-beras"] .amount')).to_contain_text("43,50")
            kitchen.until(lambda: not kitchen.api("incidents?open=true"), "all incidents to be over", 30)
            assert trouble == []
        kitchen.stop_drained()

        figures = kitchen.compare_record()
        assert figures["readings"] > 100

        incidents = kitchen.api("incidents")
        hot = [row for row in incidents if row["rule"] == "chiller-very-hot"]
        assert len(hot) == 1, "one excursion is one incident, whoever was killed meanwhile"
        assert hot[0]["opened_at"] < hot[0]["closed_at"]
        assert 13 < hot[0]["worst"] < 14.5
        assert hot[0]["profile"] == "DEMO"
        faults = [(row["sensor"], row["rule"]) for row in incidents if row["kind"] == "fault"]
        assert faults == [("chiller-2", "disconnected")]

        movements = [(m["kind"], m["amount"], m["state"], m["place"]) for m in reversed(kitchen.api("movements"))]
        assert movements[:2] == [
            ("first", 48500, "confirmed", "gudang-beras"), ("out", -5000, "confirmed", "gudang-beras"),
        ]  # fmt: skip
        assert ("restart", -2000, "proposed", "gudang-beras") in movements
        assert ("in", 25000, "proposed", "penerimaan") in movements
        assert len(movements) == 4
        assert {row["place"]: row["amount"] for row in kitchen.api("stock")} == {
            "gudang-beras": 43500,
            "penerimaan": None,
        }

        with kitchen.store() as store:
            assert store.execute("SELECT sum(amount) FROM ledger_line").fetchone()[0] == 0
            unsent = store.execute("SELECT count(*) FROM alert WHERE sent_ms IS NULL").fetchone()[0]
            assert unsent == 0, "every alert went out"
        assert kitchen.stop("server") == 0
    finally:
        kitchen.end()


def test_the_embedded_broker_carries_the_same_road(tmp_path: Path) -> None:
    """No broker installed: readings, an excursion, an emptied scale; the server killed with its broker inside it."""
    kitchen = Kitchen(tmp_path, embedded=True)
    try:
        kitchen.start_all()
        kitchen.devices.act("chiller-1", "approach", target_c=14, tau_s=1)
        kitchen.until(lambda: kitchen.api("movements?state=confirmed"), "the opening balance")
        kitchen.devices.act("scale-rice", "take", mass_g=48_500, duration_s=1)
        kitchen.until(lambda: kitchen.latest("chiller-1")["state"] == "warning", "the chiller to be warm")
        kitchen.until(lambda: kitchen.latest("timbangan-beras")["value"] == 0, "the scale to be empty")
        kitchen.kill("server")
        # The gateway alarms by itself while the server is dead, the early warning first.
        kitchen.until(lambda: "Chiller sangat panas" in kitchen.log("gateway"), "the guard", 40)
        kitchen.start("server")
        kitchen.until(
            lambda: [row for row in kitchen.api("incidents") if row["rule"] == "chiller-very-hot"], "the incident"
        )
        kitchen.until(lambda: kitchen.latest("chiller-1")["state"] == "critical", "the tile to say so")
        kitchen.until(lambda: kitchen.api("stock?place=gudang-beras")[0]["amount"] == 0, "the store to be empty")
        kitchen.stop_drained()
        kitchen.compare_record()
    finally:
        kitchen.end()
