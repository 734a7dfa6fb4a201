"""Devices that are not there: real ptys, real kernel files and the real firmware, moved by a story in a TOML file.

For users who have no scale yet, for demos, and for tests; a shipped feature, not a mock.
"""

from pawon_firmware_bridge.simulator.rows import Scenario
from pawon_firmware_bridge.simulator.scenario import ScenarioError, load_scenario
from pawon_firmware_bridge.simulator.simulator import Simulator

__all__ = ["Scenario", "ScenarioError", "Simulator", "load_scenario"]
