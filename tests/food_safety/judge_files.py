"""Loggers' files for the tests of `pawon-judge`, and what the command says of them."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pawon_food_safety.judge.cli import main

BEGIN = datetime(2026, 11, 22)  # noqa: DTZ001 - loggers write no zone
MINUTE_S = 60.0
Said = list[dict[str, Any]]


def at(seconds: float) -> str:
    """A time of the file, so many seconds after it begins."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def csv(values: Iterable[object], every_s: float = MINUTE_S) -> str:
    """One value after the other; None: the logger wrote no row."""
    lines = [f"{at(n * every_s)},{value}" for n, value in enumerate(values) if value is not None]
    return "\n".join(["time,temperature_c", *lines, ""])


def call(content: str | bytes, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the command for a file of this content."""
    out, errors = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.csv")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            status = main([*arguments, str(path)])
    return status, out.getvalue(), errors.getvalue().replace(f"{folder}/", "")


def events(content: str | bytes, point: str = "chiller", *more: str, profile: str = "ID-MBG") -> Said:
    """What ``--json`` says of a file that can be judged."""
    status, out, errors = call(content, "--profile", profile, "--point", point, "--json", *more)
    assert status == 0, errors
    return [json.loads(line) for line in out.splitlines()]


def of(said: Said, *names: str) -> Said:
    """The events of these rules or kinds."""
    return [event for event in said if event["rule"] in names or event["kind"] in names]


def times(said: Sequence[dict[str, Any]]) -> list[tuple[Any, Any, Any]]:
    """Start, end and minutes."""
    return [(event["start"], event["end"], event["minutes"]) for event in said]
