"""The record as EPCIS 2.0: every event has what the standard requires, the same id each time, and no page loses one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench, NewAddress
from tests.server.desk import sign_in
from tests.server.phone import application
from tests.server.test_batch_logic import at
from tests.server.test_recall import KITCHEN, Story

from pawon_server.food_safety.lot_acts import CorrectLot
from pawon_server.projections.epcis import Cursor, events_between
from pawon_server.stock.epcis import LotOf, Moved, Names, document, moved_events
from pawon_server.stock.movement_acts import CorrectMovement, HoldLot, RecordMovement, ReleaseLot
from pawon_server.store.database import open_store

# Of GS1's EPCIS 2.0 JSON schema (EPCIS-JSON-Schema.json) and Core Business Vocabulary 2.0: the words that we use.
STEPS = {"arriving", "commissioning", "destroying", "dispensing", "holding", "inspecting", "packing", "receiving",
         "sampling", "shipping", "stock_taking", "storing"}  # fmt: skip
DISPOSITIONS = {"destroyed", "dispensed", "in_progress", "in_transit", "recalled", "returned"}
WHAT = {"ObjectEvent": "quantityList", "AggregationEvent": "childQuantityList"}
URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s]+\Z")


@pytest.fixture
def story(stores: NewAddress) -> Iterator[Story]:
    """Two days of a kitchen, with a correction, a withdrawal, a hold and its end."""
    store = open_store(stores())
    bench = Bench(store, KITCHEN, now_ms=at("20:30", 7))
    made = Story(bench)
    moved = made.do(RecordMovement, item="beras", lot=made.rice, amount=500, from_place="rak", to_place="chiller-a",
                    reason="pindah")  # fmt: skip
    made.do(CorrectMovement, by="gita", movement=moved.id, reason="bukan 500", amount=400)
    wrong = made.do(RecordMovement, item="beras", lot=made.rice, amount=300, from_place="rak", to_place="waste",
                    reason="tumpah")  # fmt: skip
    made.do(CorrectMovement, by="gita", movement=wrong.id, reason="tidak jadi", withdraw=True)
    made.do(HoldLot, lot=made.bad, reason="bau")
    bench.now_ms += 60_000
    made.do(ReleaseLot, by="gita", lot=made.bad, reason="hasil uji")
    made.do(CorrectLot, by="gita", lot=made.other_tofu, corrects=_receipt(made, made.other_tofu), reason="tidak datang",
            withdraw=True, at_ms=None)  # fmt: skip
    bench.now_ms += 60_000
    yield made
    bench.writer.stop()
    store.close()


def _receipt(story: Story, lot: str) -> str:
    return str(story.bench.value("SELECT act FROM lot WHERE id = :lot", lot=lot))


def events(story: Story, **asked: Any) -> list[dict[str, Any]]:
    """Everything, in one page."""
    with story.bench.store.reader.connect() as connection:
        page = events_between(connection, KITCHEN, 0, story.bench.now_ms, **asked)
    assert page.next is None
    return page.events


def check(event: dict[str, Any]) -> None:
    """What the standard requires of an event of its type, and forbids."""
    assert URI.match(event["eventID"])
    assert datetime.fromisoformat(event["eventTime"]).utcoffset() is not None
    assert re.match(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]\Z", event["eventTimeZoneOffset"])
    assert event["bizStep"] in STEPS
    assert event.get("disposition", "in_progress") in DISPOSITIONS
    lists = [name for name in event if name.endswith("QuantityList") or name == "quantityList"]
    for quantity in (one for name in lists for one in event[name]):
        assert URI.match(quantity["epcClass"])
        assert set(quantity) <= {"epcClass", "quantity", "uom"}
        assert ("quantity" in quantity) == (quantity.get("uom") in {"GRM", "MLT", "C62"})
    match event["type"]:
        case "TransformationEvent":
            assert "action" not in event
            assert URI.match(event["transformationID"])
            assert event.get("inputQuantityList") or event.get("outputQuantityList")
        case "ObjectEvent" | "AggregationEvent" as kind:
            assert event["action"] in {"ADD", "OBSERVE", "DELETE"}
            assert event[WHAT[kind]]
            assert "ilmd" not in event or event["action"] == "ADD"
            assert kind == "ObjectEvent" or URI.match(event["parentID"])
        case other:
            pytest.fail(other)
    for name in ("source", "destination"):
        for party in event.get(f"{name}List", []):
            assert party["type"] in {"owning_party", "location"}
            assert URI.match(party[name])
    for element in event.get("sensorElementList", []):
        assert all(one["type"] == "Temperature" and one["uom"] == "CEL" for one in element["sensorReport"])
    assert all(URI.match(name) for name in event.get("ilmd", {}))
    if "errorDeclaration" in event:
        declared = event["errorDeclaration"]
        assert datetime.fromisoformat(declared["declarationTime"]).utcoffset() is not None
        assert declared["reason"] in {"did_not_occur", "incorrect_data"}


def of(found: list[dict[str, Any]], **said: str) -> list[dict[str, Any]]:
    """The events with these words."""
    return [one for one in found if all(one.get(name) == word for name, word in said.items())]


def test_every_event_has_what_the_standard_requires(story: Story) -> None:
    """Two days of receiving, cooking, packing off, eating, throwing away, sampling, holding, correcting."""
    found = events(story)
    for event in found:
        check(event)
    assert len({one["eventID"] for one in found}) == len(found)
    steps = {one["bizStep"] for one in found}
    assert {"receiving", "storing", "commissioning", "shipping", "arriving", "dispensing", "destroying", "sampling",
            "holding"} <= steps  # fmt: skip
    told = document(found, story.bench.now_ms)
    assert (told["type"], told["schemaVersion"]) == ("EPCISDocument", "2.0")
    assert set(told) == {"@context", "type", "schemaVersion", "creationDate", "epcisBody"}


def test_a_batch_is_its_lots_transformed(story: Story) -> None:
    """What went in stands beside the portions that came out, in grams; nothing of it is an event of its own."""
    (soto,) = [one for one in events(story) if one.get("transformationID", "").endswith(story.soto)]
    names = Names("dapur-uji", "Asia/Jakarta", {})
    assert soto["inputQuantityList"] == [
        {"epcClass": names.of("lot", lot), "quantity": amount, "uom": "GRM"}
        for lot, amount in sorted([(story.bad, 4_000), (story.rice, 5_000)])
    ]  # fmt: skip
    assert soto["outputQuantityList"] == [{"epcClass": names.of("batch", story.soto), "quantity": 230, "uom": "C62"}]
    assert (soto["eventTime"], soto["eventTimeZoneOffset"]) == ("2025-10-07T22:00:00.000Z", "+07:00")


def test_a_delivery_tells_its_supplier_document_and_temperature(story: Story) -> None:
    """Receiving adds a lot of this kitchen with its code, from its supplier, by its delivery note, at 3 degrees."""
    names = Names("dapur-uji", "Asia/Jakarta", {})
    (came,) = [one for one in of(events(story), bizStep="receiving", action="ADD")
               if one["quantityList"][0]["epcClass"] == names.of("lot", story.bad)]  # fmt: skip
    assert came["sourceList"] == [{"type": "owning_party", "source": names.of("supplier", "Ayam Jaya")}]
    assert came["bizTransactionList"][0]["bizTransaction"].endswith("Ayam%20Jaya%2FSJ-77")
    assert came["sensorElementList"][0]["sensorReport"][0]["value"] == 3.0
    assert came["ilmd"]["cbvmda:lotNumber"] == "AJ/1"


def test_what_was_wrong_is_declared_wrong(story: Story) -> None:
    """A corrected movement names the event that is right; a withdrawn one, and a delivery that never came, did not
    occur; a lot that was set aside is recalled until it is released."""
    found = events(story)
    (corrected,) = [one for one in found if "correctiveEventIDs" in one.get("errorDeclaration", {})]
    (right,) = [one for one in found if one["eventID"] in corrected["errorDeclaration"]["correctiveEventIDs"]]
    assert right["quantityList"][0]["quantity"] == 400
    withdrawn = [one for one in found if one.get("errorDeclaration", {}).get("reason") == "did_not_occur"]
    assert sorted(one["bizStep"] for one in withdrawn) == ["destroying", "receiving"]
    assert [one["disposition"] for one in found if one["bizStep"] in ("holding", "inspecting")] == [
        "recalled", "in_progress",
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_no_page_loses_or_doubles_an_event(story: Story, limit: int) -> None:
    """However small the pages, together they are everything in order; asked again they are the same."""
    whole = events(story)
    assert events(story) == whole
    paged: list[dict[str, Any]] = []
    after: Cursor | None = None
    with story.bench.store.reader.connect() as connection:
        for _ in range(len(whole) * 20):
            page = events_between(connection, KITCHEN, 0, story.bench.now_ms, after=after, limit=limit)
            assert len(page.events) <= limit
            paged += page.events
            after = page.next
            if after is None:
                break
    assert paged == whole


def test_of_one_lot_only_its_own(story: Story) -> None:
    """The bad chicken's events: its receipt, its end, and its two batches; no event of the other chicken."""
    found = events(story, lots=[story.bad])
    text = msgspec.json.encode(found).decode()
    assert story.soto in text
    assert story.opor in text
    assert story.good not in text
    assert story.tumis not in text
    for event in found:
        check(event)


def test_a_gtin_with_the_suppliers_code_is_a_digital_link() -> None:
    """Only one GTIN and a code of GS1's signs make a Digital Link, which was there before this kitchen; all else is
    a name of this kitchen. The event's id is the same on every machine."""
    lot = LotOf(id="SPPG-251008-AYA-4AB0", unit="g", supplier="Ayam Jaya", gtin="8991234567890", code="L-77")
    moved = Moved(id="a1", at_ms=0, from_place="supplier", to_place="rak", item="ayam", unit="g", amounts={lot.id: 5})
    names = Names("dapur", "Asia/Jakarta", {lot.id: lot})
    (event,) = moved_events(names, moved)
    assert event["quantityList"][0]["epcClass"] == "https://id.gs1.org/01/08991234567890/10/L-77"
    assert event["action"] == "OBSERVE"
    assert "ilmd" not in event
    for other in ({"gtin": ""}, {"code": ""}, {"code": "a b"}, {"code": "x" * 21}):
        named = Names("dapur", "Asia/Jakarta", {lot.id: msgspec.structs.replace(lot, **other)})
        assert named.lot(lot.id, "ayam") == "https://pawon.invalid/dapur/lot/SPPG-251008-AYA-4AB0"
    expected = uuid.uuid5(uuid.NAMESPACE_URL, "https://pawon.invalid/dapur/event/a1")
    assert event["eventID"] == f"urn:uuid:{expected}"


def test_over_the_api(story: Story) -> None:
    """For people who signed in; a day by default, a lot's whole life, page by page by the header."""
    client = TestClient(application(story.bench)[0])
    assert client.get("/api/v1/epcis").status_code == 401
    sign_in(client, "sari")
    day = client.get("/api/v1/epcis").json()["epcisBody"]["eventList"]
    assert 0 < len(day) < len(events(story))
    first = client.get("/api/v1/epcis", params={"lot": story.bad, "limit": 2})
    assert len(first.json()["epcisBody"]["eventList"]) == 2
    token = first.headers["GS1-Next-Page-Token"]
    rest = client.get("/api/v1/epcis", params={"lot": story.bad, "after": token}).json()["epcisBody"]["eventList"]
    assert first.json()["epcisBody"]["eventList"] + rest == events(story, lots=[story.bad])
    assert client.get("/api/v1/epcis", params={"after": "x"}).status_code == 422
    before_1970 = {"after": "-999940000~urn:uuid:0", "since": "1969-12-20T00:00Z", "until": "1970-01-02T00:00Z"}
    assert client.get("/api/v1/epcis", params=before_1970).status_code == 200


@pytest.mark.parametrize("at_ms", [-(2**40), 253_402_297_200_000])
def test_a_moment_at_the_edge_of_the_calendar_has_an_offset(at_ms: int) -> None:
    """A clock without a battery says 1935, or the last evening of 9999, when it is 10000 in Jakarta already."""
    event = Names("dapur", "Asia/Jakarta", {}).begun("ObjectEvent", at_ms, "a1")
    assert event["eventTimeZoneOffset"].startswith("+07:")
