"""The stock book and cooked batches as EPCIS 2.0 events (JSON-LD), for whoever traces food beyond this kitchen. Pure.

Source: GS1 EPCIS 2.0 (event types, their required fields, error declarations) and its Core Business Vocabulary 2.0
(steps, dispositions, private URIs), 2022. Units are those of UN/ECE Recommendation 20.

Every event's id is derived from ids of the record, so the same facts asked twice are the same events. A lot has a
GS1 Digital Link where its item has one GTIN and the supplier's own code is known; else a URI of this kitchen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

from . import accounts
from .days import local_time

SCHEMA_VERSION = "2.0"
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
# A name that leads nowhere by design (RFC 2606): ids are ours until a kitchen gives a namespace of its own.
NAMESPACE = "https://pawon.invalid/"
UOM = {"g": "GRM", "ml": "MLT", "piece": "C62"}
PORTION = "C62"
# AI (10): up to 20 signs of GS1's 82; those that need no escape in a Digital Link.
_GS1_LOT = re.compile(r"[A-Za-z0-9_.-]{1,20}\Z")
_GTIN = re.compile(r"[0-9]{8,14}\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Event = dict[str, Any]


class LotOf(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of a lot. ``gtin``: of its item, if there is exactly one."""

    id: str
    unit: str
    supplier: str
    gtin: str = ""
    code: str = ""
    note: str = ""
    expires: str = ""
    temperature_c: float | None = None
    received_ms: int = 0


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A movement with the amount of each lot (``""``: of none that is known). ``declared_ms``: it was corrected then,
    or (``withdrawn``) it never happened."""

    id: str
    at_ms: int
    from_place: str
    to_place: str
    item: str
    unit: str
    amounts: Mapping[str, int]
    declared_ms: int | None = None
    withdrawn: bool = False


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A cooked batch with what went in: by lot or, where it is unknown, item (``item:``) the amount with its unit."""

    batch: str
    at_ms: int
    place: str
    dish: str
    portions: int
    cooked: bool
    inputs: Sequence[Moved] = ()


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a batch: ``what`` is the act's kind (``batch.leave``), ``number`` its place among all
    of the batch. ``school`` ``""``: the kitchen; ``celsius``: what was measured then."""

    batch: str
    number: int
    what: str
    at_ms: int
    quantity: float
    uom: str = PORTION
    school: str = ""
    vehicle: str = ""
    celsius: Sequence[float] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A lot is set aside, or (``over``) may be used again."""

    id: str
    lot: str
    at_ms: int
    over: bool = False


class Names:
    """URIs of one kitchen. ``lots`` are those that events name; ``zone`` is the kitchen's own."""

    def __init__(self, kitchen: str, zone: str, lots: Mapping[str, LotOf], namespace: str = NAMESPACE) -> None:
        self._base, self._zone, self.lots = f"{namespace}{quote(kitchen, safe='')}/", zone, lots

    def of(self, kind: str, name: str) -> str:
        """The URI of a place, school, supplier, batch, document, trip."""
        return f"{self._base}{kind}/{quote(name, safe='')}"

    def lot(self, name: str, item: str) -> str:
        """A lot's class; goods of no known lot are their item."""
        known = self.lots.get(name)
        if known is None:
            return self.of("lot", name) if name else self.of("item", item)
        if _GTIN.match(known.gtin) and _GS1_LOT.match(known.code):
            return f"https://id.gs1.org/01/{known.gtin.zfill(14)}/10/{known.code}"
        return self.of("lot", name)

    def event(self, *ids: object) -> str:
        """The same for the same facts."""
        return f"urn:uuid:{uuid5(NAMESPACE_URL, self.of('event', '/'.join(map(str, ids))))}"

    def begun(self, kind: str, at_ms: int, *ids: object) -> Event:
        """What every event begins with."""
        offset = local_time(at_ms, self._zone).utcoffset() or timedelta()
        minutes = round(offset.total_seconds() / 60)
        sign = "-" if minutes < 0 else "+"
        return {
            "type": kind, "eventID": self.event(*ids), "eventTime": moment(at_ms),
            "eventTimeZoneOffset": f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
        }  # fmt: skip


def moment(at_ms: int) -> str:
    """ISO 8601 in UTC."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moved_events(names: Names, one: Moved) -> list[Event]:
    """A movement; a corrected one also says which event it takes the place of. The record keeps only what a movement is
    now, so the event that is declared wrong repeats its id, time and kind, not its old amount."""
    event = _moved(names, one)
    if one.declared_ms is None:
        return [event]
    declaration: Event = {"declarationTime": moment(one.declared_ms), "reason": "incorrect_data"}
    if one.withdrawn:
        return [event | {"errorDeclaration": declaration | {"reason": "did_not_occur"}}]
    right = names.event(one.id, "corrected")
    return [event | {"errorDeclaration": declaration | {"correctiveEventIDs": [right]}}, event | {"eventID": right}]


def _moved(names: Names, one: Moved) -> Event:
    there = {
        "readPoint": {"id": names.of("place", one.from_place)},
        "bizLocation": {"id": names.of("place", one.to_place)},
    }
    quantities = _quantities(names, [one])
    if one.to_place == accounts.COOKED:
        return names.begun("TransformationEvent", one.at_ms, one.id) | {
            "inputQuantityList": quantities, "transformationID": names.of("movement", one.id),
            "bizStep": "commissioning", "readPoint": there["readPoint"],
        }  # fmt: skip
    event = names.begun("ObjectEvent", one.at_ms, one.id) | {"action": "OBSERVE", "quantityList": quantities}
    if one.from_place == accounts.SUPPLIER:
        return event | _received(names, one)
    if one.from_place in (accounts.OPENING, accounts.DIFFERENCE) or one.to_place in (
        accounts.OPENING, accounts.DIFFERENCE,
    ):  # fmt: skip
        place = one.to_place if one.from_place in accounts.OUTSIDE else one.from_place
        where = {"id": names.of("place", place)}
        return event | {"bizStep": "stock_taking", "disposition": "in_progress", "readPoint": where}
    if one.to_place in (accounts.WASTE, accounts.TRIMMING):
        return event | {
            "action": "DELETE", "bizStep": "destroying", "disposition": "destroyed", "readPoint": there["readPoint"],
        }  # fmt: skip
    if one.to_place == accounts.SAMPLE:
        return event | {"bizStep": "sampling", "disposition": "in_progress", "readPoint": there["readPoint"]}
    if one.to_place in (accounts.RETURNED, accounts.SCHOOL):
        back = one.to_place == accounts.RETURNED
        return event | {
            "bizStep": "shipping", "disposition": "returned" if back else "in_transit", "readPoint": there["readPoint"],
        }  # fmt: skip
    return event | {"bizStep": "storing", "disposition": "in_progress", **there}


def _received(names: Names, one: Moved) -> Event:
    """A new lot of this kitchen is added; one that carries the supplier's GS1 code was there before. Its document,
    expiry and temperature as the receipt says."""
    where = {"id": names.of("place", one.to_place)}
    found: Event = {"bizStep": "receiving", "disposition": "in_progress", "readPoint": where, "bizLocation": where}
    known = next((names.lots[lot] for lot in one.amounts if lot in names.lots), None)
    if known is None:
        return found
    party = names.of("supplier", known.supplier)
    found["sourceList"] = [{"type": "owning_party", "source": party}]
    if known.note:
        document = names.of("document", f"{known.supplier}/{known.note}")
        found["bizTransactionList"] = [{"type": "desadv", "bizTransaction": document}]
    if known.temperature_c is not None:
        found["sensorElementList"] = _celsius([known.temperature_c], one.at_ms)
    if names.lot(known.id, one.item).startswith(names.of("lot", "")):
        about = {"cbvmda:lotNumber": known.code or known.id, "cbvmda:itemExpirationDate": known.expires}
        found |= {"action": "ADD", "ilmd": {name: value for name, value in about.items() if value}}
    return found


def made_event(names: Names, one: Made) -> Event:
    """What went into a batch became its portions. Of one that is not cooked yet only what went in."""
    event = names.begun("TransformationEvent", one.at_ms, "batch", one.batch) | {
        "transformationID": names.of("batch", one.batch), "bizStep": "commissioning", "disposition": "in_progress",
    }  # fmt: skip
    if one.place:
        event["readPoint"] = {"id": names.of("place", one.place)}
    if one.inputs:
        event["inputQuantityList"] = _quantities(names, one.inputs)
    if one.cooked and one.portions:
        event["outputQuantityList"] = [_portions(names, one.batch, one.portions)]
        event["ilmd"] = {"cbvmda:lotNumber": one.batch, "cbvmda:descriptionShort": one.dish or one.batch}
    elif not one.inputs:
        event["outputQuantityList"] = [{"epcClass": names.of("batch", one.batch)}]
    return event


def served_event(names: Names, one: Served) -> Event | None:
    """Packing, leaving, arriving, eating, throwing away, sampling; ``None`` for what is no event of goods."""
    goods = _portions(names, one.batch, one.quantity, one.uom)
    ids = ("served", one.batch, one.number, one.school)
    kitchen, school = names.of("place", "kitchen"), names.of("school", one.school)
    if one.what == "batch.pack":
        return names.begun("AggregationEvent", one.at_ms, *ids) | {
            "action": "ADD", "parentID": names.of("pack", one.batch), "childQuantityList": [goods],
            "bizStep": "packing", "disposition": "in_progress", "readPoint": {"id": kitchen},
        }  # fmt: skip
    said: Event
    match one.what:
        case "batch.leave":
            said = {
                "bizStep": "shipping", "disposition": "in_transit", "readPoint": {"id": kitchen},
                "sourceList": [{"type": "location", "source": kitchen}],
                "destinationList": [{"type": "location", "destination": school}],
            }  # fmt: skip
            if one.vehicle:
                trip = names.of("trip", f"{one.batch}/{one.at_ms}/{one.vehicle}")
                said["bizTransactionList"] = [{"type": "bol", "bizTransaction": trip}]
        case "batch.arrive":
            said = {"bizStep": "arriving", "disposition": "in_progress", "readPoint": {"id": school}}
        case "batch.eaten":
            said = {
                "action": "DELETE",
                "bizStep": "dispensing",
                "disposition": "dispensed",
                "readPoint": {"id": school},
            }
        case "discard":
            said = {"action": "DELETE", "bizStep": "destroying", "disposition": "destroyed"}
        case "hold":
            said = {"bizStep": "holding", "disposition": "recalled"}
        case "batch.sample":
            said = {"bizStep": "sampling", "disposition": "in_progress", "readPoint": {"id": kitchen}}
        case _:
            return None
    if one.celsius:
        said["sensorElementList"] = _celsius(one.celsius, one.at_ms)
    return names.begun("ObjectEvent", one.at_ms, *ids) | {"action": "OBSERVE", "quantityList": [goods]} | said


def held_event(names: Names, one: Held) -> Event:
    """A lot is held, and so recalled; or it may be used again."""
    step = {"bizStep": "inspecting", "disposition": "in_progress"} if one.over else {
        "bizStep": "holding", "disposition": "recalled",
    }  # fmt: skip
    event = names.begun("ObjectEvent", one.at_ms, "hold", one.id, one.over)
    return event | {"action": "OBSERVE", "quantityList": [{"epcClass": names.lot(one.lot, "")}]} | step


def document(events: Iterable[Event], created_ms: int, namespace: str = NAMESPACE) -> dict[str, Any]:
    """An EPCISDocument."""
    return {
        "@context": [CONTEXT, {"pawon": namespace}], "type": "EPCISDocument", "schemaVersion": SCHEMA_VERSION,
        "creationDate": moment(created_ms), "epcisBody": {"eventList": list(events)},
    }  # fmt: skip


def _quantities(names: Names, movements: Iterable[Moved]) -> list[dict[str, Any]]:
    """Amounts by class, in the order of their names."""
    sums: dict[tuple[str, str], int] = {}
    for one in movements:
        for lot, amount in one.amounts.items():
            key = (names.lot(lot, one.item), UOM.get(one.unit, PORTION))
            sums[key] = sums.get(key, 0) + abs(amount)
    return [{"epcClass": name, "quantity": amount, "uom": uom} for (name, uom), amount in sorted(sums.items())]


def _portions(names: Names, batch: str, quantity: float, uom: str = PORTION) -> dict[str, Any]:
    return {"epcClass": names.of("batch", batch), "quantity": quantity, "uom": uom}


def _celsius(values: Sequence[float], at_ms: int) -> list[dict[str, Any]]:
    reports = [{"type": "Temperature", "value": value, "uom": "CEL", "time": moment(at_ms)} for value in values]
    return [{"sensorReport": reports}]
