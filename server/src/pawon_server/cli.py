"""``pawon-server``: check a configuration, serve, and look after the record (``record.cli``)."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from . import VERSION
from .config import ConfigError, ServerConfig, load_config, store_address
from .people.cli import add_person_command, run_person
from .record.cli import RECORD_COMMANDS, add_record_commands
from .rulebook import Rulebook
from .server import Server, broker_address
from .stock.cli import add_recall_command, run_recall
from .store.address import Database
from .store.database import StoreError, is_there, open_store, remedy


def main(arguments: list[str] | None = None) -> int:
    """Entry point; the exit status is 0 when all is well, 1 for a configuration or machine problem."""
    parser = argparse.ArgumentParser(prog="pawon-server", description="The Pawon server.")
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("check", "read the configuration and look at the machine"),
        ("serve", "run the server"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", type=Path, required=True)
        command.add_argument("--demo", action="store_true", help="allow the demonstration profile")
        if name == "serve":
            command.add_argument("--http-port", type=int, metavar="PORT", help="instead of http.port: one per worker")
    add_record_commands(commands)
    person = commands.add_parser("person", help="who may write, and their PINs; the server must be stopped")
    person.add_argument("--config", type=Path, required=True)
    person.add_argument("--demo", action="store_true", help="allow the demonstration profile")
    add_person_command(person)
    traced = commands.add_parser("recall", help="what a school ate, its lots, and every other school; beside a server")
    traced.add_argument("--config", type=Path, required=True)
    traced.add_argument("--demo", action="store_true", help="allow the demonstration profile")
    add_recall_command(traced)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        config = load_config(options.config, demo=options.demo)
        if options.command == "check":
            return check(config, options.config)
        if options.command in ("person", "recall"):
            book = Rulebook(settings=config.settings(), profile=config.rules())
            return (run_person if options.command == "person" else run_recall)(config, options, book)
        if (run := RECORD_COMMANDS.get(options.command)) is not None:
            return run(config, options)
        if options.http_port is not None:
            config = config.model_copy(update={"http": config.http.model_copy(update={"port": options.http_port})})
        return Server(config, options.config, demo=options.demo).serve()
    except ConfigError as error:
        for problem in error.problems:
            print(f"{error.path}: {problem}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        todo = remedy(error, "pawon-server verify names the place, restore a backup")
        if error.connection_invalidated:
            todo = "is the database still there? pawon-server check tells"
        print(f"the store: {error.orig}; {todo}", file=sys.stderr)
        return 1
    except (StoreError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def check(config: ServerConfig, path: Path) -> int:
    """Say what the server would do and stumble over. A store that is there is opened once; none is made."""
    profile = config.rules()
    broker = broker_address(config, path)
    problems = machine_problems(config, path)
    store = store_address(config, path)
    if is_there(store):
        open_store(store).close()
    print(f"kitchen {config.kitchen} ({config.name}), {config.timezone}, profile {profile.id} {profile.version}")
    print(f"  store {store}; broker {config.broker} ({broker.host}:{broker.port})")
    print(f"  pages at http://{config.http.host}:{config.http.port}/wall")
    print(f"  {len(config.gateway)} gateway(s), {len(config.sensor)} sensor(s), {len(config.place)} place(s)")
    for sensor in config.sensor:
        limits = profile.limits_at(sensor.point, sensor.quantity)
        judged = ", ".join(limit.id for limit in limits) or "shown and recorded, no limit"
        print(f"  {sensor.id}: {judged}")
    for problem in problems:
        print(f"problem: {problem}")
    print("the configuration is good" + ("" if not problems else f"; {len(problems)} problem(s) on this machine"))
    return 1 if problems else 0


def machine_problems(config: ServerConfig, path: Path) -> list[str]:
    """Files that cannot be read, and a place for the store that cannot be written. Looks only."""
    problems = []
    token_file = None if config.influx is None else config.influx.token_file
    files = {"broker_ca_file": config.broker_ca_file, "influx.token_file": token_file}
    for key, file in files.items():
        if file is not None and not os.access(file, os.R_OK):
            problems.append(f"{key}: {file} cannot be read")
    store = store_address(config, path)
    if isinstance(store, Database):
        return problems  # asked of the server itself
    folder = next(folder for folder in store.absolute().parents if folder.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        problems.append(f"store: {folder} may not be written by this user; choose a folder the server may write")
    return problems
