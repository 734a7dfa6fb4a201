"""How far a stocktake may be off before it wants a reason. Pure."""

from __future__ import annotations

# What a delivery may differ from its note before it is held (docs on receiving: 0.5 to 2 % is taken with a note).
PART = 0.02
# Five divisions of a kitchen's 20 g scale; what is counted piece by piece has no such slack.
LEAST = 100


def wants_reason(counted: int, book: int, unit: str) -> bool:
    """Whether a count differs from the book by more than weighing explains, in the item's base unit."""
    slack = 0 if unit == "piece" else LEAST
    return abs(counted - book) > max(slack, int(abs(book) * PART))
