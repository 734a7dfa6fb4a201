"""The server's disk is lost and a backup put in its place, with the real programs: the record is whole again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.system.kitchen import BIN, Kitchen

pytestmark = pytest.mark.system


def command(kitchen: Kitchen, name: str, *more: str) -> dict[str, object]:
    """Run one of the server's commands; what it answers in JSON."""
    call = [BIN / "pawon-server", name, "--demo", "--json", "--config", kitchen.folder / "server.toml", *more]
    done = subprocess.run([str(part) for part in call], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def alarms(kitchen: Kitchen) -> list[str]:
    """What was paged about the chiller, as the log channel wrote it down."""
    return [line.split("pawon.alarm: ")[1] for line in kitchen.log("server").splitlines()
            if "pawon.alarm: opened" in line and "Chiller 1" in line]  # fmt: skip


def test_a_backup_put_in_place_of_a_lost_store_is_whole_again(tmp_path: Path) -> None:
    """Backup under ingest, an alarm, kill -9, restore, the gateway comes back: every row there once, the chain proven,
    the tables what the journal says, and nobody paged twice for the same thing."""
    kitchen = Kitchen(tmp_path)
    copy = str(tmp_path / "copy.db")
    try:
        kitchen.start_all()
        kitchen.until(lambda: len(kitchen.api("readings?sensor=chiller-1")) > 2, "the first readings", 15)
        backup = command(kitchen, "backup", copy)
        assert int(str(backup["rows"])) > 0
        kitchen.devices.act("chiller-1", "approach", target_c=14, tau_s=1)
        kitchen.until(lambda: kitchen.api("movements?state=confirmed"), "the opening balance of rice")
        kitchen.devices.act("scale-rice", "take", mass_g=5000, duration_s=1)
        kitchen.until(lambda: len(alarms(kitchen)) >= 1, "the alarm", 40)
        kitchen.until(
            lambda: [row for row in kitchen.api("movements") if row["kind"] == "out"], "the withdrawal of rice", 30
        )
        before, paged = kitchen.api("readings"), alarms(kitchen)
        kitchen.kill("server")
        result = command(kitchen, "restore", copy)
        assert int(str(result["carried"])) >= 1
        assert Path(str(result["aside"])).exists()
        kitchen.start("server")
        kitchen.until(kitchen.drained, "the gateway to have sent everything again", 40)
        again = {(row["spool"], row["sequence"]): row["value"] for row in kitchen.api("readings")}
        assert {(row["spool"], row["sequence"]): row["value"] for row in before}.items() <= again.items()
        kitchen.devices.stop()
        kitchen.stop_drained()
        proof = command(kitchen, "verify", "--known", str(backup["proof"]["head"]))  # type: ignore[index]  # JSON
        assert proof["ok"]
        assert command(kitchen, "rebuild")["same"]
        incidents = kitchen.api("incidents?sensor=chiller-1")
        assert alarms(kitchen)[: len(paged)] == paged
        assert len(alarms(kitchen)) <= len(incidents), "an alarm went out twice"
    finally:
        kitchen.end()
    kitchen.compare_record()
