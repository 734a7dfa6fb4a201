"""`pawon-bridge simulate`: a scenario from a file (or one that is shipped) until a signal or the end of its time."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from pawon_firmware_bridge.simulator.scenario import ScenarioError, load_scenario
from pawon_firmware_bridge.simulator.simulator import Simulator
from pawon_firmware_bridge.simulator.truth import TruthRow


def shipped_scenarios() -> dict[str, Path]:
    """Name (without `.toml`) -> path of each scenario that comes with the package."""
    folder = Path(str(files("pawon_firmware_bridge") / "scenarios"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def simulate(
    scenario: str, directory: Path, *, duration_s: float | None, truth: Path | None, say: Callable[[str], None]
) -> int:
    """Run; `say` gets JSON lines: first the devices, then each event. Returns the exit status."""
    path = Path(scenario)
    if not path.exists():
        path = shipped_scenarios().get(scenario.removesuffix(".toml"), path)
    try:
        loaded = load_scenario(path)
    except OSError as error:
        _complain(f"{scenario}: {error.strerror}; shipped scenarios: {', '.join(shipped_scenarios())}")
        return 2
    except ScenarioError as error:
        for problem in error.problems:
            _complain(f"{path}: {problem}")
        return 2
    with ExitStack() as stack:
        file = stack.enter_context(truth.open("a")) if truth is not None else None

        def on_event(row: TruthRow) -> None:
            say(json.dumps(asdict(row)))

        simulator = Simulator(loaded, directory, truth=file, on_event=on_event)
        for name in simulator.left_out:
            _complain(f"{name}: left out, no micropython here (extra `bench`, x86_64 only)")
        paths = {name: str(path) for name, path in simulator.paths.items()}
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.signal(number, lambda *_: simulator.end())
            stack.callback(signal.signal, number, previous)
        first = json.dumps({"title": loaded.title, "devices": paths, "left_out": simulator.left_out})
        try:
            simulator.run(duration_s, ready=lambda: say(first))
        except FileExistsError as error:
            _complain(str(error))
            return 2
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")
