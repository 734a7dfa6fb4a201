"""``scripts/demo`` keeps what its README line promises."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.system


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demonstration, from the command that people type, in a process group of its own."""
    process = subprocess.Popen(
        [str(ROOT / "scripts/demo"), "--port", "0", "--no-browser", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()


def items(address: str, path: str) -> list[dict[str, object]]:
    """One page of a list."""
    with urllib.request.urlopen(f"{address}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["items"]  # type: ignore[no-any-return]  # the shape is the API's


def sign_in(address: str, name: str, pin: str) -> str:
    """The role of whoever signs in."""
    asked = urllib.request.Request(
        f"{address}/api/v1/session", json.dumps({"person": name, "pin": pin}).encode(), {"Origin": address}
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return str(json.load(answer)["role"])


def running(folder: Path) -> list[str]:
    """Programs whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in command:
                found.append(command)
    return found


def test_the_story_is_told_within_a_minute_and_nothing_stays(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    """Two people may sign in; an excursion, a movement in kg, a dead probe told apart, a recovery; Ctrl-C ends it."""
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    found = re.search(r"(http://127\.0\.0\.1:\d+)/wall", said)
    assert found, said
    assert re.search(r"set up in \d+ s", said)
    assert (ROOT / ".envs/demo/bin/micropython").exists() != ("no sensor board" in said)
    address, began, seen = found[1], time.monotonic(), set()
    pins = re.findall(r"(kepala|koki), (\d{6})\b", said)
    assert [name for name, _ in pins] == ["kepala", "koki"]
    assert [sign_in(address, name, pin) for name, pin in pins] == ["head", "staff"]
    wanted = {"excursion", "probe", "movement", "recovery", "probe back"}
    while seen != wanted:
        assert time.monotonic() - began < 60, f"seen only {seen}\n{said}"
        states = {str(row["sensor"]): str(row["state"]) for row in items(address, "latest")}
        if states["chiller-1"] == "critical":
            seen.add("excursion")
        elif "excursion" in seen and states["chiller-1"] == "ok":
            seen.add("recovery")
        if states["chiller-2"] == "fault":
            seen.add("probe")
        elif "probe" in seen and states["chiller-2"] == "ok":
            seen.add("probe back")
        if any(row["amount"] == -5000 and row["state"] == "confirmed" for row in items(address, "movements")):
            seen.add("movement")
        time.sleep(0.25)
    kinds = {(row["sensor"], row["kind"]) for row in items(address, "incidents")}
    assert kinds == {("chiller-1", "rate"), ("chiller-1", "limit"), ("chiller-2", "fault")}
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=20) == 0
    assert running(tmp_path) == []


def test_it_says_which_package_is_missing_when_no_environment_can_be_made(tmp_path: Path) -> None:
    """A Debian Python without ensurepip and pip ends in one line that names the remedy."""
    python = tmp_path / "python3"
    python.write_text(
        "#!/bin/sh\n"
        'case "$*" in *ensurepip*|*"-m pip"*) exit 1 ;; esac\n'
        f'exec {shutil.which("python3")} "$@"\n'
    )  # fmt: skip
    python.chmod(0o755)
    for folder in ("scripts", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    done = subprocess.run(
        [str(tmp_path / "scripts/demo"), "--no-browser"], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PAWON_PYTHON": str(python)},
    )  # fmt: skip
    assert done.returncode != 0
    assert "sudo apt install python3-venv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named_with_another_one(tmp_path: Path) -> None:
    """Somebody else's program on the port ends in one line."""
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [str(ROOT / "scripts/demo"), "--port", str(port), "--no-browser", "--data", str(tmp_path)],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
