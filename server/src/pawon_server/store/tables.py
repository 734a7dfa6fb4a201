"""The tables. ``journal`` is the record; every other table is a projection that can be derived from it again.

Times are integer milliseconds UTC. The kitchen leads every key, so that a shared store can be divided by kitchen.
Amounts are integers in the item's base unit.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# Rows dated by a guess and not dated anew yet. Written out, not bound: only so SQLite sees that the index holds them.
READING_TO_DATE = text("clock IN ('guess', 'rtc') AND first_measured_ms IS NULL")
MOVEMENT_TO_DATE = text("clock IN ('guess', 'rtc') AND first_occurred_ms IS NULL")
ZERO_TO_DATE = text("clock IN ('guess', 'rtc') AND first_at_ms IS NULL")


def _key(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _need(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=True)


# Append-only by trigger (see database.py). ``payload`` is exactly what came in; ``link`` chains the journal itself.
journal = Table(
    "journal",
    metadata,
    _key("kitchen"),
    _key("id", BigInteger),
    _need("kind", String),  # see ``journal.EntryKind``
    _need("received_ms", BigInteger),
    _need("gateway", String),  # empty for the server's own entries
    _may("spool", String),
    _may("first", BigInteger),
    _may("last", BigInteger),
    _may("chain_before", LargeBinary),  # the gateway's chain value before ``first`` and after ``last``
    _may("chain", LargeBinary),
    _need("payload", LargeBinary),
    _need("link", LargeBinary),
    Index("journal_by_spool", "kitchen", "gateway", "spool", "last"),
    Index("journal_by_kind", "kitchen", "kind", "id"),
)

# A run of the journal whose batches are held as columns (see segments.py); no batch is deleted that is not in one. Runs
# follow each other from the first entry on. ``journal_id``: the ``sealed`` entry that gives ``digest``.
segment = Table(
    "segment",
    metadata,
    _key("kitchen"),
    _key("first_id", BigInteger),
    _need("last_id", BigInteger),
    _need("batches", Integer),
    _need("rows", Integer),
    _need("first_ms", BigInteger),  # received, by the server's clock
    _need("last_ms", BigInteger),
    _need("digest", String),
    _need("journal_id", BigInteger),
    _need("content", LargeBinary),
)

# Which rows of which spool lie in which segment, and the spool's chain value after them.
segment_spool = Table(
    "segment_spool",
    metadata,
    _key("kitchen"),
    _key("gateway"),
    _key("spool"),
    _key("last", BigInteger),
    _need("first", BigInteger),
    _need("first_id", BigInteger),
    _need("chain", LargeBinary),
)

# How far each spool is stored without a hole: the number that ``committed`` speaks of.
spool = Table(
    "spool",
    metadata,
    _key("kitchen"),
    _key("gateway"),
    _key("spool"),
    _need("upto", BigInteger),
    _need("chain", LargeBinary),
    _need("journal_id", BigInteger),
)

quarantine = Table(
    "quarantine",
    metadata,
    _key("kitchen"),
    _key("journal_id", BigInteger),
    _key("sequence", BigInteger),  # 0 for a payload that was refused as a whole
    _need("gateway", String),
    _may("spool", String),
    _need("received_ms", BigInteger),
    _need("reason", Text),
    _need("raw", LargeBinary),
)

reading = Table(
    "reading",
    metadata,
    _key("kitchen"),
    _key("gateway"),
    _key("spool"),
    _key("sequence", BigInteger),
    _need("sensor", String),
    _need("quantity", String),
    _need("value", Float),
    _need("low", Float),
    _need("high", Float),
    _need("count", Integer),
    _need("measured_ms", BigInteger),
    _need("valid_ms", Integer),
    _need("boot", String),
    _need("at_ms", BigInteger),
    _need("clock", String),
    _may("first_measured_ms", BigInteger),  # the stamp before a ClockFix corrected it
    _need("journal_id", BigInteger),
    _may("late", Boolean),  # older than its validity when it came; unknown of rows from before schema 0002
    _may("raw", Float),  # ``value`` before it was corrected, and which calibration did; empty: as it came
    _may("calibration", BigInteger),
    Index(
        "reading_to_date", "kitchen", "gateway", "boot", sqlite_where=READING_TO_DATE, postgresql_where=READING_TO_DATE
    ),
    Index("reading_by_sensor", "kitchen", "sensor", "measured_ms"),
    Index("reading_by_journal", "kitchen", "journal_id"),
)

# Readings of old days, a row for every minute in which a sensor was measured (see projections/minutes.py). Only what
# was measured in the minute counts: ``mean`` weighs every report by the samples it stands for.
reading_minute = Table(
    "reading_minute",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _key("minute_ms", BigInteger),
    _key("quantity"),
    _need("low", Float),
    _need("mean", Float),
    _need("high", Float),
    _need("count", Integer),  # samples
    _need("reports", Integer),
    _need("late", Integer),  # reports older than their validity when they came
    _need("fixed", Integer),  # reports that a ClockFix dated
    sqlite_with_rowid=False,
)

# Stretches of a sensor's time whose readings became minutes, and which minutes (bits from ``start_ms``) they covered.
compaction = Table(
    "compaction",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _key("journal_id", BigInteger),
    _need("start_ms", BigInteger),
    _need("end_ms", BigInteger),
    _need("reports", Integer),
    _need("measured", LargeBinary),
    _need("late", LargeBinary),
    Index("compaction_by_time", "kitchen", "sensor", "end_ms"),
)

latest = Table(
    "latest",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _may("quantity", String),
    _may("value", Float),
    _may("low", Float),
    _may("high", Float),
    _may("measured_ms", BigInteger),
    _need("fresh_until_ms", BigInteger),  # by the server's clock: the value is old from then on
    _may("valid_ms", Integer),
    _may("boot", String),
    _may("at_ms", BigInteger),
    _may("fault", String),
    _may("fault_ms", BigInteger),
    _need("journal_id", BigInteger),
    _may("raw", Float),  # as of ``reading``
)

boot = Table(
    "boot",
    metadata,
    _key("kitchen"),
    _key("gateway"),
    _key("boot"),
    _need("offset_ms", BigInteger),
    _need("error_ms", BigInteger),
    _need("clock", String),
    _need("fixed", Boolean),
    _need("journal_id", BigInteger),
    # The rest is of ``boot_times.Boot``; unknown of boots from before schema 0005.
    _may("settled", Boolean),
    _may("spool", String),
    _may("number", Integer),
    _may("newest_at", BigInteger),
    _may("known_at", BigInteger),
    _may("ended_ms", BigInteger),
    _may("stamped_ms", BigInteger),
    _may("earliest_ms", BigInteger),
    _may("latest_ms", BigInteger),
)

# Which minutes of a local day a sensor was measured: bits, the first minute in the lowest bit of the first byte.
completeness = Table(
    "completeness",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _key("day"),  # YYYY-MM-DD
    _need("start_ms", BigInteger),
    _need("minutes", Integer),
    _need("measured", LargeBinary),
    _need("late", LargeBinary),
    Index("completeness_by_day", "kitchen", "day"),
)

# What the rules of one sensor remember: a projection like any other, written at each commit.
judgement = Table(
    "judgement",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _need("boot", String),  # the state's times are monotonic ms of this boot,
    _need("offset_ms", BigInteger),  # which was then believed to have this offset
    _need("state", LargeBinary),  # JSON of projections.excursions.Remembered
)

incident = Table(
    "incident",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("kind", String),  # food_safety.incident names them
    _need("severity", String),  # warning, critical
    _need("sensor", String),
    _need("point", String),
    _need("rule", String),
    _need("began_ms", BigInteger),
    _need("opened_ms", BigInteger),
    _may("closed_ms", BigInteger),
    _may("worst", Float),
    _may("limit_value", Float),
    _may("quantity", String),
    _need("late", Boolean),
    _may("boot", String),  # whose clock dated it, and the offset it was dated with; empty for the server's own clock
    _may("offset_ms", BigInteger),
    _may("first_opened_ms", BigInteger),  # the date before a ClockFix corrected it
    _need("profile", String),
    _need("profile_version", String),
    _need("detail", Text),
    _need("journal_id", BigInteger),  # of the last change
    _may("clock", String),  # the quality of the clock that dated it; empty for the server's own
    _may("closed_boot", String),  # whose clock dated the closing, as above
    _may("closed_offset_ms", BigInteger),
    _may("closed_clock", String),
    _may("first_closed_ms", BigInteger),
    _may("explained_by", String),  # another incident: electricity that is off
    _may("told", Boolean),  # of a late one: whether people were told, alone or in a summary
    _may("handling", String),  # how far people have come with it (food_safety.incident); empty: nobody has begun
    _may("acknowledged_ms", BigInteger),  # when the first of them did something
    _may("disposition", String),  # what becomes of the food: use, hold, discard; none where none is concerned
    _may("settled_ms", BigInteger),  # when people closed it, which is not when the trouble was over
    Index("incident_by_boot", "kitchen", "boot"),
    Index("incident_by_closing_boot", "kitchen", "closed_boot"),
    Index("incident_by_time", "kitchen", "opened_ms"),
    Index("incident_by_journal", "kitchen", "journal_id"),
    Index("incident_by_handling", "kitchen", "handling", "opened_ms"),
)
incident_act = Table(  # what people did about incidents; only ever added to
    "incident_act",
    metadata,
    _key("kitchen"),
    _key("id"),  # the act's
    _need("incident", String),
    _need("journal_id", BigInteger),
    _need("at_ms", BigInteger),
    _need("person", String),
    _need("role", String),  # theirs at that time
    _need("what", String),  # acknowledge, note, settle, sign, correct
    _need("cause", Text),
    _need("action", Text),  # what was done; of a correction the new text
    _need("disposition", String),
    _need("moved", Text),
    _need("refers", String),  # the act that is signed or corrected
    _need("field", String),  # of a correction: which text
    Index("incident_act_by_incident", "kitchen", "incident", "journal_id"),
)

movement = Table(
    "movement",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the weighing's row, or of the act
    _need("occurred_ms", BigInteger),
    _need("place", String),  # the one of the two that screens name
    _need("item", String),  # empty until a person says what was weighed
    _need("unit", String),
    _need("amount", BigInteger),  # signed, + into ``place``; derived where ``whole`` or ``counted``
    _need("whole", Boolean),  # all of the lot that lay there
    _may("counted", BigInteger),  # a stocktake: so much lay in ``place``
    _may("book_amount", BigInteger),  # what the book held there before it was counted
    _need("from_place", String),
    _need("to_place", String),
    _need("lot", String),  # as a person said; empty: nobody did
    _need("batch", String),
    _need("waste", String),
    _need("reason", Text),
    _need("state", String),  # proposed, confirmed, corrected, refused
    _need("kind", String),  # of the weighing; receive, move, use, discard, hand, count
    _need("automatic", Boolean),  # booked by the place's rule
    _need("person", String),  # who decided; empty: nobody yet
    _need("doubt", String),  # short, blocked: what the book finds odd about it
    _need("sensor", String),
    _may("before_g", BigInteger),
    _may("after_g", BigInteger),
    _may("confidence", Float),
    _may("division_g", Float),
    _may("zero_g", Float),
    _may("drift_g", Float),
    _need("load", String),
    _may("trace", LargeBinary),
    _need("gateway", String),
    _need("spool", String),
    _may("sequence", BigInteger),
    _need("boot", String),
    _may("at_ms", BigInteger),
    _need("clock", String),
    _may("first_occurred_ms", BigInteger),
    _need("written", BigInteger),  # the journal entry it came with
    _need("journal_id", BigInteger),  # of the last change
    Index(
        "movement_to_date",
        "kitchen",
        "gateway",
        "boot",
        sqlite_where=MOVEMENT_TO_DATE,
        postgresql_where=MOVEMENT_TO_DATE,
    ),
    Index("movement_by_time", "kitchen", "occurred_ms"),
    Index("movement_by_item", "kitchen", "item", "occurred_ms"),
    Index("movement_by_batch", "kitchen", "batch"),
    Index("movement_by_journal", "kitchen", "journal_id"),
)

# Double entry: the lines of one movement sum to zero; a balance is the sum of an account's lines and stored nowhere.
ledger_line = Table(
    "ledger_line",
    metadata,
    _key("kitchen"),
    _key("movement"),
    _key("place"),
    _key("lot"),  # empty: of no known lot
    _need("item", String),
    _need("amount", BigInteger),
    _need("unit", String),
    _need("assumed", Boolean),  # nobody said which lot: the one that should have gone first
    _need("occurred_ms", BigInteger),
    Index("ledger_by_place", "kitchen", "place", "item"),
    Index("ledger_by_item", "kitchen", "item", "occurred_ms"),
    Index("ledger_by_lot", "kitchen", "lot"),
)

alert = Table(
    "alert",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("incident", String),
    _need("event", String),  # opened, closed, late
    _need("created_ms", BigInteger),
    _need("text", Text),
    _may("sent_ms", BigInteger),
    _may("channel", String),
)

# Alerts that went out from a store of which an older backup was put in place: their rows may come again.
sent_before = Table(
    "sent_before",
    metadata,
    _key("kitchen"),
    _key("alert"),
    _need("sent_ms", BigInteger),
    _need("channel", String),
)

gateway = Table(
    "gateway",
    metadata,
    _key("kitchen"),
    _key("gateway"),
    _need("boot", String),
    _need("spool", String),
    _need("upto", BigInteger),
    _need("received_ms", BigInteger),
    _need("clock", String),
    _need("offset_ms", BigInteger),
    _need("error_ms", BigInteger),
    _need("delay_ms", BigInteger),  # age of the newest row of the last batch when it came in
    _need("refused", Integer),
    _need("journal_id", BigInteger),
)

# Who may write (see ``people``), and all that was written, for the audit.
person = Table(
    "person",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("name", String),
    _need("role", String),
    _need("pin", String),  # its hash
    _need("active", Boolean),
    _need("version", BigInteger),  # the journal entry that set the PIN
    _need("journal_id", BigInteger),
)

act = Table(
    "act",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("journal_id", BigInteger),
    _need("at_ms", BigInteger),
    _need("person", String),
    _need("what", String),
    _need("content", LargeBinary),
    Index("act_by_journal", "kitchen", "journal_id"),
)

# Cooked batches (see food_safety/batch.py). ``done``: nothing is left of it and nothing is left to decide of it.
batch = Table(
    "batch",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("day", String),  # YYYY-MM-DD on which it is served
    _need("wave", String),
    _need("dish", String),
    _need("state", String),
    _need("portions", BigInteger),
    _need("opened_ms", BigInteger),
    _may("cooked_ms", BigInteger),
    _need("done", Boolean),
    _need("content", LargeBinary),  # all of it, as JSON
    _need("journal_id", BigInteger),  # of the last change
    Index("batch_by_time", "kitchen", "opened_ms"),
    Index("batch_by_day", "kitchen", "day"),
    Index("batch_by_done", "kitchen", "done"),
)

# Which batches went to a school.
batch_school = Table("batch_school", metadata, _key("kitchen"), _key("school"), _key("batch"))

# All that happened to a batch, in the order in which it became known.
batch_event = Table(
    "batch_event",
    metadata,
    _key("kitchen"),
    _key("batch"),
    _key("number", Integer),
    _need("at_ms", BigInteger),
    _need("what", String),  # the act's kind; ``pan`` from a probe, ``dated`` by a clock, ``due`` by the server's clock
    _need("person", String),  # empty where nobody wrote it
    _need("content", LargeBinary),  # JSON
    _need("journal_id", BigInteger),
)

# Retained samples; ``id`` is the act that took it.
sample = Table(
    "sample",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("batch", String),
    _need("dish", String),
    _need("mass_g", Float),
    _need("container", String),
    _need("place", String),
    _need("taken_ms", BigInteger),
    _may("discarded_ms", BigInteger),
    _need("reason", Text),
    _need("journal_id", BigInteger),
    Index("sample_by_batch", "kitchen", "batch"),
)

# What came out of batches, as it was told (see stock/mass_acts.py); ``id`` is the act.
batch_mass = Table(
    "batch_mass",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("batch", String),
    _need("kind", String),  # cooked, trimming, waste, sample, leftover
    _need("mass_g", BigInteger),
    _need("item", String),  # raw, of that ingredient; empty: of the dish
    _need("waste", String),  # the reason's code
    _need("school", String),
    _need("movement", String),  # the weighing that saw it; empty: entered by hand
    _need("at_ms", BigInteger),
    _need("withdrawn", Boolean),
    _need("reason", Text),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("batch_mass_by_batch", "kitchen", "batch"),
    Index("batch_mass_by_time", "kitchen", "at_ms"),
)

# Ingredients that were taken by recipe; ``id`` is the act, and ``id.item`` the movement of each.
batch_recipe = Table(
    "batch_recipe",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("batch", String),
    _need("place", String),
    _need("portions", BigInteger),
    _need("at_ms", BigInteger),
    _need("withdrawn", Boolean),
    _need("reason", Text),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("batch_recipe_by_batch", "kitchen", "batch"),
)

# Lots of raw material as their receipt says, after corrections, and since when which was set aside. Where they lay and
# what is left stands in the stock book; what they felt is worked out from it and the readings, and stored nowhere.
lot = Table(
    "lot",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("act", String),  # of the receipt
    _need("movement", String),  # that brought it: a weighing's, or the act's own
    _need("item", String),
    _need("unit", String),
    _need("supplier", String),
    _need("note", String),
    _need("code", String),
    _need("amount", BigInteger),
    _need("point", String),
    _need("food", String),
    _may("temperature_c", Float),
    _need("expires", String),
    _need("place", String),
    _need("received_ms", BigInteger),
    _need("accepted", Boolean),
    _need("withdrawn", Boolean),
    _need("suggestion", String),  # accept, hold, reject; by the profile that was in force
    _need("rule", String),  # the gravest limit that it broke
    _may("incident", String),  # about its receipt, as long as that is beyond a limit
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    # ``expires`` is what counts: of the label, or (``shelf-life``) worked out where there was none; "" is never.
    _need("expires_from", String),
    _need("seller", String),  # the supplier's id, as far as it was known when it came
    _need("purchase", String),  # the order that it answers
    _may("noted", BigInteger),  # on the delivery note
    _need("gtin", String),
    _need("for_day", String),
    _need("produced", String),
    _need("halal", String),
    _need("barcode", String),
    _need("despite", String),
    _need("findings", Text),  # JSON, see stock/receiving.py
    Index("lot_by_time", "kitchen", "received_ms", "id"),
    Index("lot_by_purchase", "kitchen", "purchase"),
)

lot_hold = Table(
    "lot_hold",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("lot", String),
    _need("from_ms", BigInteger),
    _may("until_ms", BigInteger),
    _need("reason", Text),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("lot_hold_by_lot", "kitchen", "lot"),
)

# Who sells, and what was ordered of them (see projections/purchases.py). A purchase's state is derived from its lots.
supplier = Table(
    "supplier",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("name", String),
    _need("phone", String),  # on no public page
    _need("halal_number", String),
    _need("halal_until", String),
    _need("items", Text),  # JSON
    _need("blocked", String),  # why
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
)

purchase = Table(
    "purchase",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("supplier", String),
    _need("item", String),
    _need("unit", String),
    _need("amount", BigInteger),
    _need("due", String),
    _need("for_days", Text),  # JSON
    _need("note", String),
    _need("placed_ms", BigInteger),
    _may("cancelled_ms", BigInteger),
    _need("reason", String),  # of the cancelling
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("purchase_by_due", "kitchen", "due"),
    Index("purchase_by_time", "kitchen", "placed_ms", "id"),
)

# Checks of thermometers (see projections/calibrations.py). ``id`` is the record's journal entry; nothing is ever taken
# out, a mistaken one is withdrawn.
calibration = Table(
    "calibration",
    metadata,
    _key("kitchen"),
    _key("id", BigInteger),
    _need("sensor", String),
    _need("kind", String),  # fixed, hand, reference
    _need("method", String),
    _need("performed_ms", BigInteger),
    _need("entered_ms", BigInteger),
    _need("person", String),
    _need("points", Text),  # JSON: reading_c as the thermometer said by itself, reference_c
    _need("measured", Boolean),  # read from the connected sensor, not typed
    _need("verdict", String),  # ok, adjust, reject
    _need("error_c", Float),
    _need("tolerance_c", Float),
    _need("slope", Float),
    _need("offset_c", Float),
    _need("uncertainty_c", Float),
    _may("altitude_m", Float),
    _need("reference", Text),
    _need("certificate", Text),
    _need("lab", Text),
    _need("note", Text),
    _may("next_ms", BigInteger),  # when a laboratory wants it back
    _may("withdrawn_ms", BigInteger),
    _may("withdrawn_by", String),
    _may("withdrawn_reason", Text),
    _need("journal_id", BigInteger),  # of the last change
    Index("calibration_by_time", "kitchen", "performed_ms"),
)

# Measurements by hand at control points, after corrections (see projections/checks.py).
checked = Table(
    "checked",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("point", String),
    _need("quantity", String),
    _need("value", Float),
    _need("food", String),
    _need("place", String),
    _need("sensor", String),
    _need("thermometer", String),
    _need("note", Text),
    _need("at_ms", BigInteger),
    _need("verdict", String),  # good, warning, critical, unjudged; by the profile that was in force
    _need("rule", String),  # the gravest limit that it broke
    _may("limit_value", Float),
    _may("incident", String),  # that tells of it, as long as it is beyond a limit
    _need("withdrawn", Boolean),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("checked_by_time", "kitchen", "at_ms", "id"),
    Index("checked_by_point", "kitchen", "point", "at_ms"),
    Index("checked_by_incident", "kitchen", "incident"),
)

# What is known of scales (see projections/scales.py): check weights and empty pans that people told, marks of legal
# verification, and zeros that gateways saw. Nothing is ever taken out: a state of the past must not change, and a
# gateway tells at most one zero with each weighing.
scale_check = Table(
    "scale_check",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("scale", String),
    _need("nominal_g", Float),  # 0: the empty scale
    _need("shown_g", Float),
    _need("at_ms", BigInteger),
    _may("division_g", Float),  # as it was configured then
    _need("verdict", String),  # good, failed, unjudged; of the empty scale good, off, unknown
    _need("error_g", Float),
    _may("mpe_g", Float),
    _need("note", Text),
    _need("withdrawn", Boolean),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("scale_check_by_time", "kitchen", "scale", "at_ms", "id"),
)

scale_tera = Table(
    "scale_tera",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("scale", String),
    _need("verified", String),  # YYYY-MM-DD
    _need("valid_until", String),
    _need("mark", String),
    _need("office", String),
    _need("entered_ms", BigInteger),
    _need("withdrawn", Boolean),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("scale_tera_by_scale", "kitchen", "scale"),
)

scale_zero = Table(
    "scale_zero",
    metadata,
    _key("kitchen"),
    _key("id"),  # scale, boot and monotonic time: many weighings tell the same zero
    _need("scale", String),
    _need("gateway", String),
    _need("boot", String),
    _need("at", BigInteger),  # monotonic
    _need("at_ms", BigInteger),
    _may("first_at_ms", BigInteger),  # by its age on arrival, where the clock only guessed
    _need("clock", String),
    _need("zero_g", Float),
    _may("division_g", Float),  # as it was configured then
    _need("journal_id", BigInteger),  # of the last change
    Index("scale_zero_by_time", "kitchen", "scale", "at_ms", "id"),
    Index("scale_zero_to_date", "kitchen", "gateway", "boot", sqlite_where=ZERO_TO_DATE, postgresql_where=ZERO_TO_DATE),
)

# What dishes are made of (see stock/menu_acts.py); ``id`` is the version's journal entry. Earlier versions stay.
recipe = Table(
    "recipe",
    metadata,
    _key("kitchen"),
    _key("id", BigInteger),
    _need("act", String),
    _need("dish", String),
    _need("dish_key", String),  # by which a planned dish finds it
    _need("ingredients", Text),  # JSON: item, amount in its base unit for RECIPE_PORTIONS portions
    _may("cooked_g", Float),
    _need("newest", Boolean),
    _need("at_ms", BigInteger),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("recipe_by_dish", "kitchen", "dish_key"),
)

# Which dish is served when, to how many.
menu = Table(
    "menu",
    metadata,
    _key("kitchen"),
    _key("id"),  # of the act
    _need("day", String),  # YYYY-MM-DD on which it is served
    _need("wave", String),
    _need("dish", String),
    _need("dish_key", String),
    _need("portions", BigInteger),
    _need("dropped", Boolean),
    _need("person", String),
    _need("journal_id", BigInteger),  # of the last change
    Index("menu_by_day", "kitchen", "day"),
)

# Not projections: the store's own facts (epoch, schema) and how far each exporter has read.
store_fact = Table("store_fact", metadata, _key("name"), _need("value", String))
export_cursor = Table("export_cursor", metadata, _key("kitchen"), _key("exporter"), _need("journal_id", BigInteger))

# Who may write for what, where several workers share a store; empty where one server holds a file. ``worker`` until
# ``until_ms`` by the database's clock. Kinds: ``turn`` (locked by whoever writes for the kitchen), ``worker`` (it
# lives), ``gateway`` (it takes its batches), ``duty`` (it alone sends alerts, exports).
lease = Table(
    "lease",
    metadata,
    _key("kitchen"),
    _key("kind"),
    _key("name"),
    _need("worker", String),
    _need("until_ms", BigInteger),
)

PROJECTIONS: tuple[Table, ...] = (
    spool, quarantine, reading, reading_minute, compaction, completeness,
    latest, boot, judgement, incident, movement, ledger_line, alert,
    sent_before, gateway, person, act, incident_act, batch, batch_school,
    batch_event, sample, lot, lot_hold, supplier, purchase, calibration, checked, scale_check, scale_tera, scale_zero,
    batch_mass, batch_recipe, recipe, menu,
)  # fmt: skip
