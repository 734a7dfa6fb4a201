"""The commands about the record. Each answers with 0 when all is well and with 1 when something is to be done."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import msgspec

from ..config import ServerConfig, store_address
from ..rulebook import Rulebook
from ..store.address import Database
from ..store.database import Store, StoreError, is_there, open_store, open_to_read
from ..store.turn import be_alone
from .backup import back_up, begin_new_epoch, restore
from .rebuild import rebuild, repair
from .replay import parse_id, replay_quarantine
from .verify import Proof, verify

# A line of progress this often, on the error stream: a long walk must not look like a hang.
PROGRESS_EVERY_S = 2.0


class Progress:
    """Says how far a long work is, seldom."""

    def __init__(self, doing: str) -> None:
        self._doing, self._next_s = doing, time.monotonic() + PROGRESS_EVERY_S

    def __call__(self, done: int, of: int) -> None:
        """``done`` of ``of`` are done."""
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + PROGRESS_EVERY_S
            print(f"{self._doing}: {done} of {of}", file=sys.stderr, flush=True)


def add_record_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Tell the parser about them."""

    def command(name: str, text: str, *, json: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text)
        made.add_argument("--config", type=Path, required=True)
        made.add_argument("--demo", action="store_true", help="allow the demonstration profile")
        if json:
            made.add_argument("--json", action="store_true", help="answer in JSON")
        return made

    proof = command("verify", "prove the journal from its first entry; may run beside a serving server")
    proof.add_argument("--known", metavar="ID:LINK", help="a head noted earlier, which the journal must still contain")
    again = command("rebuild", "derive every table again from the journal alone and compare; sends nothing")
    again.add_argument("--scratch", type=Path, metavar="DIR", help="folder for the scratch store (beside the store)")
    again.add_argument("--repair", action="store_true", help="write what was derived; the server must be stopped")
    kept = command("replay-quarantine", "try again what could not be used; the server must be stopped")
    which = kept.add_mutually_exclusive_group(required=True)
    which.add_argument("--id", metavar="N", help="what one journal entry brought (12), or one of its rows (12.3)")
    which.add_argument("--all", action="store_true", help="everything")
    copy = command("backup", "copy the store to a file and prove the copy; may run beside a serving server")
    copy.add_argument("file", type=Path, metavar="FILE", help="replaced only by a proven copy")
    back = command("restore", "put a backup in the store's place; the server must be stopped")
    what = back.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, metavar="FILE", nargs="?")
    what.add_argument("--new-epoch", action="store_true", help="after pg_restore has put a database back")


def _verify(config: ServerConfig, options: argparse.Namespace) -> int:
    store = store_address(config, options.config)
    try:
        proof = verify(open_to_read(store), config.kitchen, known=options.known, progress=Progress("verify"))
    except ValueError as error:
        raise StoreError(f"--known: {error}") from error
    if options.json:
        answer = {"ok": proof.ok, "store": str(store), **msgspec.to_builtins(proof)}
        print(msgspec.json.encode(answer).decode())
        return int(not proof.ok)
    _tell_spools(proof)
    print(f"{proof.entries} journal entries; head {proof.head}")
    if proof.finding is not None:
        print(f"NOT PROVEN: {proof.finding.text()}")
    else:
        print("the record is proven; note the head: no later store may lack it")
    return int(not proof.ok)


def _rebuild(config: ServerConfig, options: argparse.Namespace) -> int:
    address = store_address(config, options.config)
    beside = Path(tempfile.gettempdir()) if isinstance(address, Database) else address.parent
    folder = options.scratch or beside
    progress = Progress("rebuild: journal entries")
    if options.repair:
        store = _open_existing(config, options)
        try:
            result = repair(store, config.kitchen, folder, time.time_ns() // 1_000_000, progress=progress)
        finally:
            store.close()
    else:
        result = rebuild(open_to_read(address), config.kitchen, folder, progress=progress)
    status = int(not (result.same or result.repaired))
    if options.json:
        answer = {"same": result.same, "store": str(address), **msgspec.to_builtins(result)}
        print(msgspec.json.encode(answer).decode())
        return status
    if result.finding is not None:
        print(f"NOT PROVEN, so nothing is derived from it: {result.finding.text()}")
        return status
    for table in result.tables:
        told = "as the journal says" if table.same else (
            f"{table.missing} row(s) missing, {table.extra} that the journal does not know, {table.changed} changed"
        )  # fmt: skip
        print(f"{table.table}: {table.rows} rows, {told}")
        for row in table.first:
            print(f"  {_line(row.key)}\n    store:   {_line(row.store)}\n    journal: {_line(row.journal)}")
    for table_name, reason in result.left_out.items():
        print(f"{table_name}: not derived ({reason})")
    if result.same:
        print(f"the store holds what its {result.entries} journal entries say")
    elif result.repaired:
        print("the tables were written anew from the journal, and the journal says so")
    else:
        print("THE STORE DIFFERS from its journal; stop the server and run pawon-server rebuild --repair")
    return status


def _replay(config: ServerConfig, options: argparse.Namespace) -> int:
    try:
        wanted = None if options.all else parse_id(options.id)
    except ValueError as error:
        raise StoreError(f"--id: {error}") from error
    book = Rulebook(settings=config.settings(), profile=config.rules())
    store = _open_existing(config, options)
    try:
        result = replay_quarantine(store, book, lambda: time.time_ns() // 1_000_000, wanted)
    finally:
        store.close()
    if options.json:
        print(msgspec.json.encode(result).decode())
        return 0
    for row in result.first_kept:
        print(f"{row.id} ({row.gateway}) stays: {row.reason}")
    if result.kept > len(result.first_kept):
        print(f"and {result.kept - len(result.first_kept)} more stay")
    print(f"{result.used} row(s) are used now, {result.kept} stay in quarantine")
    return 0


def _backup(config: ServerConfig, options: argparse.Namespace) -> int:
    store = store_address(config, options.config)
    if isinstance(store, Database):
        raise StoreError(
            f"{store}: PostgreSQL copies its databases itself: pg_dump --format=custom --file=FILE "
            f"--host={store.host} --port={store.port} --username={store.user} {store.name}; pawon-server verify proves "
            "what it copies"
        )
    result = back_up(store, config.kitchen, options.file, progress=Progress("backup: pages"))
    if options.json:
        print(msgspec.json.encode(result).decode())
        return 0
    _tell_spools(result.proof)
    print(f"{result.file}: {result.bytes} bytes, {result.rows} rows, {result.proof.entries} journal entries; "
          f"head {result.proof.head}")  # fmt: skip
    return 0


def _restore(config: ServerConfig, options: argparse.Namespace) -> int:
    store, utc_ms = store_address(config, options.config), lambda: time.time_ns() // 1_000_000
    if options.new_epoch:
        return _new_epoch(config, options, utc_ms)
    if isinstance(store, Database):
        raise StoreError(
            f"{store}: stop every worker, put the dump back into an empty database (createdb, then pg_restore "
            "--exit-on-error --dbname=… FILE), and run pawon-server restore --new-epoch, so that gateways believe the "
            "lower numbers"
        )
    result = restore(store, config.kitchen, options.file, utc_ms, progress=Progress("restore: pages"))
    if options.json:
        print(msgspec.json.encode(result).decode())
        return 0
    _tell_spools(result.proof)
    if result.aside is not None:
        print(f"the store that was here is kept as {result.aside}")
    if result.unknown_alerts:
        print("it cannot be read, so alerts that went out since the backup may go out once more")
    elif result.carried:
        print(f"{result.carried} alert(s) that went out since the backup will not go out again")
    print(f"new epoch {result.epoch}: gateways will send again what this store lacks")
    return 0


def _new_epoch(config: ServerConfig, options: argparse.Namespace, utc_ms: Callable[[], int]) -> int:
    store = _open_existing(config, options)
    try:
        if not store.shared:
            raise StoreError(f"{store.address}: give the backup FILE; restore puts it in place and begins a new epoch")
        proof = verify(store.reader, config.kitchen)
        if proof.finding is None:
            epoch = begin_new_epoch(store.writer, config.kitchen, utc_ms)
    finally:
        store.close()
    if options.json:
        told = {"epoch": None if proof.finding else epoch, "proof": msgspec.to_builtins(proof)}
        print(msgspec.json.encode(told).decode())
        return int(not proof.ok)
    if proof.finding is not None:
        print(f"NOT PROVEN, so it is not begun with: {proof.finding.text()}")
        return 1
    _tell_spools(proof)
    print("alerts that went out since the dump may go out once more")
    print(f"new epoch {epoch}: gateways will send again what this store lacks")
    return 0


def _tell_spools(proof: Proof) -> None:
    for one in proof.spools:
        print(f"gateway {one.gateway}, spool {one.spool}: rows 1..{one.upto}, "
              f"{one.gaps} gap(s) of {one.lost} row(s), chain {one.chain}")  # fmt: skip


def _open_existing(config: ServerConfig, options: argparse.Namespace) -> Store:
    """The store for this command alone; a missing one is told, not made."""
    store = store_address(config, options.config)
    if not is_there(store):
        raise StoreError(f"{store}: there is no store; look at the setting store")
    opened = open_store(store)
    try:
        with opened.writer.begin() as connection:
            be_alone(connection, config.kitchen)
    except BaseException:
        opened.close()
        raise
    return opened


def _line(row: dict[str, object] | None) -> str:
    return "no such row" if row is None else ", ".join(f"{name}={value!r}" for name, value in row.items())


RECORD_COMMANDS: MappingProxyType[str, Callable[[ServerConfig, argparse.Namespace], int]] = MappingProxyType(
    {
        "verify": _verify,
        "rebuild": _rebuild,
        "replay-quarantine": _replay,
        "backup": _backup,
        "restore": _restore,
    }
)
