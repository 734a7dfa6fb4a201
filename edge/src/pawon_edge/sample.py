"""What a driver hands on: one value, or one trouble, of one sensor, stamped when its bytes arrived."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """``value`` in the unit that ends ``quantity``. ``at_ms``: monotonic ms of this boot."""

    sensor: str
    at_ms: int
    quantity: str
    value: float
    stable: bool | None = None
    # What a scale says its value is: gross, net, tare; ``None`` where it does not say.
    load: str | None = None
    # What it subtracts, in grams, where the same bytes say it.
    tare_g: float | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A sensor gave no usable value. ``kind`` becomes the fault's name if nothing good follows in time."""

    sensor: str
    at_ms: int
    kind: str
    detail: str = ""
    raw: bytes = b""


Observed = Sample | Trouble
