"""``pawon-edge``: check a configuration, or run the gateway."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from pawon_contract.broker import BrokerAddress, parse_broker
from pawon_food_safety.profile import load_profile

from . import VERSION
from .clock import SystemClock
from .config import ConfigError, GatewayConfig, load_config
from .gateway import Gateway, data_dir_problem
from .spool import SpoolError


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit status is 0 when all is well, 1 for a configuration or machine problem."""
    parser = argparse.ArgumentParser(prog="pawon-edge", description="The Pawon gateway.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("check", "read the configuration and look at the machine"), ("run", "run the gateway")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", type=Path, required=True)
        command.add_argument("--demo", action="store_true", help="allow the demonstration profile")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        config, config_hash = load_config(options.config)
        broker = broker_address(config, options.config)
        if load_profile(config.guard.profile).demo and not options.demo:
            raise ConfigError(options.config, [f"guard.profile: {config.guard.profile} is for demonstrations only"])
    except ConfigError as error:
        for problem in error.problems:
            print(f"{error.path}: {problem}", file=sys.stderr)
        return 1
    if options.command == "check":
        return check(config, broker)
    try:
        gateway = Gateway(config, config_hash, broker, SystemClock())
    except SpoolError as error:
        print(error, file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: gateway.stop())
    gateway.run()
    return 0


def check(config: GatewayConfig, broker: BrokerAddress) -> int:
    """Say what the gateway would do, and what it would stumble over on this machine."""
    problems = [text for text in (data_dir_problem(config.data_dir),) if text]
    print(f"gateway {config.gateway} of kitchen {config.kitchen}, broker {broker.host}:{broker.port}")
    for port in config.serial:
        there = os.access(port.path, os.R_OK | os.W_OK)
        print(f"  {port.name}: {port.protocol} at {port.path}: {', '.join(s.id for s in port.sensor)}")
        if not there:
            exists = Path(port.path).exists()
            problems.append(
                f"{port.path}: " + ("no permission; add the user to group dialout" if exists else "no such port now")
            )
    for bus in config.w1:
        print(f"  1-wire {bus.root}: {', '.join(s.id for s in bus.sensor)}")
        problems += [f"{bus.root / s.rom}: no such probe now" for s in bus.sensor if not (bus.root / s.rom).exists()]
    for problem in problems:
        print(f"problem: {problem}")
    print("the configuration is good" + ("" if not problems else f"; {len(problems)} problem(s) on this machine"))
    return 1 if problems else 0


def broker_address(config: GatewayConfig, path: Path) -> BrokerAddress:
    """Where to connect; the password comes from its own file and goes nowhere else."""
    password = None
    if config.broker_password_file is not None:
        try:
            password = config.broker_password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(path, [f"broker_password_file: {error.strerror}"]) from error
    ca_file = None if config.broker_ca_file is None else str(config.broker_ca_file)
    return parse_broker(config.broker, user=config.broker_user, password=password, ca_file=ca_file)
