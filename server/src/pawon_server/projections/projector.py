"""One journal entry to all projections: the only writer of every table but the journal itself.

Deterministic: the entry and what earlier entries left behind decide everything. No clock is read and nothing is sent.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from sqlalchemy import Connection, select

from pawon_contract import codec
from pawon_contract.messages import (
    TRUSTED_CLOCKS,
    ClockFix,
    ClockQuality,
    Contact,
    Envelope,
    Fork,
    Gap,
    Item,
    Reading,
    SensorFault,
    Weighing,
)
from pawon_contract.units import implausible
from pawon_food_safety.profile import Profile

from ..acts import decode_act
from ..calibration import RecordCalibration, WithdrawCalibration
from ..food_safety.batch_acts import KINDS as BATCH_ACTS
from ..food_safety.check import KINDS as CHECK_ACTS
from ..food_safety.lot_acts import KINDS as LOT_ACTS
from ..ingest.batches import SpoolState
from ..rulebook import Rulebook, Sensor, Settings
from ..stock.mass_acts import KINDS as MASS_ACTS
from ..stock.menu_acts import KINDS as MENU_ACTS
from ..stock.movement_acts import KINDS as MOVEMENT_ACTS
from ..stock.purchase_acts import KINDS as PURCHASE_ACTS
from ..stock.recall_acts import RecordDrill
from ..stock.scale_acts import KINDS as SCALE_ACTS
from ..store.journal import Entry
from ..store.tables import journal
from . import drills
from .acts import Acts, Refusal, Written
from .batch_masses import BatchMasses
from .batches import SCOPE as BATCHES
from .batches import Batches
from .book import StockBook
from .boot_times import Boot
from .boots import Boots
from .calibrations import AS_IT_CAME, Calibrations, Origin
from .calibrations import SCOPE as CALIBRATIONS
from .checks import Checks
from .completeness import Completeness
from .context import Arrival, Changes
from .due import Due, Watch
from .excursions import Excursions
from .forks import take_fork
from .gateways import Gateways
from .incident_acts import IncidentActs
from .incident_rows import IncidentRows, is_news
from .late_news import tell_late
from .lot_holds import LotHolds
from .lots import Lots
from .low_stock import SCOPE as LOW_STOCK
from .low_stock import LowStock
from .menu import Menu
from .minutes import Minutes
from .people import People
from .purchases import Purchases
from .readings import Readings
from .scales import Scales
from .sensor_trouble import SensorTrouble, SilenceEntry
from .stock import Stock

T = TypeVar("T", bound=msgspec.Struct)
DecodedBatch = tuple[Envelope, list[codec.Row]]
# Beyond this a ClockFix tells no time, and would not fit the store.
MAX_CLOCK_MS = 2**53
SET_ASIDE = "its projection failed; see the log"


class AlertSent(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of an ``alert_sent`` journal entry."""

    alert: str
    channel: str
    sent_ms: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``restored`` journal entry: the epoch that began, and alerts that had gone out since the backup."""

    epoch: str
    sent: list[AlertSent]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a ``replay`` journal entry: a quarantined row with all that is needed to project it.

    ``entry`` and ``sequence`` name it in quarantine; the rest is what its batch said, and ``raw`` its bytes.
    """

    entry: int
    sequence: int
    gateway: str
    spool: str
    boot: str
    offset_ms: int
    clock: ClockQuality
    error_ms: int
    received_ms: int
    raw: bytes


class Projector:
    """All projections of one kitchen. ``load`` once, then ``apply`` entries and ``flush`` before each commit."""

    def __init__(self, kitchen: str) -> None:
        self.kitchen = kitchen
        self.settings: Settings | None = None
        self.profile: Profile | None = None
        self._sensors: tuple[Settings | None, dict[str, Sensor]] = (None, {})
        self._set_aside = 0  # the entry whose rows are quarantined unlooked at; it follows in the same transaction
        self.gateways = Gateways(kitchen)
        self.boots = Boots(kitchen)
        self.readings = Readings(kitchen)
        self.minutes = Minutes(kitchen)
        self.completeness = Completeness(kitchen)
        self._incident_rows = IncidentRows(kitchen)
        self.trouble = SensorTrouble(kitchen, self._incident_rows)
        self.ledger = StockBook(kitchen)
        self.stock = Stock(kitchen, self.ledger, LotHolds(kitchen, self.ledger))
        self.people = People(kitchen)
        self.acts = Acts(kitchen, self.people)
        IncidentActs(kitchen, self.people).join(self.acts)
        self.batches = Batches(kitchen, self._incident_rows, self.people)
        self.acts.know(BATCH_ACTS, self.batches.refuse, self.batches.take)
        self.lots = Lots(kitchen, self._incident_rows, self.ledger)
        self.acts.know(LOT_ACTS, self.lots.refuse, self.lots.take)
        self.acts.know((RecordDrill,), drills.refuse, drills.take)
        self.acts.know(MOVEMENT_ACTS, self.stock.refuse, self.stock.take_act)
        purchases = Purchases(kitchen)
        self.acts.know(PURCHASE_ACTS, purchases.refuse, purchases.take)
        self.masses = BatchMasses(kitchen, self.ledger)
        self.acts.know(MASS_ACTS, self.masses.refuse, self.masses.take)
        self.checks = Checks(kitchen, self._incident_rows)
        self.acts.know(CHECK_ACTS, self.checks.refuse, self.checks.take)
        self.scales = Scales(kitchen, self._incident_rows)
        self.acts.know(SCALE_ACTS, self.scales.refuse, self.scales.take)
        self.calibrations = Calibrations(kitchen, self._incident_rows)
        self.acts.know((RecordCalibration, WithdrawCalibration), self.calibrations.refuse, self.calibrations.take)
        self.excursions = Excursions(kitchen, self._incident_rows, self.batches.cooked, self.trouble.ended_cut)
        menu = Menu(kitchen)
        self.acts.know(MENU_ACTS, menu.refuse, menu.take)
        self.low_stock = LowStock(kitchen, self._incident_rows)
        self.watches: dict[str, Watch] = {
            BATCHES: self.batches, CALIBRATIONS: self.calibrations, LOW_STOCK: self.low_stock,
        }  # fmt: skip

    def load(self, connection: Connection) -> None:
        """Take up what is committed: at the start, and after a rolled-back transaction."""
        self._set_aside = 0
        self.ledger.forget()
        self.settings = self._newest(connection, "config", Settings)
        self.profile = self._newest(connection, "profile", Profile)
        self._incident_rows.witness = self.settings is not None and self.settings.witness
        for part in (self.gateways, self.boots, self.readings, self.completeness, self._incident_rows, self.excursions,
                     self.trouble, self.people, self.batches, self.calibrations, self.scales.trouble,
                     self.low_stock):  # fmt: skip
            part.load(connection)

    def flush(self, connection: Connection) -> None:
        """Write what is buffered."""
        for part in (self.gateways, self.boots, self.readings, self.completeness, self.excursions):
            part.flush(connection)

    @property
    def book(self) -> Rulebook:
        """The rules in force."""
        assert self.settings is not None, "a config entry comes before everything else"
        assert self.profile is not None, "a profile entry comes before everything else"
        return Rulebook(settings=self.settings, profile=self.profile)

    def apply(
        self, connection: Connection, entry: Entry, changes: Changes, decoded: DecodedBatch | None = None
    ) -> None:
        """Project one entry. ``decoded`` spares decoding a batch that was decoded already."""
        match entry.kind:
            case "batch":
                self._batch(connection, entry, changes, decoded or _decode(entry))
            case "refused":
                reason, _, payload = entry.payload.partition(b"\n")
                self.gateways.refuse_payload(
                    entry.gateway, entry.id, entry.received_ms, reason.decode(errors="replace"), payload
                )
                changes.gateways = True
            case "config":
                self.settings = msgspec.json.decode(entry.payload, type=Settings)
                changes.alerts |= self._incident_rows.become(connection, witness=self.settings.witness)
                self.calibrations.configure(self.settings, entry.received_ms)
                self._retire(connection, entry, changes)
                changes.gateways = changes.incidents = changes.stock = True
            case "profile":
                self.profile = msgspec.json.decode(entry.payload, type=Profile)
                self._retire(connection, entry, changes)
                changes.incidents = True
            case "silence":
                silence = msgspec.json.decode(entry.payload, type=SilenceEntry)
                self.trouble.take_silence(connection, self.book, silence, entry.id, changes)
            case "set_aside":
                self._set_aside = entry.id + 1
            case "replay":
                self._replay(connection, entry, changes)
            case "compacted":
                self.readings.flush(connection)
                self.minutes.compact(connection, entry.payload, entry.id)
            case "act":
                self.acts.take(connection, self.book, entry, changes)
            case "due":
                due = msgspec.json.decode(entry.payload, type=Due)
                self.watches[due.scope].take_due(connection, self.book, due, entry, changes)
            case "repair" | "sealed":
                pass  # it is about the tables, not in them
            case "alert_sent":
                sent = msgspec.json.decode(entry.payload, type=AlertSent)
                self._incident_rows.mark_sent(connection, sent.alert, sent.channel, sent.sent_ms)
            case "restored":
                for sent in msgspec.json.decode(entry.payload, type=Restored).sent:
                    self._incident_rows.mark_sent_before(connection, sent.alert, sent.channel, sent.sent_ms)
        self.masses.weigh_up(connection, entry)
        if self.ledger.touched:
            self.ledger.settle(connection, self.book.settings, entry.id)
            self.lots.incidents.end_gone(connection, self.book, entry, changes)
        self.low_stock.stale |= changes.stock

    def look(self, connection: Connection, now_ms: int) -> None:
        """Before the clock asks what is due: what is not kept in memory is read."""
        self.low_stock.look(connection, self.book, now_ms)

    def refuse(self, connection: Connection, payload: bytes, now_ms: int) -> Refusal | Written | None:
        """Whether an act is to be journalled now: see ``Acts.refuse``. Raises ``msgspec.DecodeError``."""
        return self.acts.refuse(connection, self.book, decode_act(payload), now_ms)

    def _retire(self, connection: Connection, entry: Entry, changes: Changes) -> None:
        if self.settings is not None and self.profile is not None:
            for part in (self.excursions, self.trouble, self.scales.trouble):
                part.retire(connection, self.book, entry.received_ms, entry.id, changes)

    def _batch(self, connection: Connection, entry: Entry, changes: Changes, decoded: DecodedBatch) -> None:
        envelope, rows = decoded
        same_boot = envelope.sent_boot is None or envelope.sent_boot == envelope.boot
        arrival = Arrival(
            journal_id=entry.id, received_ms=entry.received_ms, gateway=entry.gateway, spool=envelope.spool,
            boot=envelope.boot, offset_ms=envelope.offset_ms, clock=envelope.clock, error_ms=envelope.error_ms,
            sent_ms=envelope.sent_ms if same_boot else None, sender_ms=envelope.sent_ms,
            sender_boot=envelope.sent_boot or envelope.boot,
        )  # fmt: skip
        newest: int | None = None
        book = self.book
        taken_at = None if entry.id == self._set_aside else _newest_at(rows)
        if taken_at is not None:
            self._date(connection, book, self.boots.take(arrival, taken_at), arrival.journal_id, changes)
        sensors = self._sensors_of(book.settings)
        for row in rows:
            if type(row.item) is Reading and not self._incident_rows.untold and entry.id != self._set_aside:
                # Nearly every row: what is asked of all others is asked here at once.
                item = row.item
                sensor = sensors.get(item.sensor)
                if sensor is not None and sensor.gateway == entry.gateway and sensor.quantity == item.quantity:
                    newest = item.at_ms
                    self._reading(connection, book, sensor, arrival, row.sequence, item, changes)
                    continue
            if entry.id == self._set_aside:
                self.gateways.refuse_row(arrival, row, SET_ASIDE)
            elif isinstance(row.item, codec.Unreadable):
                self.gateways.refuse_row(arrival, row, row.item.reason)
            else:
                newest = row.item.at_ms
                self._row(connection, book, sensors, arrival, row, row.item, changes)
                if self._incident_rows.untold and not isinstance(row.item, Gap) and is_news(arrival, row.item.at_ms):
                    tell_late(connection, self._incident_rows, self.boots, book, arrival, changes)
        self.gateways.take(arrival, SpoolState(upto=rows[-1].last, chain=rows[-1].chain), newest)
        changes.gateways = True

    def why_kept(self, connection: Connection, replay: Replay) -> str | None:
        """Why a quarantined row has to stay there by today's code and configuration; ``None`` when it can be used."""
        if not self.gateways.is_kept(connection, replay.entry, replay.sequence):
            return "it is not in quarantine"
        item = codec.decode_item(replay.raw)
        if isinstance(item, codec.Unreadable):
            return item.reason
        if isinstance(item, Gap):
            misplaced = item.from_ != replay.sequence or item.to < item.from_
            return f"gap {item.from_}..{item.to} stands at {replay.sequence}" if misplaced else None
        reason = _unusable(item, self._sensors_of(self.book.settings), replay.gateway)
        if reason is not None or not isinstance(item, SensorFault):
            return reason
        in_turn = self.readings.is_newest(self._arrival_of(replay, replay.entry), item.sensor, item.at_ms)
        return None if in_turn else f"a fault of the past: sensor {item.sensor!r} has newer rows"

    def _replay(self, connection: Connection, entry: Entry, changes: Changes) -> None:
        replay = msgspec.json.decode(entry.payload, type=Replay)
        if self.why_kept(connection, replay) is not None:
            return  # another version, to which it is not in quarantine or still of no use
        self.gateways.release(connection, replay.gateway, replay.entry, replay.sequence)
        item = codec.decode_item(replay.raw)
        assert not isinstance(item, codec.Unreadable), "why_kept has read it"
        row = codec.Row(sequence=replay.sequence, last=replay.sequence, raw=replay.raw, item=item, chain=b"")
        sensors = self._sensors_of(self.book.settings)
        self._row(connection, self.book, sensors, self._arrival_of(replay, entry.id), row, item, changes)
        changes.gateways = True

    def _arrival_of(self, replay: Replay, journal_id: int) -> Arrival:
        """Its age on arrival is left unknown: it is of the past, however fresh it was when it came. Its date is the one
        that a clock fix since then gives."""
        guessed = (replay.offset_ms, replay.error_ms, replay.clock)
        fixed = None if replay.clock in TRUSTED_CLOCKS else self.boots.dated(replay.gateway, replay.boot)
        offset_ms, error_ms, clock = fixed or guessed
        return Arrival(
            journal_id=journal_id, received_ms=replay.received_ms, gateway=replay.gateway, spool=replay.spool,
            boot=replay.boot, offset_ms=offset_ms, clock=clock, error_ms=error_ms, sent_ms=None, replayed=True,
        )  # fmt: skip

    def _row(
        self, connection: Connection, book: Rulebook, sensors: dict[str, Sensor], arrival: Arrival, row: codec.Row,
        item: Item, changes: Changes,
    ) -> None:  # fmt: skip
        if isinstance(item, Gap):
            return  # its place in the journal is the record of the loss
        if (reason := _unusable(item, sensors, arrival.gateway)) is not None:
            self.gateways.refuse_row(arrival, row, reason)
            return
        if isinstance(item, ClockFix):
            dated = self.boots.fix(arrival, item.boot, item.offset_ms, item.error_ms, item.source, item.at_ms)
            self._date(connection, book, dated, arrival.journal_id, changes)
            return
        if isinstance(item, Fork):
            take_fork(connection, self._incident_rows, book, arrival, row.sequence, item, changes)
            return
        sensor = sensors[item.sensor]
        changes.sensors.add(sensor.id)
        if isinstance(item, Reading):
            self._reading(connection, book, sensor, arrival, row.sequence, item, changes)
        elif isinstance(item, Contact):
            in_turn = not arrival.replayed or self.readings.is_newest(arrival, sensor.id, item.at_ms)
            self._measured(connection, book, arrival, row.sequence, item)
            if in_turn:
                self.excursions.take_contact(connection, book, sensor, arrival, row.sequence, item, changes)
        elif isinstance(item, SensorFault):
            self.readings.take_fault(arrival, item)
            self.trouble.take_fault(connection, book, sensor, arrival, row.sequence, item, changes)
        elif isinstance(item, Weighing):
            self.scales.take_zero(connection, book, sensor, arrival, row.sequence, item, changes)
            self.stock.take(connection, book, arrival, row.sequence, item, changes)

    def _reading(
        self, connection: Connection, book: Rulebook, sensor: Sensor, arrival: Arrival, sequence: int, item: Reading,
        changes: Changes,
    ) -> None:  # fmt: skip
        changes.sensors.add(sensor.id)
        origin = AS_IT_CAME
        if self.calibrations.correcting:
            item, origin = self.calibrations.correct(arrival, item)  # from here on the value as it counts
        in_turn = not arrival.replayed or self.readings.is_newest(arrival, sensor.id, item.at_ms)
        self._measured(connection, book, arrival, sequence, item, origin)
        if not in_turn:
            return  # recorded; what came after it has been judged already
        self.trouble.end_fault(connection, book, sensor, arrival, item.at_ms, changes)
        if sensor.point:
            self.excursions.judge(connection, book, sensor, arrival, sequence, item, changes)

    def _date(
        self, connection: Connection, book: Rulebook, boots: list[Boot], journal_id: int, changes: Changes
    ) -> None:
        """Boots of which it became known when they were, or at least between when: what they guessed is dated anew."""
        for boot in boots:
            fix = (boot.gateway, boot.boot, boot.offset_ms, journal_id)
            own = {sensor.id for sensor in book.settings.sensors if sensor.gateway == boot.gateway}
            moved = self.readings.fix_clock(connection, *fix, sensors=own)
            self.completeness.fix_clock(connection, book.settings.timezone, moved)
            for part in (self._incident_rows, self.stock, self.scales):
                part.fix_clock(connection, *fix)
            self.lots.date(connection, book, journal_id)
            self.excursions.fix_clock(boot.boot, boot.offset_ms, sensors=own)
            self.batches.fix_clock(connection, book, *fix, changes)
            changes.incidents = changes.stock = True

    def _measured(
        self, connection: Connection, book: Rulebook, arrival: Arrival, sequence: int, item: Reading | Contact,
        origin: Origin = AS_IT_CAME,
    ) -> None:  # fmt: skip
        late = self.readings.take(arrival, sequence, item, origin)
        measured_ms, valid_ms = arrival.offset_ms + item.at_ms, item.valid_ms
        self.completeness.take(connection, book.settings.timezone, item.sensor, measured_ms, valid_ms, late)

    def _sensors_of(self, settings: Settings) -> dict[str, Sensor]:
        if self._sensors[0] is not settings:
            self._sensors = (settings, {sensor.id: sensor for sensor in settings.sensors})
        return self._sensors[1]

    def _newest(self, connection: Connection, kind: str, shape: type[T]) -> T | None:
        payload = connection.execute(
            select(journal.c.payload)
            .where(journal.c.kitchen == self.kitchen, journal.c.kind == kind)
            .order_by(journal.c.id.desc())
            .limit(1)
        ).scalar()
        return None if payload is None else msgspec.json.decode(payload, type=shape)


def _decode(entry: Entry) -> DecodedBatch:
    envelope = codec.decode(entry.payload, Envelope)
    assert not isinstance(envelope, codec.Unreadable), "only what decodes is journalled as a batch"
    assert entry.first is not None
    assert entry.chain_before is not None
    return envelope, codec.rows(envelope, entry.chain_before, after=entry.first - 1)


def _newest_at(rows: list[codec.Row]) -> int | None:
    """Monotonic ms of the newest row that was measured; a gap may stand for rows of any boot."""
    items = (row.item for row in reversed(rows))
    return next((item.at_ms for item in items if not isinstance(item, codec.Unreadable | Gap)), None)


def _unusable(
    item: ClockFix | Fork | Reading | Contact | Weighing | SensorFault, sensors: dict[str, Sensor], gateway: str
) -> str | None:
    """Why a row that can be read cannot be used, or ``None``."""
    if isinstance(item, ClockFix):
        no_time = abs(item.offset_ms) > MAX_CLOCK_MS or item.error_ms > MAX_CLOCK_MS
        return "offset_ms or error_ms is no time" if no_time else None
    if isinstance(item, Fork):
        return None
    sensor = sensors.get(item.sensor)
    if sensor is None or sensor.gateway != gateway:
        return f"sensor {item.sensor!r} is not configured for {gateway}"
    return _unfit(item, sensor)


def _unfit(item: Reading | Contact | Weighing | SensorFault, sensor: Sensor) -> str | None:
    """Why an item cannot be this sensor's, or ``None``."""
    quantity = item.quantity if isinstance(item, Reading) else item.contact if isinstance(item, Contact) else None
    if quantity is not None and quantity != sensor.quantity:
        return f"sensor {sensor.id} sends {quantity}, configured as {sensor.quantity}"
    if isinstance(item, Weighing):
        for mass_g in (item.before_g, item.after_g):
            if (reason := implausible("mass_g", mass_g)) is not None:
                return f"{sensor.id}: {reason}"
    return None
