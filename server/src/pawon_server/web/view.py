"""What the screens are told: one snapshot, and the events that change it.

Shapes only. ``/events`` sends ``snapshot`` on connecting, then ``tile``, ``incidents``, ``stock``, ``gateways``,
``batches`` as they change and ``tick`` every second; each is the JSON of the struct named beside it in ``EVENTS``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ..food_safety.batch import BatchState

TileState = Literal["ok", "warning", "critical", "no_data", "fault"]


class Kitchen(msgspec.Struct, frozen=True, kw_only=True):
    """Whose screen this is, and by which rules it judges."""

    id: str
    name: str
    timezone: str
    demo: bool
    profile: str
    profile_version: str


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor. ``state`` comes from the rules over the durable record; ``value`` and ``age_ms`` may be newer (live).

    ``no_data``: the last value has lost its validity and ``value`` is what it was, to be shown as old.
    ``fault``: the sensor itself is broken; ``fault`` names how. ``age_ms`` is the age of ``value`` when sent;
    it stays believable until ``valid_for_ms`` after sending.
    """

    sensor: str
    name: str
    point: str
    quantity: str
    unit: str
    state: TileState
    value: float | None
    age_ms: int | None
    valid_for_ms: int
    stable: bool | None = None
    fault: str | None = None
    # The strictest critical limit that judges this tile, worded: "≤ 5 °C"; empty where none does.
    limit: str = ""
    # The same limit as numbers: the value must not lie below ``low`` nor above ``high``.
    low: float | None = None
    high: float | None = None


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, worst first. ``kind`` is food (limit, cooking, cooling, reheating, batch, lot, check), what keeps
    it (rate, door, power, defrost), sensor (silence, fault, calibration, scale), record (fork) or stock: other things
    to do. ``explained_by``: the one that explains it.

    ``earliest_ms`` and ``latest_ms`` are there when the clock that dated it never learnt the time, so that its date is
    an estimate: between them it began (or, when only its end is an estimate, ended). One alone bounds one side only.

    ``handling`` is how far people have come (``food_safety.incident``); ``cause``, ``done`` and ``disposition`` what
    they wrote when they settled it, without anybody's name.
    """

    id: str
    kind: Literal[
        "limit", "rate", "cooking", "cooling", "reheating", "batch", "lot", "check", "door", "power", "defrost",
        "silence", "spike", "fault", "calibration", "scale", "fork", "stock",
    ]  # fmt: skip
    severity: Literal["warning", "critical"]
    sensor: str
    name: str
    point: str
    rule: str
    text_id: str
    text_en: str
    action_id: str
    action_en: str
    began_ms: int
    opened_ms: int
    closed_ms: int | None
    worst: float | None
    limit_value: float | None
    unit: str
    late: bool
    earliest_ms: int | None = None
    latest_ms: int | None = None
    explained_by: str | None = None
    handling: str = "opened"
    acknowledged_ms: int | None = None
    settled_ms: int | None = None
    disposition: str | None = None
    cause: str = ""
    done: str = ""


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a batch's clock from which a rule applies, and what is to be done then."""

    at_ms: int
    severity: Literal["warning", "critical"]
    text_id: str
    text_en: str
    action_id: str
    action_en: str


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A cooked batch. ``steps``: its clock, the earliest first; empty until it is cooked and once nothing is left.
    Portions of an unnamed one are not known."""

    id: str
    name: str
    wave: str
    day: str
    state: BatchState
    named: bool
    cooked_ms: int | None
    portions: int
    remaining: int
    steps: list[StepView]


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """A change of stock. ``amount`` is signed in the item's base unit, + into ``place``."""

    id: str
    occurred_ms: int
    place: str
    place_name: str
    item: str
    item_name: str
    amount: int
    unit: str
    state: Literal["proposed", "confirmed", "corrected", "refused"]
    kind: str


class StockView(msgspec.Struct, frozen=True, kw_only=True):
    """What the book says lies at a place; ``amount`` is ``None`` while nothing was ever booked there."""

    place: str
    place_name: str
    item: str
    item_name: str
    amount: int | None
    unit: str
    minimum: int | None = None


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    """How one gateway does. ``age_ms``: since anything was heard; ``delay_ms``: how old its newest stored row was."""

    gateway: str
    online: bool | None
    age_ms: int | None
    queue_rows: int | None
    oldest_ms: int | None
    clock: str | None
    upto: int
    delay_ms: int | None
    guard: str = ""
    # What a person should know of its card and record; empty when all is well.
    trouble: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that a wall or forum page shows, at ``now_ms`` of the server. ``incidents`` holds the open ones only."""

    kitchen: Kitchen
    now_ms: int
    tiles: list[Tile]
    incidents: list[IncidentView]
    recent_incidents: list[IncidentView]
    movements: list[MovementView]
    stock: list[StockView]
    gateways: list[GatewayView]
    batches: list[BatchView] = []


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``incidents``: the open ones and the newest closed ones."""

    incidents: list[IncidentView]
    recent_incidents: list[IncidentView]


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``stock``: balances and the newest movements."""

    stock: list[StockView]
    movements: list[MovementView]


class Batches(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``batches``: what is not eaten yet, the most urgent first, and what else is served today."""

    batches: list[BatchView]


class Gateways(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``gateways``."""

    gateways: list[GatewayView]


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Event ``tick``: the server is alive at ``now_ms``. A screen that hears none for 5 s calls itself old."""

    now_ms: int


EVENTS: dict[str, type[msgspec.Struct]] = {
    "snapshot": Snapshot,
    "tile": Tile,
    "incidents": Incidents,
    "stock": Stock,
    "gateways": Gateways,
    "batches": Batches,
    "tick": Tick,
}
