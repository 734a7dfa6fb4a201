"""From code to the files Grafana reads. The same code gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from pawon_food_safety.profile import Profile

from . import provisioning
from .cold_chain import cold_chain

# Where the dashboards lie on Grafana's machine when nothing else is said; docker/Dockerfile puts them there.
DASHBOARDS_FOLDER = "/usr/share/pawon/dashboards"


def dashboard_text(profile: Profile) -> str:
    """The dashboard's JSON."""
    return json.dumps(cold_chain(profile), cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def dashboard_json(profile: Profile) -> dict[str, Any]:
    """The dashboard as Grafana will see it."""
    read: dict[str, Any] = json.loads(dashboard_text(profile))
    return read


def files(profile: Profile, dashboards_folder: str = DASHBOARDS_FOLDER) -> dict[str, str]:
    """Every file by its path below the output folder."""
    return {
        "dashboards/rantai-dingin.json": dashboard_text(profile),
        "provisioning/dashboards/pawon.yaml": provisioning.dashboards(dashboards_folder),
        "provisioning/datasources/pawon.yaml": provisioning.DATASOURCES,
    }


def write(out: Path, profile: Profile, dashboards_folder: str = DASHBOARDS_FOLDER) -> list[Path]:
    """Writes the files and returns their paths."""
    written = []
    for name, text in files(profile, dashboards_folder).items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written
