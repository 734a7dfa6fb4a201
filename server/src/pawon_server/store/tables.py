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

rule_state = Table(
    "rule_state",
    metadata,
    _key("kitchen"),
    _key("sensor"),
    _key("rule"),
    _need("boot", String),  # the state's times are monotonic ms of this boot,
    _need("offset_ms", BigInteger),  # which was then believed to have this offset
    _need("state", LargeBinary),  # JSON of food_safety's LimitState
    _may("incident", String),
)

incident = Table(
    "incident",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("kind", String),  # limit, silence, fault, fork, calibration
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
    _may("told", Boolean),  # of a late one: whether people were told, alone or in a summary
    Index("incident_by_boot", "kitchen", "boot"),
    Index("incident_by_closing_boot", "kitchen", "closed_boot"),
    Index("incident_by_time", "kitchen", "opened_ms"),
    Index("incident_by_journal", "kitchen", "journal_id"),
)

movement = Table(
    "movement",
    metadata,
    _key("kitchen"),
    _key("id"),
    _need("occurred_ms", BigInteger),
    _need("place", String),
    _need("item", String),
    _need("amount", BigInteger),  # signed, + into the place
    _need("unit", String),
    _need("from_place", String),
    _need("to_place", String),
    _need("state", String),  # proposed, confirmed
    _need("kind", String),  # of the weighing
    _need("sensor", String),
    _need("before_g", BigInteger),
    _need("after_g", BigInteger),
    _need("confidence", Float),
    _need("trace", LargeBinary),
    _need("gateway", String),
    _need("spool", String),
    _need("sequence", BigInteger),
    _need("boot", String),
    _need("at_ms", BigInteger),
    _need("clock", String),
    _may("first_occurred_ms", BigInteger),
    _need("journal_id", BigInteger),
    Index(
        "movement_to_date",
        "kitchen",
        "gateway",
        "boot",
        sqlite_where=MOVEMENT_TO_DATE,
        postgresql_where=MOVEMENT_TO_DATE,
    ),
    Index("movement_by_time", "kitchen", "occurred_ms"),
    Index("movement_by_journal", "kitchen", "journal_id"),
)

# Double entry: the lines of one movement sum to zero; a balance is the sum of an account's lines and stored nowhere.
ledger_line = Table(
    "ledger_line",
    metadata,
    _key("kitchen"),
    _key("movement"),
    _key("place"),
    _need("item", String),
    _need("amount", BigInteger),
    _need("unit", String),
    _need("occurred_ms", BigInteger),
    Index("ledger_by_place", "kitchen", "place", "item"),
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
    latest, boot, rule_state, incident, movement, ledger_line, alert,
    sent_before, gateway, person, act, calibration,
)  # fmt: skip
