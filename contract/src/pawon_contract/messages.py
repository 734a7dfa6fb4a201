"""The messages. Times inside a message are monotonic milliseconds of the sender's boot (CLOCK_BOOTTIME).

*Items* are the rows of the durable record (leaf ``log``); their JSON bytes are what the gateway's spool stores and what
the chain runs over, so an item never holds anything that may become known later: wall-clock offset, clock quality and
restamps live in the envelope or in a ``ClockFix`` row.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .ids import ID_PATTERN

Id = Annotated[str, Meta(pattern=ID_PATTERN)]
Text = Annotated[str, Meta(max_length=200)]
Milliseconds = Annotated[int, Meta(ge=0, le=2**53)]
Sequence = Annotated[int, Meta(ge=1, le=2**53)]
Hex = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{2}){0,64}$")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
SpoolId = Annotated[str, Meta(pattern=r"^[0-9a-f]{20}$")]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f-]{8,36}$")]

# A report or heartbeat is due at least this often; a sensor that promises more often says so in its reports.
HEARTBEAT_S = 60.0
# A value is valid until this many heartbeats after it was taken, and no further.
VALID_HEARTBEATS = 1.5

ClockQuality = Literal["synced", "server", "rtc", "guess"]
# Known time; with the others the wall clock is an estimate that a ClockFix will correct.
TRUSTED_CLOCKS: frozenset[str] = frozenset({"synced", "server"})

WeighingKind = Literal["in", "out", "touch", "person", "tare", "drift", "refill", "restart", "first"]
GapReason = Literal["refused", "pruned", "thinned", "dropped", "damaged"]


class _Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="k"):
    at_ms: Milliseconds


class Reading(_Item, frozen=True, kw_only=True, tag="reading"):
    """A value and what it stands for: ``count`` samples since the report before it, between ``low`` and ``high``.

    ``value`` is the newest sample, in the unit that ends the quantity's name. ``every_s`` is the heartbeat the sensor
    promises: the value is valid until ``1.5 * every_s`` after ``at_ms`` and no further.
    """

    sensor: Id
    quantity: Literal["temperature_c", "humidity_percent", "mass_g"]
    value: float
    count: Annotated[int, Meta(ge=1)] = 1
    low: float | None = None
    high: float | None = None
    every_s: Annotated[float, Meta(gt=0, le=HEARTBEAT_S)] = HEARTBEAT_S

    @property
    def valid_ms(self) -> int:
        """How long after ``at_ms`` the value may still be believed."""
        return int(self.every_s * VALID_HEARTBEATS * 1000)


class Contact(_Item, frozen=True, kw_only=True, tag="contact"):
    """A switch: a door (``active`` = open) or the mains (``active`` = power present)."""

    sensor: Id
    contact: Literal["door", "power"]
    active: bool
    every_s: Annotated[float, Meta(gt=0, le=HEARTBEAT_S)] = HEARTBEAT_S

    @property
    def valid_ms(self) -> int:
        """How long after ``at_ms`` what it said may still be believed."""
        return int(self.every_s * VALID_HEARTBEATS * 1000)


class Weighing(_Item, frozen=True, kw_only=True, tag="weighing"):
    """One change of load between two stable plateaus of one scale, in grams.

    ``start_ms`` is when the earlier plateau was left, ``end_ms`` when the later one was proven; ``trace`` is the raw
    samples around it as ``[[ms since start_ms, g], ...]``.

    Stock moved: ``in``, ``out``, and ``refill``: an addition to a stock that was being emptied (the movement before was
    an ``out``, and something is left) of at least three times what was left. Perhaps: ``restart``, the load differs
    from the last one known and nobody saw it change (the gateway or the scale was away, or the scale took what lay
    on it for zero); ``first``, the first plateau this spool ever saw on the scale, with ``before_g`` 0. No stock moved:
    ``touch``, the load came back; ``person``, the same of 30 kg and more that swayed; ``tare``, a key, the same load is
    shown from another zero; ``drift``.

    Rows of one scale join: ``before_g`` is ``after_g`` of the row before plus ``drift_g``, but for ``touch`` and
    ``person``, which stand beside. ``confidence``: how far the step is above the least that counts, how long both
    plateaus rested, how exactly they are known, and whether the load was calm; 0.3 where nobody saw it.

    The scale's own state: ``zero_g`` is where it came to rest when it was last seen empty, at ``zero_at_ms`` (neither:
    not since the gateway started); ``load`` and ``tare_g`` are what it said of tare, where its format can; ``drift_g``
    is the slow drift that was followed while ``before_g`` lay there, and is no part of the difference.
    """

    sensor: Id
    kind: WeighingKind
    before_g: int
    after_g: int
    start_ms: Milliseconds
    end_ms: Milliseconds
    stable_s: Annotated[float, Meta(ge=0)] = 0.0
    noise_g: Annotated[float, Meta(ge=0)] = 0.0
    confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    division_g: Annotated[float, Meta(gt=0)] = 1.0
    zero_g: float | None = None
    zero_at_ms: Milliseconds | None = None
    load: Literal["", "gross", "net"] = ""
    tare_g: float | None = None
    drift_g: float = 0.0
    trace: Annotated[list[tuple[int, float]], Meta(max_length=256)] = []


class SensorFault(_Item, frozen=True, kw_only=True, tag="fault"):
    """A sensor, not the food, is in trouble; ``cleared`` ends the fault. ``raw`` keeps the bytes that showed it."""

    sensor: Id
    fault: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,24}$")]
    cleared: bool = False
    detail: Text = ""
    raw: Hex = ""


class ClockFix(_Item, frozen=True, kw_only=True, tag="clock_fix"):
    """The time of boot ``boot`` is known now: UTC ms = ``offset_ms`` + monotonic ms, within ``error_ms`` at ``at_ms``
    and 100 ppm of the distance from there."""

    boot: BootId
    offset_ms: int
    error_ms: Annotated[int, Meta(ge=0)]
    source: Literal["synced", "server"]


class Gap(_Item, frozen=True, kw_only=True, tag="gap", rename={"from_": "from"}):
    """Stands in the place of rows ``from``..``to`` and carries the chain value at its end: loss is a recorded fact."""

    from_: Sequence
    to: Sequence
    reason: GapReason
    chain: Digest
    detail: Text = ""


class Fork(_Item, frozen=True, kw_only=True, tag="fork"):
    """Two cards carried spool ``spool`` on from a common beginning: the server holds other rows from ``first`` on.

    Stands in the new spool behind this card's version of those rows; the server's version stays in the old one.
    """

    spool: SpoolId
    first: Sequence


Item = Reading | Contact | Weighing | SensorFault | ClockFix | Gap | Fork


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch of consecutive rows of one spool and one boot (leaf ``log``).

    Items stay raw bytes here: the envelope decodes apart from its items, so one bad row never stalls a gateway.
    UTC of a row = ``offset_ms`` + its ``at_ms``, within ``error_ms`` at ``sent_ms`` and 100 ppm of the distance from
    there (of another boot's rows: at some moment of that boot). ``sent_ms`` is the monotonic stamp of this sending, in
    the boot ``sent_boot`` (the rows' own when empty): it names the sending in ``committed`` and tells how old rows are
    without trusting any wall clock. ``hash`` is the chain value after the last item.
    """

    spool: SpoolId
    first: Sequence
    boot: BootId
    offset_ms: int
    clock: ClockQuality
    error_ms: Annotated[int, Meta(ge=0)] = 0
    sent_ms: Milliseconds
    sent_boot: BootId | None = None
    items: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=2000)]
    hash: Digest
    # Reserved: the gateway's signature over spool, the last sequence and ``hash``.
    signature: Annotated[str, Meta(max_length=256)] | None = None


class Answers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which sending a ``committed`` answers. ``covered_to``: in the record a gap up to that row covers its last row, so
    whether the record holds the same rows cannot be told from it."""

    first: Sequence
    sent_ms: Milliseconds
    covered_to: Sequence | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A payload that could not be taken as a batch: ``digest`` is the SHA-256 of its bytes, kept in quarantine.

    ``fork``: its rows can be read and are others than the record holds under the same numbers.
    """

    digest: Digest
    reason: Text
    fork: bool = False


class Committed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server's word (leaf ``committed``, retained): every row up to ``upto`` is stored, without a hole.

    ``server_time_ms`` counts only in the answer to a batch of the same connection, never from a retained or queued
    copy. A lower ``upto`` counts only under another ``epoch`` (a store restored from backup). ``spool`` is empty only
    when a payload was refused before any of this gateway's rows were ever stored.
    """

    spool: Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{20})?$")]
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{8,32}$")]
    upto: Annotated[int, Meta(ge=0, le=2**53)]
    answers: Answers | None = None
    server_time_ms: int | None = None
    refused: Refused | None = None


class LiveValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest sample of one sensor, for repainting a tile. ``value`` is ``None`` while the sensor is in fault."""

    sensor: Id
    quantity: Literal["temperature_c", "humidity_percent", "mass_g", "door", "power"]
    at_ms: Milliseconds
    value: float | None
    every_s: Annotated[float, Meta(gt=0, le=HEARTBEAT_S)] = HEARTBEAT_S
    stable: bool | None = None


class Live(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Leaf ``live``: never stored, opens nothing. (``boot``, ``at_ms``) orders values; ``sent_ms`` gives their age."""

    boot: BootId
    sent_ms: Milliseconds
    values: Annotated[list[LiveValue], Meta(max_length=500)]


class SensorHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one sensor does: age of its newest good sample, and counters since the gateway started.

    ``troubles`` counts each kind of trouble by its name in ``faults.FAULTS``, also those too short to be a fault."""

    sensor: Id
    state: Annotated[str, Meta(max_length=24)]
    age_ms: int | None = None
    good: int = 0
    bad: int = 0
    troubles: Annotated[dict[str, int], Meta(max_length=40)] = {}


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Leaf ``status``, retained: the birth message, its updates, and (``online`` false) the last will."""

    online: bool
    version: Annotated[str, Meta(max_length=32)] = ""
    config_hash: Annotated[str, Meta(max_length=64)] = ""
    boot: BootId | None = None
    at_ms: Milliseconds = 0
    spool: str = ""
    clock: ClockQuality = "guess"
    queue_rows: int = 0
    oldest_ms: int = 0
    spool_bytes: int = 0
    free_bytes: int = 0
    commit_ms: float = 0.0
    guard: Annotated[str, Meta(max_length=24)] = ""
    # What a person should know of the gateway's spool files (damage met, a copied card); empty when all is well.
    spool_trouble: Text = ""
    sensors: Annotated[list[SensorHealth], Meta(max_length=500)] = []
