"""``pawon-server recall``: the answer of a recall at a terminal, for a drill and for a day on which no page opens.

Reads beside a serving server. Setting aside (``--hold``) writes, so it needs the store for itself: while a server
serves, the page ``/staff/recall`` does it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from ..acts import encode_act
from ..config import ServerConfig, store_address
from ..ingest.acceptance import Acceptance
from ..people.act import MACHINE, new_id
from ..projections.acts import Refusal
from ..projections.context import Changes
from ..projections.epcis import Cursor, events_between
from ..projections.recall import Stages, ask, recall
from ..projections.recall_trace import UnknownError
from ..rulebook import Rulebook
from ..store.address import Address
from ..store.database import StoreError, open_store, open_to_read
from ..store.turn import be_alone
from .days import local_time
from .epcis import Event, document
from .recall import TARGET_PERCENT, BatchTold, LotTold, Recall, Warmth
from .recall_acts import holds

SURE = {"told": "KNOWN", "assumed": "ASSUMED (first expired, first out)", "possible": "possible"}
WHY = {"": "", "taken": "taken to the pans then", "beside": "lay where another lot was assumed",
       "item": "this ingredient has no lot", "stock": "was in the kitchen"}  # fmt: skip
# A moment as the kitchen's clock shows it; what nobody knows is a question mark.
Clock = Callable[[int | None], str]
# A lot of rice is in a hundred batches for twenty schools: some ten thousand events.
MAX_PAGES = 100
SERVED = "a server holds the store: set aside on its page /staff/recall, or stop it first"


def add_recall_command(command: argparse.ArgumentParser) -> None:
    """Its arguments."""
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--school", metavar="NAME", default="", help="a school; with --eaten")
    which.add_argument("--lot", metavar="LOT", default="", help="a lot: SPPG-261119-AYA-4AB0")
    which.add_argument("--batch", metavar="BATCH", default="", help="a cooked batch")
    command.add_argument("--eaten", metavar="TIME", default="", help="2026-11-20T10:30, the kitchen's time")
    command.add_argument("--json", action="store_true", help="answer in JSON")
    command.add_argument("--hold", action="store_true", help="set everything aside; the server must be stopped")
    command.add_argument("--possible", action="store_true", help="with --hold: also what is only possible")
    command.add_argument("--drill", action="store_true", help="say how long each part took and what is accounted for")
    command.add_argument("--epcis", type=Path, metavar="FILE", help="write the events of these lots as EPCIS 2.0")


def run_recall(config: ServerConfig, options: argparse.Namespace, book: Rulebook) -> int:
    """The command; 0 when it is done, 1 when the question is none or something could not be set aside."""
    address = store_address(config, options.config)
    try:
        asked = ask(config.timezone, school=options.school, eaten=options.eaten, lot=options.lot, batch=options.batch)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    stages = Stages()
    try:
        with open_to_read(address).connect() as connection:
            stages.done("open")
            answer = recall(connection, book, asked, time.time_ns() // 1_000_000, stages)
            if options.epcis is not None:
                events = list(epcis_events(connection, book, [one.lot for one in answer.known_lots], answer.at_ms))
                options.epcis.write_bytes(msgspec.json.encode(document(events, answer.at_ms)))
                print(f"{options.epcis}: {len(events)} events", file=sys.stderr)
    except UnknownError as error:
        print(error, file=sys.stderr)
        return 1
    status = hold(address, book, answer, possible=options.possible) if options.hold else 0
    if options.json:
        told = msgspec.to_builtins(answer)
        if options.drill:
            told |= {"drill": {"seconds": stages.seconds, "total_s": sum(stages.seconds.values()),
                               "portions_percent": answer.portions_percent,
                               "lots_percent": answer.lots_percent}}  # fmt: skip
        print(msgspec.json.encode(told).decode())
        return status
    for line in told_lines(answer, config.timezone):
        print(line)
    if options.drill:
        for line in drill_lines(answer, stages):
            print(line)
    return status


def epcis_events(connection: Connection, book: Rulebook, lots: list[str], until_ms: int) -> Iterable[Event]:
    """All that ever happened to lots and the batches they are in, page by page."""
    after: Cursor | None = None
    for _ in range(MAX_PAGES):
        page = events_between(connection, book, 0, until_ms, lots=lots, after=after)
        yield from page.events
        after = page.next
        if after is None:
            return
    print(f"NOT ALL: more than {MAX_PAGES} pages of events", file=sys.stderr)


def hold(address: Address, book: Rulebook, answer: Recall, *, possible: bool) -> int:
    """Set aside what was found, on a store that nobody serves. Raises ``StoreError`` with what to do while one does."""
    try:
        store = open_store(address)
    except StoreError as error:
        raise StoreError(f"{error} ({SERVED})") from error
    try:
        with store.writer.begin() as connection:
            try:
                be_alone(connection, book.settings.kitchen)
            except StoreError as error:
                raise StoreError(f"{error} ({SERVED})") from error
            acceptance = Acceptance(book.settings.kitchen, store.epoch, lambda: time.time_ns() // 1_000_000)
            acceptance.load(connection)
            acceptance.adopt(connection, book, Changes())
            refused = 0
            for act in holds(
                answer, token=new_id(), by=MACHINE, now_ms=answer.at_ms, reason="Penarikan", possible=possible
            ):
                written = acceptance.act(connection, encode_act(act), Changes())
                subject = getattr(act, "lot", "") or getattr(act, "batch", "")
                refused += isinstance(written, Refusal)
                told = f"NOT HELD: {written.reason}" if isinstance(written, Refusal) else "held"
                print(f"{subject}: {told}", file=sys.stderr)
            acceptance.flush(connection)
    finally:
        store.close()
    return int(refused > 0)


def told_lines(answer: Recall, zone: str) -> Iterable[str]:
    """The answer in the order in which it is needed."""

    def at(at_ms: int | None) -> str:
        if at_ms is None:
            return "?"
        return f"{local_time(at_ms, zone):%Y-%m-%d %H:%M}"

    asked = answer.asked
    eaten = f"school {asked.school}, eaten {at(asked.eaten_ms)}, two hours earlier or later counts"
    yield f"RECALL {eaten if asked.school else f'lot {asked.lot}' if asked.lot else f'batch {asked.batch}'}"
    yield "1. STOP serving"
    for batch in answer.batches:
        yield from _batch_lines(batch, at)
    yield "2. CALL"
    for school in answer.schools:
        yield (
            f"  {school.school}: {school.portions} portions, {school.eaten} eaten, {school.remaining} not; "
            f"arrived {at(school.arrived_ms)}, eaten {at(school.eaten_ms)} [{SURE[school.sure]}]"
        )
    yield "3. SET ASIDE"
    for lot in answer.lots:
        if lot.rest:
            state = "not held" if lot.held_since_ms is None else f"held since {at(lot.held_since_ms)}"
            there = ", ".join(f"{amount} {lot.unit} in {place}" for place, amount in lot.left.items())
            yield f"  {lot.lot} {lot.item}: {there}; {state} [{SURE[lot.sure]}]"
    yield "4. LOTS"
    for lot in answer.lots:
        yield from _lot_lines(lot, at)
    yield "5. TRIPS, samples, thermometers, incidents"
    for trip in answer.trips:
        yield f"  trip {trip.vehicle or '?'}: {trip.batch}, left {at(trip.left_ms)} for {', '.join(trip.schools)}"
    for sample in answer.samples:
        kept = "kept" if sample.discarded_ms is None else f"thrown away {at(sample.discarded_ms)}"
        yield f"  sample of {sample.batch}: {sample.mass_g:g} g, {sample.place or '?'} {sample.container}, {kept}"
    for one in answer.thermometers:
        error = "" if one.error_c is None else f", off by {one.error_c:g} C"
        yield f"  {one.name}: calibration then {one.then}, now {one.now}, checked {at(one.checked_ms)}{error}"
    for incident in answer.incidents:
        closed = "OPEN" if incident.closed_ms is None else f"until {at(incident.closed_ms)}"
        yield f"  {incident.severity} {incident.rule} {incident.sensor}: {at(incident.began_ms)} {closed}"
    if answer.near:
        yield f"  had about then, eaten at another time: {', '.join(answer.near)}"
    if answer.strays:
        yield f"  USED IN BATCHES THAT NOBODY OPENED: {', '.join(answer.strays)}"
    if answer.cut:
        yield f"  NOT ALL: too much for one answer: {', '.join(answer.cut)}"


def _batch_lines(batch: BatchTold, at: Clock) -> Iterable[str]:
    doubts = f"; doubts: {', '.join(batch.doubts)}" if batch.doubts else ""
    untold = "; NOBODY SAID ITS INGREDIENTS" if batch.untold else ""
    rest = sum(share.remaining for share in batch.shares)
    yield (
        f"  {'* ' if batch.asked else ''}{batch.batch} {batch.name}: cooked {at(batch.cooked_ms)}, "
        f"{batch.portions} portions, {rest} not eaten, {batch.free} of them not held "
        f"[{SURE[batch.sure]}]{doubts}{untold}"
    )
    for share in batch.shares:
        if batch.asked and share.warmth is not None:
            yield f"    {share.school or 'kitchen'}: {_felt(share.warmth)}"


def _lot_lines(lot: LotTold, at: Clock) -> Iterable[str]:
    temperature = "not measured" if lot.temperature_c is None else f"{lot.temperature_c:g} C"
    why = f" ({WHY[lot.why]})" if lot.why else ""
    yield (
        f"  {lot.lot} {lot.item} from {lot.supplier}, note {lot.note or '?'}, code {lot.code or '?'}: received "
        f"{at(lot.received_ms)}, {temperature}, {lot.verdict}"
        f"{'' if lot.accepted else ', NOT ACCEPTED'} [{SURE[lot.sure]}]{why}"
    )
    yield (
        f"    {lot.amount} {lot.unit} = {lot.used} used + {lot.thrown} thrown away + {lot.rest} left + "
        f"{lot.untold} untold ({lot.accounted_percent:g} % accounted for)"
    )
    if lot.warmth is not None:
        yield f"    {_felt(lot.warmth)}"


def _felt(warmth: Warmth) -> str:
    worst = "" if warmth.lowest_c is None else f", {warmth.lowest_c:.1f} to {warmth.highest_c:.1f} C"
    return (
        f"danger zone {warmth.least_min:g} to {warmth.most_min:g} min, unknown {warmth.unknown_min:g} min, beyond its "
        f"limits {warmth.beyond_min:g} min{worst}{f': {warmth.advice}' if warmth.advice else ''}"
    )


def drill_lines(answer: Recall, stages: Stages) -> Iterable[str]:
    """How long it took, and whether enough is accounted for."""
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.seconds.items())
    yield f"DRILL {sum(stages.seconds.values()):.2f} s ({parts})"
    for what, found in (("portions", answer.portions_percent), ("lots", answer.lots_percent)):
        reached = "reached" if found >= TARGET_PERCENT else "NOT REACHED"
        yield f"  {what}: {found:g} % accounted for, {TARGET_PERCENT:g} % wanted: {reached}"
