"""`[[modbus]]` of gateway.toml: every mistake at once with its place, and maps of an installer's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pawon_edge.config import ConfigError, GatewayConfig, load_config
from pawon_edge.drivers.driver import Surroundings
from pawon_edge.drivers.modbus_table import ModbusTable
from pawon_firmware_bridge.measurement import BadFrame
from pawon_firmware_bridge.modbus.register_map import read_words

HEAD = 'kitchen = "dapur"\ngateway = "gw-1"\nbroker = "mqtt://127.0.0.1:1883"\ndata_dir = "spool"\n'
LINE = '[[modbus]]\nname = "rs485"\npath = "/dev/ttyUSB7"\n'


def load(tmp_path: Path, text: str) -> GatewayConfig:
    """A gateway's configuration with these tables."""
    path = tmp_path / "gateway.toml"
    path.write_text(HEAD + text)
    return load_config(path)[0]


def table_of(config: GatewayConfig) -> ModbusTable:
    """Its one Modbus line."""
    ((_, table),) = config.devices
    assert isinstance(table, ModbusTable)
    return table


def problems_of(tmp_path: Path, text: str) -> str:
    """What is wrong with it, one a line."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return "\n".join(caught.value.problems)


def test_the_smallest_line(tmp_path: Path) -> None:
    """A name, a path, and a sensor with its unit and map are enough."""
    table = table_of(
        load(tmp_path, LINE + '[[modbus.sensor]]\nid = "oven-1"\nunit = 1\nmap = "pt100-board"\nreport_step = 0.5\n')
    )
    assert (table.baud, table.format, table.interval_s, table.timeout_s) == (9600, "8N1", 10.0, 0.5)
    assert table.round_s == 10.0
    assert table.title == "rs485: Modbus units 1 at /dev/ttyUSB7"
    (missing,) = table.missing()
    assert "/dev/ttyUSB7" in missing


def test_a_map_of_ones_own(tmp_path: Path) -> None:
    """A device that nobody here has seen is described beside its sensors, with its type, order, status and states."""
    table = table_of(
        load(
            tmp_path,
            LINE
            + """
[[modbus.map]]
name = "oven-4"
function = 4
address = 256
count = 4
dead = { zeros = [0, 0, 0, 0] }
status = { offset = 3, mask = 0x00FF, ok = 1, fault = { open = 0xA0 } }
[[modbus.map.channel]]
name = "inner"
offset = 1
type = "float32"
word_order = "low-first"
scale = 1.0
low = -20
high = 250
[[modbus.sensor]]
id = "oven-1"
unit = 3
map = "oven-4"
""",
        )
    )
    row = table.maps["oven-4"]
    assert (row.function, row.address, row.count) == (4, 256, 4)

    def told(*words: int) -> tuple[float | None, str]:
        said = read_words(row, words)
        assert not isinstance(said, BadFrame)
        return said[0].value, said[0].state

    assert told(0, 0x0000, 0x4291, 0x3301) == (72.5, "ok")
    assert told(0, 0x0000, 0x4291, 0x33A0) == (None, "open")
    assert told(0, 0x0000, 0x4291, 0x3307) == (None, "nonsense")
    assert told(0, 0, 0, 0) == (None, "zeros")
    assert told(0, 0, 0x4480, 1) == (None, "nonsense")  # 1024 C


def test_the_examples_of_the_documentation_load(tmp_path: Path) -> None:
    """What docs/sensors.md tells people to copy is good, its map of an oven included."""
    text = (Path(__file__).parents[2] / "docs/sensors.md").read_text()
    chapter = text.split("\n## Modbus RTU\n")[1].split("\n## ")[0]
    lines = [line.removeprefix("    ") for line in chapter.splitlines() if line.startswith("    ")]
    written = "\n".join(lines).split("python -c")[0]
    assert "[[modbus.map]]" in written
    table = table_of(load(tmp_path, written))
    assert [sensor.id for sensor in table.sensor] == ["chiller-1", "chiller-1-rh"]
    assert table.maps["oven-4"].channels[0].type == "float32"


def test_the_gateway_makes_a_line_of_its_table(tmp_path: Path) -> None:
    """The kind of the table gives a driver by its name; nothing is opened yet."""
    config = load(tmp_path, LINE + '[[modbus.sensor]]\nid = "oven-1"\nunit = 1\nmap = "pt100-board"\n')
    ((kind, table),) = config.devices
    around = Surroundings(emit=lambda observed: None, monotonic_ms=lambda: 0, port_lost=lambda name: [])
    assert kind.make(table, around).name == "rs485"


def test_all_mistakes_of_sensors_are_told_with_their_places(tmp_path: Path) -> None:
    """An unknown map, a missing and a wrong channel, a wrong quantity, two maps for a unit, a value read twice."""
    told = problems_of(
        tmp_path,
        LINE
        + "interval_s = 3\ntimeout_s = 2\n"
        + "".join(
            f'[[modbus.sensor]]\nid = "s{at}"\n{rest}\n'
            for at, rest in enumerate(
                [
                    'unit = 1\nmap = "xymd2"',
                    'unit = 2\nmap = "xy-md02"',
                    'unit = 2\nmap = "xy-md02"\nchannel = "pressure"',
                    'unit = 2\nmap = "xy-md02"\nchannel = "humidity"',
                    'unit = 2\nmap = "pt100-board"',
                    'unit = 3\nmap = "pt100-board"',
                    'unit = 3\nmap = "pt100-board"\nchannel = "temperature"',
                ]
            )
        ),
    )
    for said in (
        "timeout_s: 2 is more than half of interval_s",
        "sensor[0].map: unknown 'xymd2'; known are xy-md02",
        "sensor[1].channel: missing; xy-md02 has temperature, humidity",
        "sensor[2].channel: xy-md02 has temperature, humidity, not 'pressure'",
        'sensor[3].quantity: humidity of xy-md02 needs quantity = "humidity_percent"',
        "sensor[4].map: unit 2 has xy-md02 already",
        "sensor[6].unit: temperature of unit 3 is read twice",
    ):
        assert said in told


def test_settings_outside_their_limits_are_told_with_their_places(tmp_path: Path) -> None:
    """Units are 1 to 247, intervals 1 to 60 s, framings those that exist."""
    told = problems_of(
        tmp_path,
        LINE
        + 'interval_s = 0.5\nformat = "7E1"\nbaud = 300\ntimeout_s = 9\n'
        + '[[modbus.sensor]]\nid = "a"\nunit = 248\nmap = "pt100-board"\n'
        + '[[modbus.sensor]]\nid = "b"\nunit = 0\nmap = "pt100-board"\n',
    )
    for place in ("interval_s", "format", "baud", "timeout_s", "sensor[0].unit", "sensor[1].unit"):
        assert f"modbus[0].{place}: " in told


def test_mistakes_of_a_map_are_told_with_their_places(tmp_path: Path) -> None:
    """A channel outside the registers, a shipped name, dead words of another number: all in one go."""
    told = problems_of(
        tmp_path,
        LINE
        + """
[[modbus.map]]
name = "xy-md02"
address = 0
dead = { zeros = [0, 0] }
[[modbus.map.channel]]
name = "t"
type = "float32"
low = 5
high = 5
[[modbus.sensor]]
id = "a"
unit = 1
map = "xy-md02"
""",
    )
    for said in (
        "modbus[0].map[0]: ", "channel[0].offset: 0 and its 2 registers are outside the 1", "channel[0].low",
        "dead: 2 words, the map has 1", "xy-md02 is a shipped map",
    ):  # fmt: skip
        assert said in told


def test_a_map_name_stands_once(tmp_path: Path) -> None:
    """Two maps of one name would make it chance which is used."""
    row = '[[modbus.map]]\nname = "m"\naddress = 0\n[[modbus.map.channel]]\nname = "t"\nlow = 0\nhigh = 9\n'
    told = problems_of(tmp_path, LINE + row * 2 + '[[modbus.sensor]]\nid = "a"\nunit = 1\nmap = "m"\n')
    assert "modbus[0].map: used twice: m" in told
