"""The report: one JSON file, a part for each measurement, with the machine and the versions it was taken with."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .processes import ROOT, python

PEERS = {"peers": ("thingsboard-gateway",), "peers-stores": ("homeassistant", "mqtt-logger", "paho-mqtt", "sqlalchemy")}


def about(seed: int) -> dict[str, object]:
    """When, where and with what."""
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mosquitto"
    said = subprocess.run([mosquitto, "-h"], capture_output=True, text=True, check=False).stdout
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()  # fmt: skip
    found = {"pawon": f"{version('pawon-edge')} ({commit})", "mosquitto": said.split("\n")[0].rpartition(" ")[2]}
    for environment, names in PEERS.items():
        found |= {name: _version(environment, name) for name in names}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), "seed": seed, "machine": platform.machine(),
        "cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version, "versions": found,
        "load_at_start": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _version(environment: str, name: str) -> str:
    program = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([python(environment), "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def keep(path: Path, name: str, part: dict[str, object], seed: int) -> None:
    """Put one measurement's part into the report, beside the others; whole or not at all."""
    report = json.loads(path.read_text()) if path.exists() else {}
    report[name] = {"about": about(seed), **part}
    building = path.with_suffix(".part")
    building.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    building.replace(path)
