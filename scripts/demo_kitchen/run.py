"""Runs the demonstration kitchen: server with its embedded broker, gateway, and the simulated devices.

Started by ``scripts/demo``. Three children, each the real program; they end with this process, however it ends.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from importlib import resources
from pathlib import Path

from pawon_firmware_bridge.scenarios.classes import CLASSES
from pawon_firmware_bridge.scenarios.signals import make
from pawon_server.people.pin import unfit

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
READY_WITHIN_S = 30
# In the order they are started.
NAMES = ("server", "gateway", "devices")
END_WITHIN_S = 8
PR_SET_PDEATHSIG = 1

# Who may try the staff pages: name to sign in with, name shown, role.
PEOPLE = (("kepala", "Kepala", "head"), ("koki", "Koki", "staff"))

Child = subprocess.Popen[str]

STORY = (
    (4, "Pintu Chiller 1 terbuka: suhu naik", "chiller 1's door is left open: it warms up"),
    (17, "5 kg beras diambil dari gudang, tercatat sendiri", "5 kg of rice taken from the store are booked"),
    (19, "Kabel probe Chiller 2 lepas: sensor rusak, bukan makanan", "chiller 2's probe is unplugged: a sensor fault"),
    (
        22,
        "Chiller 1 15 'menit' di atas 7,5 C (batas 8 C): KRITIS",
        "chiller 1 above 7.5 C (limit 8 C) for 15 'minutes': critical",
    ),
    (32, "Kiriman 25 kg datang, menunggu konfirmasi", "a delivery of 25 kg arrives, to be confirmed"),
    (33, "Pintu Chiller 1 sudah ditutup: insiden selesai", "chiller 1's door has been closed: it has recovered"),
    (37, "Probe Chiller 2 dipasang lagi", "chiller 2's probe is plugged in again"),
)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="A whole Pawon kitchen on this machine.")
    parser.add_argument("--port", type=port_number, default=8080, help="port of the pages (0: any free one)")
    parser.add_argument("--duration", type=float, help="stop by itself after so many seconds")
    parser.add_argument("--data", type=Path, help="keep the data here (default: a temporary folder)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--signal", choices=CLASSES, metavar="CLASS", help="let the preparation scale play a signal")
    parser.add_argument("--setup-seconds", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    if options.data is not None:
        options.data.mkdir(parents=True, exist_ok=True)
        return run(options, options.data.resolve(), stop)
    with tempfile.TemporaryDirectory(prefix="pawon-demo-") as folder:
        return run(options, Path(folder), stop)


def run(options: argparse.Namespace, data: Path, stop: threading.Event) -> int:
    """The demonstration in ``data`` until it is to stop."""
    port = options.port or free_port()
    if taken(port):
        print(f"Port {port} is in use; choose another one: scripts/demo --port {port + 1}", file=sys.stderr)
        return 1
    board = (BIN / "micropython").exists()
    write_configs(data, http_port=port, broker_port=free_port(), board=board, plays=options.signal)
    children: list[Child] = []
    pins = make_people(data)
    try:
        server = start(data, children, "server", "pawon-server", "serve", "--demo", "--config", data / "server.toml")
        if not wait_ready(server, port, stop):
            if stop.is_set():
                return 0
            print(f"The server did not start; its log is {data / 'server.log'}:", file=sys.stderr)
            print((data / "server.log").read_text()[-2000:], file=sys.stderr)
            return 1
        start(data, children, "gateway", "pawon-edge", "run", "--demo", "--config", data / "gateway.toml")
        announce(port, data, options.setup_seconds, pins, board=board)
        simulator = start_kitchen(data, children)
        if not options.no_browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(f"http://127.0.0.1:{port}/wall")
        return watch(data, children, simulator, options.duration, stop)
    finally:
        end(children)


def make_people(data: Path) -> dict[str, str]:
    """A head and a cook with PINs that were never used before; PIN by name, empty where there are none."""
    pins = {}
    for name, shown, role in PEOPLE:
        pin = new_pin()
        done = subprocess.run(
            [str(BIN / "pawon-server"), "person", "set", "--demo", "--config", str(data / "server.toml"), "--id", name,
             "--name", shown, "--role", role],
            input=pin, text=True, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"Tanpa halaman petugas / no staff pages: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return {}
        pins[name] = pin
    return pins


def new_pin() -> str:
    """Six digits by chance that the server does not find too easy."""
    while unfit(pin := f"{secrets.randbelow(10**6):06d}"):
        pass
    return pin


def announce(port: int, data: Path, setup_s: int, pins: dict[str, str], *, board: bool) -> None:
    """Say where to look and what will happen."""
    print(f"Siap dalam {setup_s} detik / set up in {setup_s} s\n")
    print(f"  Layar dapur / wall   http://127.0.0.1:{port}/wall")
    print(f"  Forum warga / forum  http://127.0.0.1:{port}/forum")
    print(f"  Data terbuka / API   http://127.0.0.1:{port}/api/v1/latest   (http://127.0.0.1:{port}/api/docs)")
    if pins:
        print(f"  Petugas / staff      http://127.0.0.1:{port}/staff   (nama, PIN / name, PIN: "
              + "; ".join(f"{name}, {pin}" for name, pin in pins.items()) + ")")  # fmt: skip
    print(f"  Berkas / files       {data}\n")
    print("PERAGAAN: 1 menit batas dihitung 1 detik / demonstration: a limit's minute is played in a second.")
    if not board:
        print("Tanpa papan sensor: MicroPython tidak ada untuk mesin ini / no sensor board: no MicroPython here.")
    print("Yang akan terlihat di layar / what the wall is about to show, about when:")
    for at_s, indonesian, english in STORY:
        print(f"  {at_s:3d} s  {indonesian} / {english}")
    print(
        "Cerita berulang tiap 2 menit. Ctrl-C untuk berhenti / repeats every 2 minutes, Ctrl-C to stop.\n", flush=True
    )


def write_configs(data: Path, *, http_port: int, broker_port: int, board: bool, plays: str | None) -> None:
    """The two configuration files, from the templates beside this file, and the devices' story."""
    story = (resources.files("pawon_firmware_bridge") / "scenarios" / "demo.toml").read_text()
    division_g = 5.0
    if plays is not None:
        division_g = make(plays, 1).scale.division_g
        story = story.replace('protocol = "st-gs"\n', f'protocol = "st-gs"\nsignal = "{plays}"\n')
    (data / "devices.toml").write_text(story)
    devices = data / "devices"
    devices.mkdir(exist_ok=True)
    values = {"HTTP_PORT": http_port, "BROKER_PORT": broker_port, "DIR": devices, "DATA": data}
    for name in ("server", "gateway"):
        text = (HERE / f"{name}.toml").read_text().replace("division_g = 5\n", f"division_g = {division_g:g}\n")
        if not board:
            text = re.sub(r"#board\n.*?#end board\n", "", text, flags=re.DOTALL)
        text = re.sub(r"\b(HTTP_PORT|BROKER_PORT|DIR|DATA)\b", lambda found: str(values[found[1]]), text)
        (data / f"{name}.toml").write_text(text)


def start(data: Path, children: list[Child], name: str, program: str, *arguments: object) -> Child:
    """Start one of the kitchen's programs."""
    child = launch(data, name, [str(BIN / program), *map(str, arguments)], mode="w")
    children.append(child)
    return child


def launch(data: Path, name: str, command: list[str], *, mode: str) -> Child:
    """Start a program with its output in a log file."""
    with (data / f"{name}.log").open(mode) as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip


def start_kitchen(data: Path, children: list[Child]) -> Child:
    """Start the simulated devices; their events come out on a pipe."""
    with (data / "devices.log").open("w") as log:
        child = subprocess.Popen(
            [str(BIN / "pawon-bridge"), "simulate", str(data / "devices.toml"), "--dir", str(data / "devices"),
             "--truth", str(data / "truth.jsonl")],
            stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
    children.append(child)
    threading.Thread(target=tell, args=(child,), daemon=True).start()
    return child


def tell(simulator: Child) -> None:
    """Print the kitchen's events as they happen."""
    began = time.monotonic()
    assert simulator.stdout is not None
    for line in simulator.stdout:
        event = json.loads(line)
        if "event" in event:
            value = "" if event.get("value") is None else f" {event['value']:g}"
            print(f"  {time.monotonic() - began:5.1f} s  {event['device']}: {event['event']}{value}", flush=True)


def tail(data: Path, name: str) -> str:
    """The end of a program's log."""
    path = data / f"{name}.log"
    return path.read_text(errors="replace")[-1500:] if path.exists() else ""


def watch(data: Path, children: list[Child], simulator: Child, duration_s: float | None, stop: threading.Event) -> int:
    """Wait for the end; a child that ends by itself is a failure and is named."""
    until = None if duration_s is None else time.monotonic() + duration_s
    while not stop.wait(0.2):
        if until is not None and time.monotonic() >= until:
            return 0
        for number, child in enumerate(children):
            if child.poll() is None:
                continue
            name = NAMES[number]
            if child is simulator or child.returncode >= 0:
                print(f"{name} ended with status {child.returncode}:\n{tail(data, name)}", file=sys.stderr)
                return 1
            # Somebody killed it, to see what happens: a service manager would start it again.
            print(f"  {name} was killed (signal {-child.returncode}); started again", flush=True)
            time.sleep(1)
            children[number] = launch(data, name, list(child.args), mode="a")  # type: ignore[arg-type]  # as we gave them
    return 0


def end(children: list[Child]) -> None:
    """End what was started, the devices first, and leave nothing running."""
    for child in reversed(children):
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    until = time.monotonic() + END_WITHIN_S
    for child in reversed(children):
        try:
            child.wait(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_ready(server: Child, port: int, stop: threading.Event) -> bool:
    """Whether the server answers that it is well."""
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and server.poll() is None and not stop.wait(0.1):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def die_with_parent() -> None:
    """Let the kernel end a child whose parent was killed (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def port_number(text: str) -> int:
    """A port from the command line. Raises what argparse tells the user."""
    if not (text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def free_port() -> int:
    """A port that the kernel chose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def taken(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


if __name__ == "__main__":
    raise SystemExit(main())
