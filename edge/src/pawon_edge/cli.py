"""``pawon-edge``: check a configuration, run the gateway, find scales, weigh a recording."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pawon_contract.broker import BrokerAddress, parse_broker

from . import VERSION, wizard
from .clock import SystemClock
from .config import BrokerTable, ConfigError, GatewayConfig, load_config
from .gateway import Gateway, data_dir_problem
from .port_names import PortNames, ports
from .spool import SpoolError
from .weighing.recording import Recording, RecordingError, is_division, plain, summary


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit status is 0 when all is well, 1 for a configuration or machine problem."""
    parser = argparse.ArgumentParser(prog="pawon-edge", description="The Pawon gateway.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("check", "read the configuration and look at the machine"), ("run", "run the gateway")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", type=Path, required=True)
        command.add_argument("--demo", action="store_true", help="allow the demonstration profile")
    finder = commands.add_parser("wizard", help="find the scales on this machine's ports and write their configuration")
    finder.add_argument("--port", action="append", help="only this port (may be given several times)")
    finder.add_argument(
        "--mass-g", type=float, help="mass that lies on the scale, in grams, to decide between two formats"
    )
    finder.add_argument("--seconds", type=float, default=wizard.LISTEN_S, help="how long to listen at each speed")
    weigher = commands.add_parser(
        "weighings", help="what the weighing detector makes of a recording (CSV: time,mass_g)"
    )
    weigher.add_argument("file", type=Path)
    weigher.add_argument("--division-g", type=float, required=True, help="the scale's division, in grams")
    weigher.add_argument("--json", action="store_true", help="one object a line instead of a table")
    options = parser.parse_args(arguments)
    if options.command == "weighings":
        return weigh(options.file, options.division_g, as_json=options.json)
    if options.command == "wizard":
        chosen = [PortNames(device=path) for path in options.port or ()]
        ask = _ask_mass if sys.stdin.isatty() else None
        return find_scales(chosen or ports(), options.mass_g, options.seconds, ask)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        config, config_hash = load_config(options.config)
        brokers = broker_addresses(config, options.config)
        if config.rules().demo and not options.demo:
            raise ConfigError(options.config, [f"guard.profile: {config.guard.profile} is for demonstrations only"])
    except ConfigError as error:
        for problem in error.problems:
            print(f"{error.path}: {problem}", file=sys.stderr)
        return 1
    if options.command == "check":
        return check(config, brokers)
    try:
        gateway = Gateway(config, config_hash, brokers, SystemClock())
    except SpoolError as error:
        print(error, file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: gateway.stop())
    gateway.run()
    return 0


def _ask_mass(path: str) -> float | None:
    """What a person says lies on the scale, in grams; ``None`` if nothing is."""
    print(f"Put a known mass on the scale at {path} (a full bottle will do) and type its grams, or Enter to go on: ",
          end="", file=sys.stderr, flush=True)  # fmt: skip
    try:
        return float(sys.stdin.readline().strip().replace(",", "."))
    except ValueError:
        return None


def find_scales(
    found_ports: list[PortNames],
    known_g: float | None,
    listen_s: float,
    ask: Callable[[str], float | None] | None = None,
) -> int:
    """Explore ports and print what to put into ``gateway.toml``; 0 when every port was understood."""
    if not found_ports:
        print("no serial port on this machine; plug the scale's cable in and try again")
        return 1
    unsure = 0
    for number, names in enumerate(found_ports, 1):
        path = names.steady[0]
        print("\n".join(f"# {line}" for line in str(names).splitlines()))
        found = wizard.explore(path, listen_s=listen_s, say=lambda text: print(text, file=sys.stderr))
        if len(found.protocols) > 1:
            mass_g = known_g
            if mass_g is None and ask is not None and (mass_g := ask(path)) is not None:
                # What was heard before the mass lay there decides nothing.
                found = wizard.explore(path, listen_s=listen_s)
            found = found if mass_g is None else wizard.decide(found, mass_g)
        if len(found.protocols) == 1:
            print(f"# {path}: {found.protocols[0]}, sure to {found.confidence:.0%}; it shows {found.grams[0]:g} g")
            print(wizard.block(found, number, names.steady))
            continue
        unsure += 1
        if found.trouble:
            print(f"# {path}: cannot be used: {found.trouble}")
        elif found.protocols:
            ways = " or ".join(f"{name} ({g:g} g)" for name, g in zip(found.protocols, found.grams, strict=True))
            print(f"# {path}: {ways}; put a known mass on the scale and give it with --mass-g")
        elif found.heard_bytes:
            print(f"# {path}: something talks, but no known protocol fits; set the scale to continuous output")
        else:
            print(f"# {path}: silent, also when asked; is the scale on, and the cable the right one?")
    return 1 if unsure else 0


def weigh(path: Path, division_g: float, *, as_json: bool) -> int:
    """Tell the weighings of a recorded file; 1 if it cannot be read."""
    if not is_division(division_g):
        print(f"--division-g {division_g:g}: give the scale's division in grams, such as 5", file=sys.stderr)
        return 1
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as lines:
            recording = Recording(lines=lines, say=lambda text: print(f"{path}: {text}", file=sys.stderr))
            if not as_json:
                print(f"{'kind':8} {'start':>24} {'end':>24} {'before g':>9} {'after g':>9} {'change':>8}  sure")
            for row in recording.weighings(division_g):
                one = plain(recording, row)
                if as_json:
                    print(json.dumps(one))
                else:
                    print(f"{row.kind:8} {one['start']:>24} {one['end']:>24} {row.before_g:>9} {row.after_g:>9} "
                          f"{row.after_g - row.before_g:>+8}  {row.confidence:.0%}")  # fmt: skip
            print(f"{path}: {summary(recording)}", file=sys.stderr)
    except OSError as error:
        print(f"{path}: {error.strerror}: give a CSV file with the header time,mass_g", file=sys.stderr)
        return 1
    except RecordingError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    return 0


def check(config: GatewayConfig, brokers: list[BrokerAddress]) -> int:
    """Say what the gateway would do, and what it would stumble over on this machine."""
    problems = [text for text in (data_dir_problem(config.data_dir),) if text]
    print(f"gateway {config.gateway} of kitchen {config.kitchen}, broker {brokers[0].host}:{brokers[0].port}")
    rules = config.rules()
    print(f"  the guard judges by profile {rules.id} {rules.version}")
    for witness, broker in zip(config.witness, brokers[1:], strict=True):
        print(f"  witness {witness.name}: {broker.host}:{broker.port}, {witness.quota_rows} rows may wait for it")
    for _, device in config.devices:
        print(f"  {device.title}: {', '.join(sensor.id for sensor in device.sensor)}")
        problems += device.missing()
    for problem in problems:
        print(f"problem: {problem}")
    print("the configuration is good" + ("" if not problems else f"; {len(problems)} problem(s) on this machine"))
    return 1 if problems else 0


def broker_addresses(config: GatewayConfig, path: Path) -> list[BrokerAddress]:
    """Where to connect, the primary's broker first; each password comes from its own file and goes nowhere else."""
    return [_address(config, path, "")] + [
        _address(witness, path, f"witness[{number}].") for number, witness in enumerate(config.witness)
    ]


def _address(table: BrokerTable, path: Path, where: str) -> BrokerAddress:
    password = None
    if table.broker_password_file is not None:
        try:
            password = table.broker_password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(path, [f"{where}broker_password_file: {error.strerror}"]) from error
    ca_file = None if table.broker_ca_file is None else str(table.broker_ca_file)
    return parse_broker(table.broker, user=table.broker_user, password=password, ca_file=ca_file)
