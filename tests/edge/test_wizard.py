"""The wizard against simulated scales on real ptys: it names them, asks the silent ones, and guesses nothing."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serial.tools.list_ports_common import ListPortInfo

from pawon_edge import wizard
from pawon_edge.cli import main
from pawon_edge.drivers.serial_table import SerialTable
from pawon_edge.port_names import ports
from pawon_firmware_bridge.simulator import Simulator, load_scenario

SECONDS = 0.6


@contextmanager
def scale(folder: Path, protocol: str, mass_g: int = 12_340) -> Iterator[str]:
    """One simulated scale; the path of its port."""
    story = folder / "story.toml"
    story.write_text(
        f'title = "one"\n[[device]]\nname = "scale"\nprotocol = "{protocol}"\nmass_g = {mass_g}\ndivision_g = 20\n'
    )
    with Simulator(load_scenario(story), folder / "devices") as simulator:
        yield str(simulator.paths["scale"])


@pytest.mark.parametrize("protocol", ["yaohua-a12-wg", "yaohua-a9", "st-gs", "cas-pos", "yaohua-a9-command"])
def test_a_scale_is_named_and_its_configuration_written(protocol: str, tmp_path: Path) -> None:
    """Streaming or silent: one protocol, the mass that lies on it, and lines that the gateway accepts."""
    with scale(tmp_path, protocol) as path:
        found = wizard.explore(path, listen_s=SECONDS)
    assert found.protocols == (protocol,)
    assert found.grams == (12_340.0,)
    table = tomllib.loads(wizard.block(found, 1, [path]))["serial"][0]
    assert SerialTable.model_validate(table).protocol == protocol


def test_two_formats_that_look_alike_are_decided_by_a_known_mass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are named and neither is chosen, until somebody says what lies on the scale."""
    with scale(tmp_path, "yaohua-equals-reversed") as path:
        assert main(["wizard", "--port", path, "--seconds", str(SECONDS)]) == 1
        told = capsys.readouterr().out
        assert "yaohua-equals-reversed" in told
        assert "yaohua-equals-forward" in told
        assert "[[serial]]" not in told
        assert main(["wizard", "--port", path, "--seconds", str(SECONDS), "--mass-g", "12340"]) == 0
        assert 'protocol = "yaohua-equals-reversed"' in capsys.readouterr().out


def test_a_person_at_a_terminal_is_asked_for_the_mass(tmp_path: Path) -> None:
    """The real command on a real terminal: it asks, is told 12340 grams, and writes the configuration."""
    master, slave = pty.openpty()
    with scale(tmp_path, "yaohua-equals-forward") as path:
        command = [
            sys.executable,
            "-c",
            "import sys; from pawon_edge.cli import main; sys.exit(main())",
            "wizard",
            "--port",
            path,
            "--seconds",
            str(SECONDS),
        ]
        with subprocess.Popen(
            command, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as wizard:
            assert wizard.stderr is not None
            told = ""
            while "type its grams" not in told:
                told += (read := wizard.stderr.read(1))
                assert read, told
            os.write(master, b"12340\n")
            out, _ = wizard.communicate(timeout=60)
    assert wizard.returncode == 0, out
    assert tomllib.loads(out)["serial"][0]["protocol"] == "yaohua-equals-forward"


def test_silence_noise_and_a_missing_port_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing there, nothing said, nothing understood: three sentences, and no configuration."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    quiet = os.ttyname(slave)
    assert main(["wizard", "--port", quiet, "--port", str(tmp_path / "none"), "--seconds", "0.2"]) == 1
    told = capsys.readouterr().out
    assert f"{quiet}: silent" in told
    assert "none: cannot be used" in told
    assert "[[serial]]" not in told
    os.close(master)
    os.close(slave)


def hardware(device: str, serial_number: str | None, vid: int = 0x1A86, pid: int = 0x7523) -> ListPortInfo:
    """An adapter as pyserial sees it."""
    port = ListPortInfo(device)
    port.description, port.vid, port.pid, port.serial_number = "USB Serial", vid, pid, serial_number
    return port


def test_two_adapters_without_a_name_of_their_own_are_told_apart_by_their_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two CH340 share one by-id name: each scale is configured by its socket, and is read through it also when the
    kernel numbers them the other way round the next time."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with scale(tmp_path / "a", "yaohua-a9", 5_000) as first, scale(tmp_path / "b", "st-gs", 7_000) as second:
        tty0, tty1 = Path(first).resolve(), Path(second).resolve()
        serial = tmp_path / "serial"
        for folder in ("by-path", "by-id"):
            (serial / folder).mkdir(parents=True)
        (serial / "by-path/platform-usb-0:1.1:1.0-port0").symlink_to(tty0)
        (serial / "by-path/platform-usb-0:1.2:1.0-port0").symlink_to(tty1)
        (serial / "by-id/usb-1a86_USB_Serial-if00-port0").symlink_to(tty1)
        for order in ([tty0, tty1], [tty1, tty0]):
            found = ports(serial, lambda order=order: [hardware(str(tty), None) for tty in order])  # type: ignore[misc]
            assert {names.by_id for names in found} == {""}
            assert [names.twins for names in found] == [(str(max(order)),), (str(min(order)),)]
            assert {names.steady[0]: names.device for names in found} == {
                str(serial / "by-path/platform-usb-0:1.1:1.0-port0"): str(tty0),
                str(serial / "by-path/platform-usb-0:1.2:1.0-port0"): str(tty1),
            }
        monkeypatch.setattr("pawon_edge.cli.ports", lambda: found)
        assert main(["wizard", "--seconds", str(SECONDS)]) == 0
        told = capsys.readouterr().out
    assert "mark the sockets" in told
    tables = tomllib.loads(told)["serial"]
    assert {table["path"].rpartition("-0:")[2]: table["protocol"] for table in tables} == {
        "1.1:1.0-port0": "yaohua-a9",
        "1.2:1.0-port0": "st-gs",
    }


def test_an_adapter_with_a_serial_number_keeps_its_name_in_any_socket(tmp_path: Path) -> None:
    """Its by-id name comes first, its socket's second; the configuration takes both."""
    serial, tty = tmp_path / "serial", tmp_path / "ttyUSB0"
    tty.touch()
    for folder, name in (("by-path", "usb-0:1"), ("by-id", "usb-FTDI_FT232R_A50285BI-if00-port0")):
        (serial / folder).mkdir(parents=True)
        (serial / folder / name).symlink_to(tty)
    twin = hardware(str(tmp_path / "ttyUSB1"), "B60396CJ", 0x0403, 0x6001)
    found = ports(serial, lambda: [hardware(str(tty), "A50285BI", 0x0403, 0x6001), twin])
    assert found[0].steady == [
        str(serial / "by-id/usb-FTDI_FT232R_A50285BI-if00-port0"),
        str(serial / "by-path/usb-0:1"),
    ]
    assert found[0].twins == ()
    finding = wizard.Finding(path=found[0].steady[0], baud=9600, protocols=("st-gs",), grams=(0.0,))
    table = tomllib.loads(wizard.block(finding, 1, found[0].steady))["serial"][0]
    assert SerialTable.model_validate(table).paths == found[0].steady
