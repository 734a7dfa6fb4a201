"""From a scale's line to the pixel: how long until a displayed event, and until the row is in the journal.

A scale's pty is written by this process with a new mass every 100 ms, the gateway and the server (embedded broker) are
the real programs, twenty displays listen to ``/events``. Wall milliseconds; nothing is asserted.
"""

from __future__ import annotations

import json
import os
import pty
import socket
import statistics
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.system.kitchen import Kitchen

DISPLAYS = 20
SECONDS = 30
FIRST_G, STEP_G = 1_000, 100  # every step is worth a report


def road() -> None:
    """Wall milliseconds from a scale's line to 20 displays, and to the journal, through the real programs."""
    with tempfile.TemporaryDirectory() as folder:
        kitchen = Kitchen(Path(folder), embedded=True)
        master, slave = pty.openpty()
        tty.setraw(slave)
        (Path(folder) / "devices/scale-receiving").symlink_to(os.ttyname(slave))
        written: dict[float, float] = {}
        seen: list[dict[float, float]] = [{} for _ in range(DISPLAYS)]
        try:
            kitchen.start("server")
            kitchen.start("gateway")
            for number in range(DISPLAYS):
                threading.Thread(target=listen, args=(kitchen.http_port, seen[number]), daemon=True).start()
            time.sleep(2)
            for n in range(SECONDS * 10):
                mass = FIRST_G + n * STEP_G
                written[float(mass)] = time.time()
                os.write(master, frame(mass))
                time.sleep(0.1)
            time.sleep(1)
            with kitchen.store() as store:
                stored = store.execute(
                    "SELECT r.value, j.received_ms FROM reading r JOIN journal j ON j.id = r.journal_id"
                ).fetchall()
        finally:
            kitchen.end()
            os.close(master)
            os.close(slave)
    live = [display[value] - at for display in seen for value, at in written.items() if value in display]
    durable = [received / 1000 - written[value] for value, received in stored if value in written]
    tell("line -> event at 20 displays, live lane", live)
    tell("line -> server, through the spool", durable)
    print(f"  {len(written)} lines written, {len(stored)} rows stored, {len(live) / DISPLAYS:.0f} seen by each display")


def tell(name: str, seconds: list[float]) -> None:
    """Median and tail."""
    cuts = statistics.quantiles(seconds, n=100)
    print(f"  {name:<44} p50 {cuts[49] * 1000:6.0f} ms   p99 {cuts[98] * 1000:6.0f} ms   of {len(seconds)}")


def listen(port: int, seen: dict[float, float]) -> None:
    """One display of this benchmark's scale."""
    listen_for(port, "timbangan-terima", seen)


def listen_for(port: int, sensor: str, seen: dict[float, float]) -> None:
    """One display: remembers when each value of the sensor arrived first."""
    beginning = b'data: {"sensor":"%s"' % sensor.encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        text = b""
        while data := connection.recv(65536):
            text += data
            *lines, text = text.split(b"\n")
            for line in lines:
                if line.startswith(beginning):
                    seen.setdefault(json.loads(line[6:])["value"], time.time())


def frame(mass_g: int) -> bytes:
    """A Yaohua A9 frame with two decimals of a kilogram."""
    body = b"+%06d2" % (mass_g // 10)
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + body + b"%X%X" % (check >> 4, check & 15) + b"\x03"
