"""``gateway.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from pawon_edge.config import ConfigError, load_config
from pawon_food_safety.overrides import adjust
from pawon_food_safety.profile import load_profile

GOOD = """
kitchen = "dapur-1"
gateway = "gw-1"
broker = "mqtt://localhost"
data_dir = "/var/lib/pawon"
[[serial]]
name = "scale-1"
path = "/dev/serial/by-path/a"
protocol = "yaohua-a9"
[[serial.sensor]]
id = "timbangan-1"
[[w1]]
[[w1.sensor]]
id = "chiller-1"
rom = "28-00000a1b2c3d"
point = "chiller"
"""


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with a file."""
    path = folder / "gateway.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.path == path
    return caught.value.problems


def test_a_good_file_has_its_defaults(tmp_path: Path) -> None:
    """A kitchen writes what is its own; the rest has a default, and the file's hash changes with its text."""
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD)
    config, digest = load_config(path)
    assert [sensor.id for sensor in config.sensors] == ["timbangan-1", "chiller-1"]
    assert (config.heartbeat_s, config.guard.profile, config.serial[0].format) == (60.0, "ID-MBG", "8N1")
    path.write_text(GOOD + "# note\n")
    assert load_config(path)[1] != digest


def test_sensors_without_a_wire_have_their_own_patience(tmp_path: Path) -> None:
    """A coin cell may be unheard for five minutes, a Zigbee sensor for fifteen; the file only says where."""
    path = tmp_path / "gateway.toml"
    path.write_text(
        GOOD
        + """
[[bluetooth]]
name = "radio"
[[bluetooth.sensor]]
id = "gudang-1"
mac = "a4:c1:38:8d:18:b2"
[[local_mqtt]]
name = "house"
[[local_mqtt.sensor]]
id = "pintu-1"
dialect = "zigbee2mqtt"
device = "pintu belakang"
quantity = "door"
"""
    )
    config, _ = load_config(path)
    assert {device.title.split(":")[0]: 3 * device.round_s for _, device in config.devices[2:]} == {
        "radio": 300, "house": 900,
    }  # fmt: skip
    radio, house = config.bluetooth[0], config.local_mqtt[0]
    assert (radio.sensor[0].mac, radio.adapter, radio.sensor[0].usual_frozen_s) == ("A4:C1:38:8D:18:B2", "", 21_600)
    assert house.broker == "mqtt://127.0.0.1:1883"
    assert house.sensor[0].presence_topics == ("zigbee2mqtt/pintu belakang/availability", "zigbee2mqtt/bridge/state")


def test_three_mistakes_are_three_problems_with_their_places(tmp_path: Path) -> None:
    """All mistakes at once, each with the key to look at."""
    text = (
        GOOD.replace('kitchen = "dapur-1"', 'kitchen = "Dapur Satu"')
        .replace("yaohua-a9", "yaohua-a99")
        .replace("28-00000a1b2c3d", "28-XYZ")
    )
    found = problems(tmp_path, text)
    assert [text.split(":")[0] for text in found] == ["kitchen", "serial[0].protocol", "w1[0].sensor[0].rom"]
    assert "known are" in found[1]
    assert "yaohua-a9" in found[1]


@pytest.mark.parametrize(
    ("old", "new", "place", "word"),
    [
        ('broker = "mqtt://localhost"', 'broker = "localhost:1883"', "broker", "mqtt://host:1883"),
        ('broker = "mqtt://localhost"', 'broker = "mqtt://localhost:99999"', "broker", "port"),
        ('broker = "mqtt://localhost"', 'broker = "mqtts://localhost"', "broker_ca_file", "broker_ca_file"),
        ('data_dir = "', 'broker_ca_file = "/ca.pem"\ndata_dir = "', "broker_ca_file", "needs mqtts"),
        ('kitchen = "dapur-1"', 'kitchen = "dapur-1"\nkitschen = 1', "kitschen", "Extra inputs"),
        ('gateway = "gw-1"', "", "gateway", "required"),
        ('data_dir = "', 'heartbeat_s = 61\ndata_dir = "', "heartbeat_s", "60"),
        ('data_dir = "', 'heartbeat_s = nan\ndata_dir = "', "heartbeat_s", "finite"),
        ('id = "timbangan-1"', 'id = "chiller-1"', "w1[0].sensor[0].id", "used twice: chiller-1"),
        ('id = "timbangan-1"', 'id = "t"\ncounts_per_g = 0', "serial[0].sensor[0].counts_per_g", "not be zero"),
        ('id = "timbangan-1"', 'id = "t"\ncounts_per_g = inf', "serial[0].sensor[0].counts_per_g", "finite"),
        ('id = "timbangan-1"', 'id = "t"\ndivision_g = inf', "serial[0].sensor[0].division_g", "finite"),
        ('id = "timbangan-1"', 'id = "t"\nquantity = "kg"', "serial[0].sensor[0].quantity", "mass_g"),
        ("[[w1]]", '[guard]\nprofile = "ID-MBC"\n[[w1]]', "guard.profile", "ID-MBG"),
        ('protocol = "yaohua-a9"', 'protocol = "ds18b20-w1"', "serial[0].protocol", "unknown protocol"),
        ("[[serial]]", "[[serial", "not TOML", ""),
    ],
)
def test_each_mistake_is_named_at_its_place(tmp_path: Path, old: str, new: str, place: str, word: str) -> None:
    """One mistake, one problem, at its key and with a word that helps."""
    assert old in GOOD
    (problem,) = problems(tmp_path, GOOD.replace(old, new, 1))
    assert problem.startswith(f"{place}: ")
    assert word in problem


def test_mistakes_of_the_whole_are_told_together(tmp_path: Path) -> None:
    """No sensor and a missing certificate: both are told, not one after the other is mended."""
    head = GOOD.split("[[serial]]", maxsplit=1)[0].replace("mqtt://", "mqtts://")
    assert [text.split(":")[0] for text in problems(tmp_path, head)] == ["file", "broker_ca_file"]


def test_mistakes_of_the_whole_are_told_beside_those_of_single_settings(tmp_path: Path) -> None:
    """A misspelt kitchen hides neither a sensor named twice nor a point that no profile knows."""
    text = (
        GOOD.replace('kitchen = "dapur-1"', 'kitchen = "Dapur Satu"')
        .replace('id = "timbangan-1"', 'id = "chiller-1"')
        .replace('point = "chiller"', 'point = "chiler"')
    )
    found = problems(tmp_path, text)
    assert [text.split(":")[0] for text in found] == ["kitchen", "w1[0].sensor[0].id", "w1[0].sensor[0].point"]


@pytest.mark.parametrize("value", ["3", '"text"', "[1, 2]", "true", "[{sensor = 3}]", "[{sensor = [{id = [1]}]}]"])
@pytest.mark.parametrize("key", ["serial", "w1", "guard", "broker"])
def test_a_setting_of_the_wrong_kind_is_a_problem_at_its_key(tmp_path: Path, key: str, value: str) -> None:
    """Whatever stands in a place of the file, its reader gets an answer and not a traceback."""
    head = "\n".join(line for line in GOOD.split("[[serial]]", maxsplit=1)[0].splitlines() if not line.startswith(key))
    assert any(text.startswith(key) for text in problems(tmp_path, f"{head}\n{key} = {value}\n"))


def test_a_missing_file_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    """A wrong path is told in plain words."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "nowhere.toml")
    assert caught.value.problems == ["cannot be read: No such file or directory"]


def test_bytes_that_are_no_text_are_a_problem(tmp_path: Path) -> None:
    """A file damaged on its card is told as such."""
    path = tmp_path / "gateway.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.problems[0].startswith("not TOML")


def test_the_guard_takes_the_overrides_of_the_server(tmp_path: Path) -> None:
    """The very tables of ``server.toml`` give the very rules and version; mistakes are told with all others."""
    override = '[[override]]\nid = "chiller-hot"\nabove = 4.5\n'
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD + override)
    config, _ = load_config(path)
    served = adjust(load_profile("ID-MBG"), [{"id": "chiller-hot", "above": 4.5}])
    assert config.rules() == served
    assert served.version != load_profile("ID-MBG").version
    told = problems(tmp_path, GOOD.replace('point = "chiller"', 'point = "oven"') + override.replace("4.5", "9.0"))
    assert [problem.split(": ")[0] for problem in told] == ["override[0].above", "w1[0].sensor[0].point"]
