"""Starts Pawon's real programs in processes of their own, by forking one process that has them loaded.

Python takes a second to load a server; a fork takes milliseconds, so that hundreds of kill -9 fit into minutes. What
runs in the child is the program itself (see ``inside``). A child is not forgotten before it was asked for, so its
number belongs to nobody else meanwhile; all of them end with the launcher.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
FAKETIME = "faketime/libfaketimeMT.so.1"


class Launcher:
    """``clock_file`` puts libfaketime under the programs: they see the time shifted by what the file says."""

    def __init__(self, clock_file: Path | None = None) -> None:
        environment = dict(os.environ)
        if clock_file is not None:
            library = next(Path("/usr/lib").glob(f"*/{FAKETIME}"))
            environment |= {
                "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock_file), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.launcher"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment, cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def start(self, program: str, log: Path, **arguments: object) -> int:
        """Start ``inside.PROGRAMS[program]``; its process id."""
        return int(self._ask(do="start", program=program, log=str(log), arguments=arguments))

    def status(self, pid: int, *, wait: bool = False) -> int | None:
        """How it ended (a signal is negative), or ``None`` while it runs. After an end the id is forgotten."""
        said = self._ask(do="status", pid=pid, wait=wait)
        return None if said is None else int(said)

    def end(self) -> None:
        """All programs are killed."""
        self._process.communicate()

    def _ask(self, **question: object) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(question).encode() + b"\n")
        stdin.flush()
        return json.loads(stdout.readline())


def memory_mb(pid: int, field: str) -> float:
    """A line of a process' status in /proc: ``VmRSS`` held now, ``VmHWM`` held at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024, 1)


def _start(program: str, log: str, arguments: dict[str, object]) -> int:
    """Fork; the child never returns."""
    child = os.fork()
    if child:
        return child
    status = 3
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (said, 1), (said, 2)):
            os.dup2(source, target)
        from tests.torture.inside import PROGRAMS

        status = PROGRAMS[program](**arguments)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - the child's own end, told in its log
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """The launching process: one question a line, one answer a line."""
    import tests.torture.inside  # noqa: F401 - everything is loaded before the first fork

    gc.freeze()
    for line in sys.stdin.buffer:
        question = json.loads(line)
        answer: int | None
        if question["do"] == "start":
            answer = _start(question["program"], question["log"], question["arguments"])
        else:
            found, status = os.waitpid(question["pid"], 0 if question["wait"] else os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if found else None
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main()
