"""A kitchen of real programs (mosquitto, server, gateway) whose ports are ptys that this process writes.

Twenty probes hang on three boards, each once a second, and six scales give ten frames a second. Every temperature is
worth a report, and every scale's mass three times a second: 40 rows a second in all.
"""

from __future__ import annotations

import os
import pty
import struct
import sys
import threading
import time
import tty
from pathlib import Path

from road import frame as scale_frame

from pawon_firmware_bridge.board.answers import w1_name
from pawon_firmware_bridge.ds18b20 import crc8, scratchpad_of
from pawon_firmware_bridge.firmware import frame

from .processes import Broker, Program, free_port
from .roads import SENSOR, SERVER, Server

BOARDS = (7, 7, 6)
SCALES = 6
SCALE_HZ, STEPS_A_FRAME = 10, 3
BIN = Path(sys.executable).parent
GATEWAY = """
kitchen = "dapur-uji"
gateway = "gw-1"
broker = "mqtt://127.0.0.1:{port}"
data_dir = "{folder}/gateway"
{more}
"""
BOARD = """
[[serial]]
name = "board-{board}"
path = "{path}"
protocol = "pawon-board"
"""
PROBE = """
[[serial.sensor]]
id = "{sensor}"
channel = "{channel}"
quantity = "temperature_c"
"""
SCALE = """
[[serial]]
name = "{sensor}"
path = "{path}"
protocol = "yaohua-a9"
[[serial.sensor]]
id = "{sensor}"
division_g = 20
"""


class Ports:
    """Ptys and the thread that writes them. ``shown``: the last scale's masses and when they were first written."""

    def __init__(self, boards: tuple[int, ...] = BOARDS, scales: int = SCALES) -> None:
        self._ends = [pty.openpty() for _ in range(len(boards) + scales)]
        for master, slave in self._ends:
            tty.setraw(slave)
            os.set_blocking(master, False)
        self.boards = [
            (self._ends[n], [_rom(n, channel) for channel in range(count)]) for n, count in enumerate(boards)
        ]
        self.scales = {f"scale-{n}": end for n, end in enumerate(self._ends[len(boards) :])}
        self.shown: dict[float, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        """Begin to speak."""
        self._thread.start()

    def end(self) -> None:
        """Fall silent."""
        self._stop.set()
        self._thread.join()
        for end in self._ends:
            for descriptor in end:
                os.close(descriptor)

    def _write(self) -> None:
        began, tick = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + tick / SCALE_HZ - time.monotonic())):
            mass = 1_000 + 100 * (tick // STEPS_A_FRAME % 900)
            for number, (master, _) in enumerate(self.scales.values()):
                if number == len(self.scales) - 1:
                    self.shown.setdefault(float(mass), time.time())
                _put(master, scale_frame(mass))
            for number, ((master, _), roms) in enumerate(self.boards):
                if tick % SCALE_HZ == number:
                    _put(master, _samples(tick // SCALE_HZ, roms))
            tick += 1

    def config(self) -> str:
        """The gateway's tables."""
        text = ""
        for number, ((_, slave), roms) in enumerate(self.boards):
            text += BOARD.format(board=number, path=os.ttyname(slave))
            text += "".join(
                PROBE.format(sensor=f"probe-{number}-{n}", channel=w1_name(rom)) for n, rom in enumerate(roms)
            )
        return text + "".join(
            SCALE.format(sensor=sensor, path=os.ttyname(slave)) for sensor, (_, slave) in self.scales.items()
        )


def _put(master: int, data: bytes) -> None:
    try:
        os.write(master, data)
    except BlockingIOError:
        pass  # nobody reads yet


def _rom(board: int, channel: int) -> bytes:
    head = bytes([0x28, channel, board, 0x0C, 0, 0, 0])
    return head + bytes([crc8(head)])


def _samples(number: int, roms: list[bytes]) -> bytes:
    """One frame of a board: every probe a quarter of a degree further, up and down between 2 and 4 C."""
    place = number % 16
    steps = 32 + 4 * min(place, 16 - place)
    body = struct.pack("<BHI", frame.SAMPLES, number & 0xFFFF, number * 1000)
    for channel, rom in enumerate(roms):
        data = rom + scratchpad_of(steps)
        body += struct.pack("<BBB", frame.FIRST_PROBE + channel, frame.KIND_DS18B20, len(data)) + data
    return bytes(frame.cobs_encode(body + struct.pack("<H", frame.crc16(body)))) + frame.DELIMITER


class Kitchen:
    """Broker, server and gateway in a folder; the gateway is started apart, its spool may be there before it."""

    def __init__(self, folder: Path, ports: Ports, *, sensors: tuple[str, ...] = (), more: str = "") -> None:
        self.folder, self.ports = folder, ports
        self.broker = Broker("broker", folder, folder / "broker")
        self.http_port = free_port()
        probes = [f"probe-{n}-{channel}" for n, (_, roms) in enumerate(ports.boards) for channel in range(len(roms))]
        (folder / "server.toml").write_text(
            SERVER.format(folder=folder, port=self.broker.port, http_port=self.http_port)
            + "".join(SENSOR.format(sensor=sensor) for sensor in (*probes, *sensors))
            + "".join(
                SENSOR.format(sensor=sensor).replace('point = "chiller"', 'quantity = "mass_g"')
                for sensor in ports.scales
            )
        )
        self.config = folder / "gateway.toml"
        self.config.write_text(GATEWAY.format(port=self.broker.port, folder=folder, more=more) + ports.config())
        self.server = Server(folder, folder / "server.toml", self.http_port)
        self.commits = folder / "commits.json"
        probe = Path(__file__).parent / "programs/gateway_probe.py"
        self.gateway = Program(
            "gateway", [BIN / "python", probe, self.commits, "run", "--config", self.config], folder
        )  # fmt: skip

    def start(self) -> None:
        """Broker and server."""
        self.broker.start()
        self.server.start()

    def start_gateway(self) -> None:
        """It is ready when it runs."""
        log = self.gateway.log
        self.gateway.start(ready=lambda: "; spool " in log.read_text(errors="replace"))

    def end(self) -> None:
        """Everything."""
        for program in (self.gateway, self.server, self.broker):
            program.end()
