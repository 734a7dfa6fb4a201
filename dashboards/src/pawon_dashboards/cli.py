"""``pawon-dashboards build --out DIR`` writes Grafana's files, ``pawon-dashboards check`` finds what is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pawon_food_safety.profile import ProfileError, load_profile

from . import build, structure
from .queries import every_query


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done and sound; 1: the dashboard has problems; 2: the command cannot be carried out."""
    parser = argparse.ArgumentParser(prog="pawon-dashboards", description=__doc__)
    parser.add_argument("--profile", default="ID-MBG", help="a shipped food-safety profile, or a .toml file")
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build", help="write dashboards and provisioning files")
    building.add_argument("--out", type=Path, required=True, help="folder to write into")
    building.add_argument(
        "--dashboards-folder", default=build.DASHBOARDS_FOLDER, help="where Grafana will find the dashboards"
    )
    commands.add_parser("check", help="check the dashboards without writing anything")
    chosen = parser.parse_args(arguments)
    try:
        profile = load_profile(chosen.profile)
    except ProfileError as error:
        print(f"pawon-dashboards: {error}", file=sys.stderr)
        return 2
    board = build.dashboard_json(profile)
    problems = structure.problems(board)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    if chosen.command == "check":
        print(f"{board['title']}: {len(list(every_query(board)))} queries, nothing wrong")
        return 0
    try:
        for path in build.write(chosen.out, profile, chosen.dashboards_folder):
            print(path)
    except OSError as error:
        print(f"pawon-dashboards: {error}", file=sys.stderr)
        return 2
    return 0
