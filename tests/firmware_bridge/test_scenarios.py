"""Scenario files: everything wrong is told at once, and what is shipped is right."""

from __future__ import annotations

import pytest

from pawon_firmware_bridge.simulator import Scenario, ScenarioError
from pawon_firmware_bridge.simulator.command import shipped_scenarios
from pawon_firmware_bridge.simulator.rows import BoardRow, ProbeRow, ScaleRow
from pawon_firmware_bridge.simulator.scenario import load_scenario, parse_scenario

SCALE = '[[device]]\nname = "scale-a"\nprotocol = "yaohua-a9"\n'

# TOML, the problems it must be told with
MISTAKES = [
    ("device = 3", ["device: must be a table list"]),
    ("[[device", ["not TOML: Expected ']]' at the end of an array declaration"]),
    (
        SCALE + "mas_g = 3",
        ["device[0].mas_g: unknown key; known here: name, protocol, path, rate_hz, mass_g, division_g,"],
    ),
    (SCALE + "rate_hz = 1000", ["device[0].rate_hz: 1000 is outside 0.1..50"]),
    (SCALE + "mass_g = true", ["device[0].mass_g: must be a number"]),
    (SCALE + "mass_g = nan", ["device[0].mass_g: nan is outside -1000000..1000000"]),
    (SCALE + "decimals = 1", ["device[0].decimals: 1 cannot show steps of 20.0 g (in kg)"]),
    (SCALE + SCALE, ["device: name 'scale-a' is used twice", "device: path 'scale-a' is used twice"]),
    (SCALE + 'path = "../scale"', ["device[0].path: must be a plain path below the directory of the devices"]),
    (
        '[[device]]\nname = "Scale A"\nprotocol = "a13"\n[[device]]\nname = "Scale B"\nprotocol = "st-gs"',
        ["device[0].protocol: unknown 'a13'; known: yaohua-a12-wg,", "device[1].name: must be 1-32 of a-z, 0-9 and -"],
    ),
    (
        '[[device]]\nname = "p"\nprotocol = "ds18b20-w1"\ntemperature_c = 3',
        ["device[0].path: must end in a 1-wire id such as w1/28-000000000c01"],
    ),
    (
        '[[device]]\nname = "b"\nprotocol = "pawon-board"\nboard_id = "1"\n[[device.channel]]\nname = "hx711-1"\n'
        '[[device.channel]]\nname = "x"',
        [
            "device[0].channel[1].name: must be hx711-0 to hx711-3, thermocouple-0 to -3, door-0 to -3, or a 1-wire id",
            "device[0].channel: channels are numbered from hx711-0 without a hole, not hx711-1",
        ],
    ),
    (
        SCALE + '[[event]]\nat_s = -1\ndevice = "scale-a"\naction = "add"\n[[event]]\nat_s = 1\ndevice = "b"\n'
        'action = "unplug"\n[[event]]\nat_s = 1\ndevice = "scale-a"\naction = "explode"',
        [
            "event[0].at_s: -1 is outside 0..86400",
            "event[0].mass_g: missing",
            "event[1].device: no device 'b'",
            "event[2].action: unknown 'explode'; known: add,",
        ],
    ),
    (
        SCALE
        + '[[event]]\nat_s = 1\ndevice = "scale-a"\naction = "overload"\n[[event]]\nat_s = 1\ndevice = "scale-a"\n'
        'channel = "hx711-0"\naction = "plug"',
        ["event[0]: action overload is not for yaohua-a9; it is for", "event[1]: scale-a has no channels"],
    ),
    (
        "repeat_s = 5\n" + SCALE + '[[event]]\nat_s = 5\ndevice = "scale-a"\naction = "unplug"',
        ["event[0].at_s: 5.0 is not before repeat_s (5)"],
    ),
]


@pytest.mark.parametrize(("content", "expected"), MISTAKES)
def test_every_mistake_is_told_with_its_key(content: str, expected: list[str]) -> None:
    """A person corrects a file once, not once per mistake."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(content.encode())
    problems = caught.value.problems
    assert len(problems) == len(expected), problems
    for problem, begin in zip(problems, expected, strict=True):
        assert problem.startswith(begin), problem


@pytest.mark.parametrize("name", ["chiller_door_open", "delivery", "demo", "probe_unplugged", "rice_taken"])
def test_shipped_scenario(name: str) -> None:
    """Each shipped story can be told, and each repeats."""
    scenario = load_scenario(shipped_scenarios()[name])
    assert scenario.repeat_s
    assert scenario.events


def test_the_demo_comes_back_to_its_beginning() -> None:
    """After one round the masses are what they were, so that a demo can run all day."""
    demo = load_scenario(shipped_scenarios()["demo"])
    masses: dict[str, float] = {}
    for event in demo.events:
        sign = {"add": 1, "take": -1}.get(event.action, 0)
        masses[event.device] = masses.get(event.device, 0.0) + sign * event.arguments.get("mass_g", 0.0)
    assert masses["scale-rice"] == masses["scale-receiving"] == 0.0


def test_the_demo_has_the_devices_of_the_guide() -> None:
    """Names, protocols, paths and ids that the demo's gateway is set up with."""
    demo = load_scenario(shipped_scenarios()["demo"])
    assert isinstance(demo, Scenario)
    assert [(row.name, row.protocol, row.path) for row in demo.devices] == [
        ("scale-rice", "yaohua-a12-wg", "scale-rice"),
        ("scale-receiving", "yaohua-a9", "scale-receiving"),
        ("scale-prep", "st-gs", "scale-prep"),
        ("chiller-1", "ds18b20-w1", "w1/28-000000000c01"),
        ("chiller-2", "ds18b20-w1", "w1/28-000000000c02"),
        ("freezer", "ds18b20-w1", "w1/28-000000000f01"),
        ("board-hot", "pawon-board", "board-hot"),
    ]
    assert {type(row) for row in demo.devices} == {ScaleRow, ProbeRow, BoardRow}
