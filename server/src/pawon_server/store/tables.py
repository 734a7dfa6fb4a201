"""The tables. ``journal`` is the record; every other table is a projection that can be derived from it again.

Times are integer milliseconds UTC. The kitchen leads every key, so that a shared store can be divided by kitchen.
Amounts are integers in the item's base unit.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from .schema import key, may, metadata, need
from .stock_tables import (
    batch_mass,
    batch_recipe,
    ledger_line,
    lot,
    lot_hold,
    menu,
    movement,
    purchase,
    recipe,
    scale_check,
    scale_tera,
    scale_zero,
    supplier,
)

# Rows dated by a guess and not dated anew yet. Written out, not bound: only so SQLite sees that the index holds them.
READING_TO_DATE = text("clock IN ('guess', 'rtc') AND first_measured_ms IS NULL")

# Append-only by trigger (see database.py). ``payload`` is exactly what came in; ``link`` chains the journal itself.
journal = Table(
    "journal",
    metadata,
    key("kitchen"),
    key("id", BigInteger),
    need("kind", String),  # see ``journal.EntryKind``
    need("received_ms", BigInteger),
    need("gateway", String),  # empty for the server's own entries
    may("spool", String),
    may("first", BigInteger),
    may("last", BigInteger),
    may("chain_before", LargeBinary),  # the gateway's chain value before ``first`` and after ``last``
    may("chain", LargeBinary),
    need("payload", LargeBinary),
    need("link", LargeBinary),
    Index("journal_by_spool", "kitchen", "gateway", "spool", "last"),
    Index("journal_by_kind", "kitchen", "kind", "id"),
)

# A run of the journal whose batches are held as columns (see segments.py); no batch is deleted that is not in one. Runs
# follow each other from the first entry on. ``journal_id``: the ``sealed`` entry that gives ``digest``.
segment = Table(
    "segment",
    metadata,
    key("kitchen"),
    key("first_id", BigInteger),
    need("last_id", BigInteger),
    need("batches", Integer),
    need("rows", Integer),
    need("first_ms", BigInteger),  # received, by the server's clock
    need("last_ms", BigInteger),
    need("digest", String),
    need("journal_id", BigInteger),
    need("content", LargeBinary),
)

# Which rows of which spool lie in which segment, and the spool's chain value after them.
segment_spool = Table(
    "segment_spool",
    metadata,
    key("kitchen"),
    key("gateway"),
    key("spool"),
    key("last", BigInteger),
    need("first", BigInteger),
    need("first_id", BigInteger),
    need("chain", LargeBinary),
)

# How far each spool is stored without a hole: the number that ``committed`` speaks of.
spool = Table(
    "spool",
    metadata,
    key("kitchen"),
    key("gateway"),
    key("spool"),
    need("upto", BigInteger),
    need("chain", LargeBinary),
    need("journal_id", BigInteger),
)

quarantine = Table(
    "quarantine",
    metadata,
    key("kitchen"),
    key("journal_id", BigInteger),
    key("sequence", BigInteger),  # 0 for a payload that was refused as a whole
    need("gateway", String),
    may("spool", String),
    need("received_ms", BigInteger),
    need("reason", Text),
    need("raw", LargeBinary),
)

reading = Table(
    "reading",
    metadata,
    key("kitchen"),
    key("gateway"),
    key("spool"),
    key("sequence", BigInteger),
    need("sensor", String),
    need("quantity", String),
    need("value", Float),
    need("low", Float),
    need("high", Float),
    need("count", Integer),
    need("measured_ms", BigInteger),
    need("valid_ms", Integer),
    need("boot", String),
    need("at_ms", BigInteger),
    need("clock", String),
    may("first_measured_ms", BigInteger),  # the stamp before a ClockFix corrected it
    need("journal_id", BigInteger),
    may("late", Boolean),  # older than its validity when it came; unknown of rows from before schema 0002
    may("raw", Float),  # ``value`` before it was corrected, and which calibration did; empty: as it came
    may("calibration", BigInteger),
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
    key("kitchen"),
    key("sensor"),
    key("minute_ms", BigInteger),
    key("quantity"),
    need("low", Float),
    need("mean", Float),
    need("high", Float),
    need("count", Integer),  # samples
    need("reports", Integer),
    need("late", Integer),  # reports older than their validity when they came
    need("fixed", Integer),  # reports that a ClockFix dated
    sqlite_with_rowid=False,
)

# Stretches of a sensor's time whose readings became minutes, and which minutes (bits from ``start_ms``) they covered.
compaction = Table(
    "compaction",
    metadata,
    key("kitchen"),
    key("sensor"),
    key("journal_id", BigInteger),
    need("start_ms", BigInteger),
    need("end_ms", BigInteger),
    need("reports", Integer),
    need("measured", LargeBinary),
    need("late", LargeBinary),
    Index("compaction_by_time", "kitchen", "sensor", "end_ms"),
)

latest = Table(
    "latest",
    metadata,
    key("kitchen"),
    key("sensor"),
    may("quantity", String),
    may("value", Float),
    may("low", Float),
    may("high", Float),
    may("measured_ms", BigInteger),
    need("fresh_until_ms", BigInteger),  # by the server's clock: the value is old from then on
    may("valid_ms", Integer),
    may("boot", String),
    may("at_ms", BigInteger),
    may("fault", String),
    may("fault_ms", BigInteger),
    need("journal_id", BigInteger),
    may("raw", Float),  # as of ``reading``
)

boot = Table(
    "boot",
    metadata,
    key("kitchen"),
    key("gateway"),
    key("boot"),
    need("offset_ms", BigInteger),
    need("error_ms", BigInteger),
    need("clock", String),
    need("fixed", Boolean),
    need("journal_id", BigInteger),
    # The rest is of ``boot_times.Boot``; unknown of boots from before schema 0005.
    may("settled", Boolean),
    may("spool", String),
    may("number", Integer),
    may("newest_at", BigInteger),
    may("known_at", BigInteger),
    may("ended_ms", BigInteger),
    may("stamped_ms", BigInteger),
    may("earliest_ms", BigInteger),
    may("latest_ms", BigInteger),
)

# Which minutes of a local day a sensor was measured: bits, the first minute in the lowest bit of the first byte.
completeness = Table(
    "completeness",
    metadata,
    key("kitchen"),
    key("sensor"),
    key("day"),  # YYYY-MM-DD
    need("start_ms", BigInteger),
    need("minutes", Integer),
    need("measured", LargeBinary),
    need("late", LargeBinary),
    Index("completeness_by_day", "kitchen", "day"),
)

# What the rules of one sensor remember: a projection like any other, written at each commit.
judgement = Table(
    "judgement",
    metadata,
    key("kitchen"),
    key("sensor"),
    need("boot", String),  # the state's times are monotonic ms of this boot,
    need("offset_ms", BigInteger),  # which was then believed to have this offset
    need("state", LargeBinary),  # JSON of projections.excursions.Remembered
)

incident = Table(
    "incident",
    metadata,
    key("kitchen"),
    key("id"),
    need("kind", String),  # food_safety.incident names them
    need("severity", String),  # warning, critical
    need("sensor", String),
    need("point", String),
    need("rule", String),
    need("began_ms", BigInteger),
    need("opened_ms", BigInteger),
    may("closed_ms", BigInteger),
    may("worst", Float),
    may("limit_value", Float),
    may("quantity", String),
    need("late", Boolean),
    may("boot", String),  # whose clock dated it, and the offset it was dated with; empty for the server's own clock
    may("offset_ms", BigInteger),
    may("first_opened_ms", BigInteger),  # the date before a ClockFix corrected it
    need("profile", String),
    need("profile_version", String),
    need("detail", Text),
    need("journal_id", BigInteger),  # of the last change
    may("clock", String),  # the quality of the clock that dated it; empty for the server's own
    may("closed_boot", String),  # whose clock dated the closing, as above
    may("closed_offset_ms", BigInteger),
    may("closed_clock", String),
    may("first_closed_ms", BigInteger),
    may("explained_by", String),  # another incident: electricity that is off
    may("told", Boolean),  # of a late one: whether people were told, alone or in a summary
    may("handling", String),  # how far people have come with it (food_safety.incident); empty: nobody has begun
    may("acknowledged_ms", BigInteger),  # when the first of them did something
    may("disposition", String),  # what becomes of the food: use, hold, discard; none where none is concerned
    may("settled_ms", BigInteger),  # when people closed it, which is not when the trouble was over
    Index("incident_by_boot", "kitchen", "boot"),
    Index("incident_by_closing_boot", "kitchen", "closed_boot"),
    Index("incident_by_time", "kitchen", "opened_ms"),
    Index("incident_by_journal", "kitchen", "journal_id"),
    Index("incident_by_handling", "kitchen", "handling", "opened_ms"),
)
incident_act = Table(  # what people did about incidents; only ever added to
    "incident_act",
    metadata,
    key("kitchen"),
    key("id"),  # the act's
    need("incident", String),
    need("journal_id", BigInteger),
    need("at_ms", BigInteger),
    need("person", String),
    need("role", String),  # theirs at that time
    need("what", String),  # acknowledge, note, settle, sign, correct
    need("cause", Text),
    need("action", Text),  # what was done; of a correction the new text
    need("disposition", String),
    need("moved", Text),
    need("refers", String),  # the act that is signed or corrected
    need("field", String),  # of a correction: which text
    Index("incident_act_by_incident", "kitchen", "incident", "journal_id"),
)

alert = Table(
    "alert",
    metadata,
    key("kitchen"),
    key("id"),
    need("incident", String),
    need("event", String),  # opened, closed, late
    need("created_ms", BigInteger),
    need("text", Text),
    may("sent_ms", BigInteger),
    may("channel", String),
)

# Alerts that went out from a store of which an older backup was put in place: their rows may come again.
sent_before = Table(
    "sent_before",
    metadata,
    key("kitchen"),
    key("alert"),
    need("sent_ms", BigInteger),
    need("channel", String),
)

gateway = Table(
    "gateway",
    metadata,
    key("kitchen"),
    key("gateway"),
    need("boot", String),
    need("spool", String),
    need("upto", BigInteger),
    need("received_ms", BigInteger),
    need("clock", String),
    need("offset_ms", BigInteger),
    need("error_ms", BigInteger),
    need("delay_ms", BigInteger),  # age of the newest row of the last batch when it came in
    need("refused", Integer),
    need("journal_id", BigInteger),
)

# Who may write (see ``people``), and all that was written, for the audit.
person = Table(
    "person",
    metadata,
    key("kitchen"),
    key("id"),
    need("name", String),
    need("role", String),
    need("pin", String),  # its hash
    need("active", Boolean),
    need("version", BigInteger),  # the journal entry that set the PIN
    need("journal_id", BigInteger),
)

act = Table(
    "act",
    metadata,
    key("kitchen"),
    key("id"),
    need("journal_id", BigInteger),
    need("at_ms", BigInteger),
    need("person", String),
    need("what", String),
    need("content", LargeBinary),
    Index("act_by_journal", "kitchen", "journal_id"),
)

# Cooked batches (see food_safety/batch.py). ``done``: nothing is left of it and nothing is left to decide of it.
batch = Table(
    "batch",
    metadata,
    key("kitchen"),
    key("id"),
    need("day", String),  # YYYY-MM-DD on which it is served
    need("wave", String),
    need("dish", String),
    need("state", String),
    need("portions", BigInteger),
    need("opened_ms", BigInteger),
    may("cooked_ms", BigInteger),
    need("done", Boolean),
    need("content", LargeBinary),  # all of it, as JSON
    need("journal_id", BigInteger),  # of the last change
    Index("batch_by_time", "kitchen", "opened_ms"),
    Index("batch_by_day", "kitchen", "day"),
    Index("batch_by_done", "kitchen", "done"),
)

# Which batches went to a school.
batch_school = Table("batch_school", metadata, key("kitchen"), key("school"), key("batch"))

# All that happened to a batch, in the order in which it became known.
batch_event = Table(
    "batch_event",
    metadata,
    key("kitchen"),
    key("batch"),
    key("number", Integer),
    need("at_ms", BigInteger),
    need("what", String),  # the act's kind; ``pan`` from a probe, ``dated`` by a clock, ``due`` by the server's clock
    need("person", String),  # empty where nobody wrote it
    need("content", LargeBinary),  # JSON
    need("journal_id", BigInteger),
)

# Retained samples; ``id`` is the act that took it.
sample = Table(
    "sample",
    metadata,
    key("kitchen"),
    key("id"),
    need("batch", String),
    need("dish", String),
    need("mass_g", Float),
    need("container", String),
    need("place", String),
    need("taken_ms", BigInteger),
    may("discarded_ms", BigInteger),
    need("reason", Text),
    need("journal_id", BigInteger),
    Index("sample_by_batch", "kitchen", "batch"),
)

# Checks of thermometers (see projections/calibrations.py). ``id`` is the record's journal entry; nothing is ever taken
# out, a mistaken one is withdrawn.
calibration = Table(
    "calibration",
    metadata,
    key("kitchen"),
    key("id", BigInteger),
    need("sensor", String),
    need("kind", String),  # fixed, hand, reference
    need("method", String),
    need("performed_ms", BigInteger),
    need("entered_ms", BigInteger),
    need("person", String),
    need("points", Text),  # JSON: reading_c as the thermometer said by itself, reference_c
    need("measured", Boolean),  # read from the connected sensor, not typed
    need("verdict", String),  # ok, adjust, reject
    need("error_c", Float),
    need("tolerance_c", Float),
    need("slope", Float),
    need("offset_c", Float),
    need("uncertainty_c", Float),
    may("altitude_m", Float),
    need("reference", Text),
    need("certificate", Text),
    need("lab", Text),
    need("note", Text),
    may("next_ms", BigInteger),  # when a laboratory wants it back
    may("withdrawn_ms", BigInteger),
    may("withdrawn_by", String),
    may("withdrawn_reason", Text),
    need("journal_id", BigInteger),  # of the last change
    Index("calibration_by_time", "kitchen", "performed_ms"),
)

# Measurements by hand at control points, after corrections (see projections/checks.py).
checked = Table(
    "checked",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("point", String),
    need("quantity", String),
    need("value", Float),
    need("food", String),
    need("place", String),
    need("sensor", String),
    need("thermometer", String),
    need("note", Text),
    need("at_ms", BigInteger),
    need("verdict", String),  # good, warning, critical, unjudged; by the profile that was in force
    need("rule", String),  # the gravest limit that it broke
    may("limit_value", Float),
    may("incident", String),  # that tells of it, as long as it is beyond a limit
    need("withdrawn", Boolean),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("checked_by_time", "kitchen", "at_ms", "id"),
    Index("checked_by_point", "kitchen", "point", "at_ms"),
    Index("checked_by_incident", "kitchen", "incident"),
)

# Not projections: the store's own facts (epoch, schema) and how far each exporter has read.
store_fact = Table("store_fact", metadata, key("name"), need("value", String))
export_cursor = Table("export_cursor", metadata, key("kitchen"), key("exporter"), need("journal_id", BigInteger))

# Who may write for what, where several workers share a store; empty where one server holds a file. ``worker`` until
# ``until_ms`` by the database's clock. Kinds: ``turn`` (locked by whoever writes for the kitchen), ``worker`` (it
# lives), ``gateway`` (it takes its batches), ``duty`` (it alone sends alerts, exports).
lease = Table(
    "lease",
    metadata,
    key("kitchen"),
    key("kind"),
    key("name"),
    need("worker", String),
    need("until_ms", BigInteger),
)

PROJECTIONS: tuple[Table, ...] = (
    spool, quarantine, reading, reading_minute, compaction, completeness,
    latest, boot, judgement, incident, movement, ledger_line, alert,
    sent_before, gateway, person, act, incident_act, batch, batch_school,
    batch_event, sample, lot, lot_hold, supplier, purchase, calibration, checked, scale_check, scale_tera, scale_zero,
    batch_mass, batch_recipe, recipe, menu,
)  # fmt: skip
