"""Rows of the store as InfluxDB points: the schema, written down here and nowhere else.

Times are milliseconds. The same measurement, tags and time are the same point, so writing a row twice changes nothing.
No tag is ever empty: a sensor that the configuration does not know has no ``point``.

========================================  ===================================  ========================================
measurement, time                         tags                                 fields
========================================  ===================================  ========================================
temperature_c, humidity_percent, mass_g   kitchen, gateway, sensor, point      value, low, high (float), count (int);
(when measured)                                                                **count 0: withdrawn, see below**
limit (every 5 minutes of readings)       kitchen, sensor, point, quantity,    value (float)
                                          rule, severity
sensor (as limit)                         kitchen, sensor, point               name (string)
incident (when opened; when closed)       kitchen, sensor, rule, kind,         open (1, 0; **-1: withdrawn**), worst,
                                          severity                             limit_value (float), id (string),
                                                                               lasted_ms (int, once it is closed)
movement (when it happened), a point for  kitchen, place, item, state          amount (int, the item's base unit, + into
each of its two accounts                                                       ``place``)
gateway (when its batch came in)          kitchen, gateway                     upto, delay_ms, error_ms, refused (int),
                                                                               clock (string)
========================================  ===================================  ========================================

Temperatures are as they were judged: corrected where a calibration says so. What the sensor said is in the record.

**A corrected time.** A reading stamped by a clock that only guessed is exported at once, for a wrong time is better
than silence. When a ``ClockFix`` corrects it, the row comes again under the fix's journal number: the value is written
at the right time, and the point at the old stamp gets ``count`` 0 over whatever it had. A report stands for ``count``
samples; an old stamp stands for none. So **whoever reads values asks ``WHERE "count" > 0``**, sums over ``count`` are
right without asking, and the old stamp stays visible to an auditor. Turned down: InfluxDB's delete API, which takes
ranges (readings of other boots lie between), needs a token that may delete, answers before it has deleted, and does not
exist in InfluxDB 1.x and 3. The price: a reading of the same sensor measured in the very millisecond of a withdrawn
stamp is withdrawn with it.

An incident whose date was corrected, or whose severity rose, leaves ``open`` -1 where it stood. A movement whose
state, item or time became another one leaves ``amount`` 0 where it may have stood.

Tags that come from the configuration (``point``) are those of the moment of export. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, get_args

from influxdb_client import Point, WritePrecision

from pawon_food_safety.profile import Profile
from pawon_food_safety.rows import Severity

Row = Mapping[str, Any]

# A limit is a line in a panel, so it needs points along the readings; this is also how near a panel may zoom.
LIMIT_EVERY_MS = 300_000
# What ``open`` says where an incident no longer stands.
WITHDRAWN = -1
# InfluxDB keeps nanoseconds in 64 bits: later than 2262-04-11 cannot be written.
LATEST_MS = 2**63 // 1_000_000 - 1


def reading_points(row: Row, *, point: str) -> Iterator[Point]:
    """The reading at its time; before it, the withdrawal of the stamp that a ``ClockFix`` replaced."""
    tags = {"kitchen": row["kitchen"], "gateway": row["gateway"], "sensor": row["sensor"], "point": point}
    first = row["first_measured_ms"]
    if first is not None and first != row["measured_ms"]:
        yield from _point(row["quantity"], first, tags, {"count": 0})
    fields = {"value": float(row["value"]), "low": float(row["low"]), "high": float(row["high"])}
    yield from _point(row["quantity"], row["measured_ms"], tags, {**fields, "count": int(row["count"])})


def limit_slot_ms(measured_ms: int) -> int:
    """The time at which the limits of a reading's five minutes are written."""
    return measured_ms - measured_ms % LIMIT_EVERY_MS


def limit_points(row: Row, *, name: str, point: str, profile: Profile) -> Iterator[Point]:
    """The sensor's name and the limits that judge this reading, at the start of its five minutes."""
    at_ms = limit_slot_ms(row["measured_ms"])
    tags = {"kitchen": row["kitchen"], "sensor": row["sensor"], "point": point}
    yield from _point("sensor", at_ms, tags, {"name": name})
    for limit in profile.limits_at(point, row["quantity"]):
        judged = {**tags, "quantity": limit.quantity, "rule": limit.id, "severity": limit.severity}
        yield from _point("limit", at_ms, judged, {"value": float(limit.value)})


def incident_points(row: Row) -> Iterator[Point]:
    """The opening, rewritten with every change, and the closing; before them, withdrawals where they may have stood."""
    tags = {key: row[key] for key in ("kitchen", "sensor", "rule", "kind", "severity")}
    opened, closed, first = row["opened_ms"], row["closed_ms"], row["first_opened_ms"]
    stages = {opened: 1}
    if closed is not None:
        stages[max(closed, opened + 1)] = 0  # a point of its own also when it closed as it opened
    times = set(stages)
    if first is not None:  # opening and closing moved together
        times |= {at_ms - opened + first for at_ms in stages}
    if row["first_closed_ms"] is not None:  # the closing moved with the boot that closed it
        times |= {max(row["first_closed_ms"], at_ms + 1) for at_ms in (opened, opened if first is None else first)}
    # A limit has one severity; silence begins as a warning and becomes critical.
    severities = {row["severity"]} if row["kind"] == "limit" else {row["severity"], *get_args(Severity)}
    for severity in sorted(severities):
        for at_ms in sorted(times):
            if severity != row["severity"] or at_ms not in stages:
                yield from _point("incident", at_ms, {**tags, "severity": severity}, {"open": WITHDRAWN})
    fields = {"id": row["id"], "worst": _float(row["worst"]), "limit_value": _float(row["limit_value"])}
    lasted = None if closed is None else max(0, closed - opened)
    for at_ms, is_open in stages.items():
        yield from _point("incident", at_ms, tags, {**fields, "open": is_open, "lasted_ms": lasted})


def movement_points(row: Row) -> Iterator[Point]:
    """The movement where it belongs now, in both of its accounts; before it, zeros where it may have stood."""
    into = row["place"] == row["to_place"]
    sides = [(row["place"], int(row["amount"])), (row["from_place"] if into else row["to_place"], -int(row["amount"]))]
    kitchen, stands = {"kitchen": row["kitchen"]}, (row["state"], row["item"], row["occurred_ms"])
    times = {row["occurred_ms"], row["first_occurred_ms"]} - {None}
    earlier = {"proposed", "confirmed", "corrected"} if row["state"] != "proposed" else {"proposed"}
    for state, item, at_ms in sorted(product(earlier | {row["state"]}, {"", row["item"]}, times)):
        if (state, item, at_ms) != stands:
            for place, _ in sides:
                yield from _point("movement", at_ms, {**kitchen, "place": place, "item": item, "state": state},
                                  {"amount": 0})  # fmt: skip
    for place, amount in sides:
        tags = {**kitchen, "place": place, "item": row["item"], "state": row["state"]}
        yield from _point("movement", row["occurred_ms"], tags, {"amount": amount})


def gateway_points(row: Row) -> Iterator[Point]:
    """How the gateway stood when its newest batch came in."""
    tags = {"kitchen": row["kitchen"], "gateway": row["gateway"]}
    fields = {key: int(row[key]) for key in ("upto", "delay_ms", "error_ms", "refused")}
    yield from _point("gateway", row["received_ms"], tags, {**fields, "clock": row["clock"]})


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _point(
    measurement: str, at_ms: int, tags: Mapping[str, str], fields: Mapping[str, float | int | str | None]
) -> Iterator[Point]:
    if not 0 <= at_ms <= LATEST_MS:
        return  # no such time in InfluxDB; the exporter counts the row
    point = Point(measurement).time(at_ms, WritePrecision.MS)
    for key, value in tags.items():
        if value:
            point.tag(key, value)
    for key, field in fields.items():
        if field is not None:
            point.field(key, field)
    yield point
