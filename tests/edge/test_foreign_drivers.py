"""A second party's driver and protocol, installed beside the gateway: the very example of the documentation."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawon_edge.config import ConfigError, load_config
from pawon_edge.drivers.driver import Surroundings
from pawon_edge.sample import Observed, Sample, Trouble
from pawon_firmware_bridge.identify import identify
from pawon_firmware_bridge.protocols import PROTOCOLS, find_protocol

ROOT = Path(__file__).resolve().parents[2]
HEAD = 'kitchen = "dapur"\ngateway = "gw"\nbroker = "mqtt://127.0.0.1:1883"\ndata_dir = "data"\n'
PROTOCOL = """
from dataclasses import replace
from pawon_firmware_bridge.protocols import PROTOCOLS

class Parser:
    wasted = waiting = 0
    def feed(self, data):
        return []
    def finish(self):
        return []

WARUNG = replace(PROTOCOLS["st-gs"], name="warung", title="A scale of ours", parser=Parser)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path with an installed package in it, as an installer leaves it."""
    text = (ROOT / "docs/drivers.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    site = tmp_path / "site"
    info = site / "kitchen_file-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "kitchen_file.py").write_text(code)
    (site / "kitchen_scale.py").write_text(PROTOCOL)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kitchen-file\nVersion: 1.0\n")
    (name, target) = re.findall(r'(\w+) = "([\w:]+)"', names[0])[0]
    (info / "entry_points.txt").write_text(
        f"[pawon.drivers]\n{name} = {target}\nbroken = kitchen_file:NOTHING\nwrong = kitchen_file:FileDriver\n"
        "[pawon.protocols]\nwarung = kitchen_scale:WARUNG\n"
    )
    monkeypatch.syspath_prepend(str(site))
    yield site
    for module in ("kitchen_file", "kitchen_scale"):
        sys.modules.pop(module, None)


def write(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "gateway.toml"
    path.write_text(HEAD + text)
    return path


def test_the_documented_driver_measures(package: Path, tmp_path: Path) -> None:
    """Installed, named in the file, made by the gateway's own way: values come as samples, trouble as trouble."""
    value = tmp_path / "temperature"
    config, _ = load_config(
        write(tmp_path, f'[[file]]\npath = "{value}"\nsensor = [{{ id = "ruang-dingin", point = "chiller" }}]\n')
    )
    ((kind, table),) = config.devices
    assert [sensor.id for sensor in config.sensors] == ["ruang-dingin"]
    assert table.missing()[0].startswith(str(value))
    seen: list[Observed] = []
    table = table.model_copy(update={"interval_s": 0.02})
    driver = kind.make(table, Surroundings(emit=seen.append, monotonic_ms=lambda: 7, port_lost=lambda name: []))
    thread = threading.Thread(target=driver.run)
    thread.start()
    until(lambda: any(isinstance(one, Trouble) for one in seen))
    value.write_text("3.5")
    until(lambda: any(isinstance(one, Sample) for one in seen))
    driver.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert seen[-1] == Sample(sensor="ruang-dingin", at_ms=7, quantity="temperature_c", value=3.5)


def until(condition: object) -> None:
    """Wait for it, half a minute at most."""
    assert callable(condition)
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_its_settings_are_checked_like_ours(package: Path, tmp_path: Path) -> None:
    """Every mistake at once, with its place."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, '[[file]]\ninterval_s = "often"\nsensor = [{ id = "A", point = "nowhere" }]\n'))
    places = {problem.split(":")[0] for problem in caught.value.problems}
    assert places == {"file[0].path", "file[0].interval_s", "file[0].sensor[0].id", "file[0].sensor[0].point"}


@pytest.mark.parametrize("table", ["broken", "wrong", "nobody"])
def test_a_package_that_does_not_keep_the_seam_is_named(package: Path, tmp_path: Path, table: str) -> None:
    """A broken package costs its own tables, and says whose it is; a table that nobody has is a mistake."""
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, f'[[{table}]]\nsensor = [{{ id = "x" }}]\n'))
    (problem,) = [text for text in caught.value.problems if text.startswith(table)]
    assert ("kitchen" in problem) == (table != "nobody")


def test_a_foreign_protocol_is_found_and_cannot_replace_ours(package: Path, tmp_path: Path) -> None:
    """It can be configured and is asked when bytes are identified."""
    config, _ = load_config(
        write(tmp_path, '[[serial]]\nname = "s"\npath = "/dev/x"\nprotocol = "warung"\nsensor = [{ id = "x" }]\n')
    )
    assert config.devices[0][1].title.startswith("s: warung")
    assert find_protocol("warung") is not None
    assert find_protocol("st-gs") is PROTOCOLS["st-gs"]
    said = identify(b"ST,GS,+ 0.876kg\r\n" * 10)
    assert said.protocols == ("st-gs",)
