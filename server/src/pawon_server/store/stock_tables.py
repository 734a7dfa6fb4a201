"""The tables of the stock book: movements and their lines, lots, who sells and what was ordered, recipes and the menu,
what went into batches, how far scales are believed. Projections, like all of ``tables`` but the journal.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Float, Index, LargeBinary, String, Table, Text, text

from .schema import key, may, metadata, need

# Rows dated by a guess and not dated anew yet. Written out, not bound: only so SQLite sees that the index holds them.
MOVEMENT_TO_DATE = text("clock IN ('guess', 'rtc') AND first_occurred_ms IS NULL")
ZERO_TO_DATE = text("clock IN ('guess', 'rtc') AND first_at_ms IS NULL")

movement = Table(
    "movement",
    metadata,
    key("kitchen"),
    key("id"),  # of the weighing's row, or of the act
    need("occurred_ms", BigInteger),
    need("place", String),  # the one of the two that screens name
    need("item", String),  # empty until a person says what was weighed
    need("unit", String),
    need("amount", BigInteger),  # signed, + into ``place``; derived where ``whole`` or ``counted``
    need("whole", Boolean),  # all of the lot that lay there
    may("counted", BigInteger),  # a stocktake: so much lay in ``place``
    may("book_amount", BigInteger),  # what the book held there before it was counted
    need("from_place", String),
    need("to_place", String),
    need("lot", String),  # as a person said; empty: nobody did
    need("batch", String),
    need("waste", String),
    need("reason", Text),
    need("state", String),  # proposed, confirmed, corrected, refused
    need("kind", String),  # of the weighing; receive, move, use, discard, hand, count
    need("automatic", Boolean),  # booked by the place's rule
    need("person", String),  # who decided; empty: nobody yet
    need("doubt", String),  # short, blocked: what the book finds odd about it
    need("sensor", String),
    may("before_g", BigInteger),
    may("after_g", BigInteger),
    may("confidence", Float),
    may("division_g", Float),
    may("zero_g", Float),
    may("drift_g", Float),
    need("load", String),
    may("trace", LargeBinary),
    need("gateway", String),
    need("spool", String),
    may("sequence", BigInteger),
    need("boot", String),
    may("at_ms", BigInteger),
    need("clock", String),
    may("first_occurred_ms", BigInteger),
    need("written", BigInteger),  # the journal entry it came with
    need("journal_id", BigInteger),  # of the last change
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
    key("kitchen"),
    key("movement"),
    key("place"),
    key("lot"),  # empty: of no known lot
    need("item", String),
    need("amount", BigInteger),
    need("unit", String),
    need("assumed", Boolean),  # nobody said which lot: the one that should have gone first
    need("occurred_ms", BigInteger),
    Index("ledger_by_place", "kitchen", "place", "item"),
    Index("ledger_by_item", "kitchen", "item", "occurred_ms"),
    Index("ledger_by_lot", "kitchen", "lot"),
)

# Lots of raw material as their receipt says, after corrections, and since when which was set aside. Where they lay and
# what is left stands in the stock book; what they felt is worked out from it and the readings, and stored nowhere.
lot = Table(
    "lot",
    metadata,
    key("kitchen"),
    key("id"),
    need("act", String),  # of the receipt
    need("movement", String),  # that brought it: a weighing's, or the act's own
    need("item", String),
    need("unit", String),
    need("supplier", String),
    need("note", String),
    need("code", String),
    need("amount", BigInteger),
    need("point", String),
    need("food", String),
    may("temperature_c", Float),
    need("expires", String),
    need("place", String),
    need("received_ms", BigInteger),
    need("accepted", Boolean),
    need("withdrawn", Boolean),
    need("suggestion", String),  # accept, hold, reject; by the profile that was in force
    need("rule", String),  # the gravest limit that it broke
    may("incident", String),  # about its receipt, as long as that is beyond a limit
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    # ``expires`` is what counts: of the label, or (``shelf-life``) worked out where there was none; "" is never.
    need("expires_from", String),
    need("seller", String),  # the supplier's id, as far as it was known when it came
    need("purchase", String),  # the order that it answers
    may("noted", BigInteger),  # on the delivery note
    need("gtin", String),
    need("for_day", String),
    need("produced", String),
    need("halal", String),
    need("barcode", String),
    need("despite", String),
    need("findings", Text),  # JSON, see stock/receiving.py
    Index("lot_by_time", "kitchen", "received_ms", "id"),
    Index("lot_by_purchase", "kitchen", "purchase"),
)

lot_hold = Table(
    "lot_hold",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("lot", String),
    need("from_ms", BigInteger),
    may("until_ms", BigInteger),
    need("reason", Text),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("lot_hold_by_lot", "kitchen", "lot"),
)

# Who sells, and what was ordered of them (see projections/purchases.py). A purchase's state is derived from its lots.
supplier = Table(
    "supplier",
    metadata,
    key("kitchen"),
    key("id"),
    need("name", String),
    need("phone", String),  # on no public page
    need("halal_number", String),
    need("halal_until", String),
    need("items", Text),  # JSON
    need("blocked", String),  # why
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
)

purchase = Table(
    "purchase",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("supplier", String),
    need("item", String),
    need("unit", String),
    need("amount", BigInteger),
    need("due", String),
    need("for_days", Text),  # JSON
    need("note", String),
    need("placed_ms", BigInteger),
    may("cancelled_ms", BigInteger),
    need("reason", String),  # of the cancelling
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("purchase_by_due", "kitchen", "due"),
    Index("purchase_by_time", "kitchen", "placed_ms", "id"),
)

# What came out of batches, as it was told (see stock/mass_acts.py); ``id`` is the act.
batch_mass = Table(
    "batch_mass",
    metadata,
    key("kitchen"),
    key("id"),
    need("batch", String),
    need("kind", String),  # cooked, trimming, waste, sample, leftover
    need("mass_g", BigInteger),
    need("item", String),  # raw, of that ingredient; empty: of the dish
    need("waste", String),  # the reason's code
    need("school", String),
    need("movement", String),  # the weighing that saw it; empty: entered by hand
    need("at_ms", BigInteger),
    need("withdrawn", Boolean),
    need("reason", Text),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("batch_mass_by_batch", "kitchen", "batch"),
    Index("batch_mass_by_time", "kitchen", "at_ms"),
)

# Ingredients that were taken by recipe; ``id`` is the act, and ``id.item`` the movement of each.
batch_recipe = Table(
    "batch_recipe",
    metadata,
    key("kitchen"),
    key("id"),
    need("batch", String),
    need("place", String),
    need("portions", BigInteger),
    need("at_ms", BigInteger),
    need("withdrawn", Boolean),
    need("reason", Text),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("batch_recipe_by_batch", "kitchen", "batch"),
)

# What is known of scales (see projections/scales.py): check weights and empty pans that people told, marks of legal
# verification, and zeros that gateways saw. Nothing is ever taken out: a state of the past must not change, and a
# gateway tells at most one zero with each weighing.
scale_check = Table(
    "scale_check",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("scale", String),
    need("nominal_g", Float),  # 0: the empty scale
    need("shown_g", Float),
    need("at_ms", BigInteger),
    may("division_g", Float),  # as it was configured then
    need("verdict", String),  # good, failed, unjudged; of the empty scale good, off, unknown
    need("error_g", Float),
    may("mpe_g", Float),
    need("note", Text),
    need("withdrawn", Boolean),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("scale_check_by_time", "kitchen", "scale", "at_ms", "id"),
)

scale_tera = Table(
    "scale_tera",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("scale", String),
    need("verified", String),  # YYYY-MM-DD
    need("valid_until", String),
    need("mark", String),
    need("office", String),
    need("entered_ms", BigInteger),
    need("withdrawn", Boolean),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("scale_tera_by_scale", "kitchen", "scale"),
)

scale_zero = Table(
    "scale_zero",
    metadata,
    key("kitchen"),
    key("id"),  # scale, boot and monotonic time: many weighings tell the same zero
    need("scale", String),
    need("gateway", String),
    need("boot", String),
    need("at", BigInteger),  # monotonic
    need("at_ms", BigInteger),
    may("first_at_ms", BigInteger),  # by its age on arrival, where the clock only guessed
    need("clock", String),
    need("zero_g", Float),
    may("division_g", Float),  # as it was configured then
    need("journal_id", BigInteger),  # of the last change
    Index("scale_zero_by_time", "kitchen", "scale", "at_ms", "id"),
    Index("scale_zero_to_date", "kitchen", "gateway", "boot", sqlite_where=ZERO_TO_DATE, postgresql_where=ZERO_TO_DATE),
)

# What dishes are made of (see stock/menu_acts.py); ``id`` is the version's journal entry. Earlier versions stay.
recipe = Table(
    "recipe",
    metadata,
    key("kitchen"),
    key("id", BigInteger),
    need("act", String),
    need("dish", String),
    need("dish_key", String),  # by which a planned dish finds it
    need("ingredients", Text),  # JSON: item, amount in its base unit for RECIPE_PORTIONS portions
    may("cooked_g", Float),
    need("newest", Boolean),
    need("at_ms", BigInteger),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("recipe_by_dish", "kitchen", "dish_key"),
)

# Which dish is served when, to how many.
menu = Table(
    "menu",
    metadata,
    key("kitchen"),
    key("id"),  # of the act
    need("day", String),  # YYYY-MM-DD on which it is served
    need("wave", String),
    need("dish", String),
    need("dish_key", String),
    need("portions", BigInteger),
    need("dropped", Boolean),
    need("person", String),
    need("journal_id", BigInteger),  # of the last change
    Index("menu_by_day", "kitchen", "day"),
)
