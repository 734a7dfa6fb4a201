"""``pawon-server person``: the first people, and a way back in when everybody has forgotten their PIN.

Needs the store for itself (the server stopped). A PIN is asked at the terminal or read from standard input; it is
never an argument, which other users of the machine could read.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import time

from sqlalchemy import Connection

from ..acts import encode_act
from ..config import ServerConfig, store_address
from ..ingest.acceptance import Acceptance
from ..projections.acts import Refusal
from ..projections.context import Changes
from ..projections.people import people_of
from ..rulebook import Rulebook
from ..store.database import open_store, open_to_read
from ..store.turn import be_alone
from .act import MACHINE, ROLES, new_id
from .person import SetPerson
from .pin import hash_pin, unfit


def add_person_command(command: argparse.ArgumentParser) -> None:
    """Its arguments."""
    command.add_argument("what", choices=("set", "list", "leave"), help="make or change a person; all; one has left")
    command.add_argument("--id", metavar="NAME", help="what the person signs in with: sari")
    command.add_argument("--name", help="how the pages name the person to colleagues")
    command.add_argument("--role", choices=ROLES, help="staff (petugas), nutritionist (ahli gizi), head (kepala)")


def run_person(config: ServerConfig, options: argparse.Namespace, book: Rulebook) -> int:
    """The command; 0 when it is done."""
    address = store_address(config, options.config)
    if options.what == "list":
        with open_to_read(address).connect() as connection:
            for one in people_of(connection, config.kitchen).values():
                print(f"{one.id}: {one.name}, {one.role}{'' if one.active else ', has left'}")
        return 0
    if not options.id:
        print("--id: who? what the person signs in with, in small letters: sari", file=sys.stderr)
        return 1
    store = open_store(address)
    try:
        with store.writer.begin() as connection:
            be_alone(connection, config.kitchen)
            known = people_of(connection, config.kitchen).get(options.id)
            pin = ""
            if options.what == "set":
                if not (options.name or known) or not (options.role or known):
                    print("--name and --role: a new person needs both", file=sys.stderr)
                    return 1
                pin = _ask()
                if (reason := unfit(pin)) is not None:
                    print(reason, file=sys.stderr)
                    return 1
            elif known is None:
                print(f"--id: nobody is called {options.id}; pawon-server person list names all", file=sys.stderr)
                return 1
            act = SetPerson(
                id=new_id(), by=MACHINE, person=options.id, name=options.name or (known.name if known else ""),
                has_role=options.role or (known.role if known else "staff"), pin=hash_pin(pin) if pin else "",
                active=options.what == "set",
            )  # fmt: skip
            return _write(connection, config.kitchen, store.epoch, book, act)
    finally:
        store.close()


def _write(connection: Connection, kitchen: str, epoch: str, book: Rulebook, act: SetPerson) -> int:
    acceptance = Acceptance(kitchen, epoch, lambda: time.time_ns() // 1_000_000)
    acceptance.load(connection)
    acceptance.adopt(connection, book, Changes())
    answer = acceptance.act(connection, encode_act(act), Changes())
    acceptance.flush(connection)
    if isinstance(answer, Refusal):
        print(answer.reason, file=sys.stderr)
        return 1
    print(f"{act.person}: {act.name}, {act.has_role}{'' if act.active else ', has left'}")
    return 0


def _ask() -> str:
    """The PIN: twice at a terminal, so that a slip of the finger is noticed; one line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    pin = getpass.getpass("PIN: ")
    return pin if getpass.getpass("PIN again: ") == pin else ""
