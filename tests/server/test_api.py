"""``/api/v1``, ``/health`` and ``/metrics`` over a filled store."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.conftest import BOOK, Bench, NewAddress, on_sqlite
from tests.server.desk import ORIGIN, desk, hire, sign_in, write
from tests.server.sender import Sender, temperature
from tests.server.test_ingest import weighing

from pawon_contract.messages import ClockFix, Reading, SensorFault
from pawon_server.calibration import RecordCalibration
from pawon_server.food_safety.batch_acts import CookedPan, Destination, OpenBatch
from pawon_server.food_safety.check import RecordCheck
from pawon_server.food_safety.lot_acts import ReceiveLot
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Written
from pawon_server.projections.minutes import Compacted
from pawon_server.stock.menu_acts import Ingredient, PlanMeal, SetRecipe
from pawon_server.store.database import open_store
from pawon_server.store.stock_tables import lot, movement
from pawon_server.store.tables import batch, calibration, checked, incident, quarantine, reading
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.events import Hub

MINUTE = 60_000
LISTS = (
    "latest", "readings", "incidents", "movements", "stock", "gateways", "quarantine", "batches", "lots",
    "calibrations", "checks", "points", "places", "items", "recipes", "menu",
)  # fmt: skip
PAGED = ("readings", "incidents", "movements", "quarantine", "batches", "lots", "calibrations", "checks")
# What people who signed in may write to; everything else only reads.
WRITTEN = ("calibrations", "movements", "recipes", "menu")


@dataclass
class Api:
    """The real application over the bench's store. ``healthy`` is what the server would say of itself."""

    bench: Bench
    sender: Sender = field(default_factory=Sender)
    healthy: bool = True
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        hub = Hub()
        board = Board(BOOK, self.bench.store.reader, demo=False, emit=hub.publish, utc_ms=lambda: self.bench.now_ms)
        board.load(self.bench.writer.projector)
        self.client = TestClient(
            make_app(
                version="1", reader=self.bench.store.reader, book=BOOK, board=board, hub=hub,
                health=lambda: {"ok": self.healthy, "broker": "not connected"},
                metrics=lambda: {"pawon_rows_total": 123_456_789, "pawon_uptime_seconds": 1.25}, desk=desk(self.bench),
            )
        )  # fmt: skip

    def page(self, path: str, **query: object) -> dict[str, Any]:
        """One page; the shape of every list is asserted."""
        answer = self.client.get(f"/api/v1/{path}", params={key: str(value) for key, value in query.items()})
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        assert set(page) == {"items", "next"}
        return page

    def items(self, path: str, **query: object) -> list[dict[str, Any]]:
        """Every item, through all pages."""
        items: list[dict[str, Any]] = []
        page = self.page(path, **query)
        while True:
            items += page["items"]
            if page["next"] is None:
                return items
            assert page["items"], "a page that is followed by another one is not empty"
            page = self.page(path, **query, cursor=page["next"])

    def refused(self, path: str, **query: object) -> str:
        """The words of a refusal."""
        answer = self.client.get(f"/api/v1/{path}", params={key: str(value) for key, value in query.items()})
        assert answer.status_code == 422, answer.text
        return answer.text


def fill(bench: Bench) -> Api:
    """An hour of a kitchen: an excursion that is over, a broken probe, weighings, bad rows, zeros."""
    sender = Sender()
    for n in range(60):
        sender.add(temperature(9.0 if 5 <= n < 40 else 0.0, n * MINUTE))
        sender.add(temperature(3.0, n * MINUTE, "chiller-2"))  # the same millisecond: ties in time
    sender.add(
        weighing(0, 50_000, 10 * MINUTE, "first"), weighing(50_000, 45_000, 20 * MINUTE, "out"),
        weighing(0, 12_000, 20 * MINUTE, "in", "scale-2"),
        SensorFault(at_ms=59 * MINUTE + 1, sensor="chiller-2", fault="disconnected"),
        Reading(at_ms=60 * MINUTE, sensor="scale-1", quantity="mass_g", value=0.0),
        b'{"k":"bad"}', b'{"k":"worse"}',
    )  # fmt: skip
    bench.send(sender.batch(sent_ms=60 * MINUTE))
    for n, dish in enumerate(("Nasi", "Ayam kecap")):
        schools = (Destination(school=f"SD {n + 1}", portions=200),)
        write(bench, OpenBatch(id=f"{n:016x}", by="-", wave="1", dish=dish, day="2025-10-09", portions=300,
                               schools=schools))  # fmt: skip
    pan = CookedPan(id=f"{2:016x}", by="-", batch="B-251009-1-nasi-000000", at_ms=bench.now_ms - 60 * MINUTE)
    write(bench, pan)
    for number, item in enumerate(("ayam", "beras", "ayam")):
        act = ReceiveLot(
            id=f"{number + 16:016x}", by=MACHINE, item=item, supplier="Ayam Jaya", amount=1_000, place="lantai",
            at_ms=bench.now_ms - number // 2,
        )  # fmt: skip
        assert isinstance(write(bench, act), Written)
    for n, name in enumerate(("chiller-1", "chiller-1", "chiller-2")):
        check = RecordCalibration(
            id=new_id(), by=MACHINE, sensor=name, method="ice", readings_c=(0.1 * n,), performed_ms=1_760_000_000_000
        )
        assert isinstance(write(bench, check), Written)
    for number, value in enumerate((3.0, 0.0, 3.5)):
        look = RecordCheck(
            id=f"{number + 32:016x}", by=MACHINE, point="thawing", quantity="temperature_c", value=value,
            place="meja" if number else "", at_ms=bench.now_ms - number // 2,
        )  # fmt: skip
        assert isinstance(write(bench, look), Written)
    written = (Ingredient(item="beras", amount=8_000),)
    for said in (
        SetRecipe(id=new_id(), by=MACHINE, dish="Nasi", ingredients=written),
        PlanMeal(id=new_id(), by=MACHINE, day="2025-10-10", wave="1", dish="Nasi", portions=300),
    ):
        assert isinstance(write(bench, said), Written)
    return Api(bench, sender)


@pytest.fixture(scope="module")
def api(stores: NewAddress) -> Iterator[Api]:
    """A filled store to ask; nothing may be added to it."""
    store = open_store(stores())
    bench = Bench(store)
    yield fill(bench)
    bench.writer.stop()
    store.close()


@pytest.fixture
def growing(bench: Bench) -> Api:
    """A filled store to which a test adds."""
    return fill(bench)


@pytest.mark.parametrize("path", LISTS)
def test_every_list_has_items_and_next(api: Api, path: str) -> None:
    """The same shape everywhere, and something in it; all times in it are ISO 8601 with Z."""
    items = api.items(path)
    assert items
    for item in items:
        for key, value in item.items():
            if key.endswith("_at") and value is not None:
                assert value.endswith("Z"), key
                assert datetime.fromisoformat(value).utcoffset() is not None


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_pages_give_every_item_once_in_order(api: Api, path: str, limit: int) -> None:
    """Small pages put together are the whole list, also where many rows bear the same time."""
    assert api.items(path, limit=limit) == api.page(path, limit=1000)["items"]
    assert len(api.page(path, limit=limit)["items"]) == min(limit, len(api.items(path)))


def test_pages_stay_the_same_while_rows_are_added(growing: Api) -> None:
    """Somebody reads page by page while the kitchen goes on: no item is missing and none comes twice."""
    before = growing.items("readings", limit=1000)
    page = growing.page("readings", limit=10)
    read = page["items"]
    at_ms = 61 * MINUTE
    while page["next"] is not None:
        growing.sender.add(temperature(3.0, at_ms))
        growing.bench.send(growing.sender.batch(len(growing.sender.rows), sent_ms=at_ms))
        at_ms += MINUTE
        page = growing.page("readings", limit=10, cursor=page["next"])
        read += page["items"]
    assert read == before


@pytest.mark.parametrize(
    ("path", "key", "value", "count"),
    [
        ("latest", "sensor", "chiller-1", 1), ("latest", "point", "chiller", 2), ("latest", "state", "fault", 1),
        ("latest", "quantity", "mass_g", 2), ("latest", "sensor", "nobody", 0),
        ("readings", "sensor", "chiller-1", 60), ("readings", "quantity", "mass_g", 1),
        ("readings", "sensor", "nobody", 0),
        ("incidents", "sensor", "chiller-2", 1), ("incidents", "kind", "limit", 2),
        ("incidents", "severity", "critical", 1), ("incidents", "sensor", "nobody", 0),
        ("movements", "place", "gudang", 2), ("movements", "item", "ayam", 3), ("movements", "state", "proposed", 1),
        ("movements", "place", "nowhere", 0), ("movements", "kind", "receive", 3), ("movements", "kind", "out", 1),
        ("places", "place", "gudang", 1), ("places", "place", "nowhere", 0),
        ("stock", "place", "gudang", 1), ("stock", "item", "ayam", 2), ("stock", "item", "nothing", 0),
        ("gateways", "gateway", "gw-1", 1), ("gateways", "gateway", "gw-9", 0),
        ("batches", "day", "2025-10-09", 2), ("batches", "day", "2025-10-10", 0), ("batches", "state", "cooked", 1),
        ("calibrations", "sensor", "chiller-1", 2), ("calibrations", "verdict", "ok", 3),
        ("calibrations", "sensor", "nobody", 0),
        ("quarantine", "gateway", "gw-1", 2), ("quarantine", "gateway", "gw-9", 0),
        ("checks", "point", "thawing", 3), ("checks", "place", "meja", 2), ("checks", "verdict", "good", 3),
        ("checks", "sensor", "nobody", 0), ("checks", "quantity", "temperature_c", 3),
        ("points", "point", "chiller", 1), ("points", "point", "nowhere", 0),
        ("lots", "item", "ayam", 2), ("lots", "supplier", "Ayam Jaya", 3), ("lots", "supplier", "nobody", 0),
    ],
)  # fmt: skip
def test_a_filter_gives_what_it_names_and_nothing_else(api: Api, path: str, key: str, value: str, count: int) -> None:
    """A filter keeps exactly the items that bear the value; a name that is not known gives an empty list."""
    found = api.items(path, **{key: value})
    assert len(found) == count
    assert found == [item for item in api.items(path) if item[key] == value]


def test_an_incident_says_when_it_opened_and_closed(api: Api) -> None:
    """``closed_at`` is null while it lasts; ``open`` tells the two kinds apart; dates are when it happened."""
    (lasting,) = api.items("incidents", open="true")
    assert (lasting["kind"], lasting["closed_at"], lasting["sensor"]) == ("fault", None, "chiller-2")
    over = api.items("incidents", open="false")
    assert {row["rule"] for row in over} == {"chiller-very-hot", "chiller-warm"}
    for row in over:
        assert row["began_at"] < row["opened_at"] < row["closed_at"]
    assert next(row for row in over if row["rule"] == "chiller-very-hot")["opened_at"] == "2025-10-09T09:13:20.000Z"


def test_a_span_of_time_includes_its_beginning_and_not_its_end(api: Api) -> None:
    """To the millisecond, in any time zone; two neighbouring spans hold every row once."""
    at = "2025-10-09T08:53:20.000Z"
    assert api.items("readings", until=at) == []
    assert len(api.items("readings", since=at, until="2025-10-09T08:53:20.001Z")) == 2
    assert len(api.items("readings", since="2025-10-09T15:53:20+07:00", until="2025-10-09T15:54:20+07:00")) == 2
    middle = "2025-10-09T09:23:20.0004Z"
    halves = len(api.items("readings", until=middle)), len(api.items("readings", since=middle))
    assert halves == (62, 59)
    assert len(api.items("incidents", since=at)) == 3
    assert len(api.items("movements", since="2025-10-09T09:13:20Z")) == 2


def test_every_millisecond_is_kept_apart(growing: Api) -> None:
    """A time given to the millisecond means that millisecond, whatever binary fractions would make of it."""
    first = 100 * MINUTE
    growing.sender.add(*(temperature(3.0, first + n) for n in range(50)))
    growing.bench.send(growing.sender.batch(len(growing.sender.rows) - 49, sent_ms=first + 50))
    for row in growing.items("readings", since="2025-10-09T10:33:20Z"):
        assert growing.items("readings", since=row["measured_at"])[-1] == row


def test_zero_is_a_value(api: Api) -> None:
    """0.0 C and 0 g come as numbers, from the newest values and the record; what was never booked is null, not 0."""
    assert [row["value"] for row in api.items("latest", sensor="chiller-1")] == [0.0]
    assert [row["value"] for row in api.items("readings", sensor="scale-1")] == [0.0]
    assert [row["value"] for row in api.items("latest", sensor="scale-1")] == [0.0]
    assert [row["amount"] for row in api.items("stock", place="terima")] == [None]


@pytest.mark.parametrize("path", ["readings", "incidents", "movements"])
@pytest.mark.parametrize("key", ["since", "until"])
@pytest.mark.parametrize("value", ["2025-10-09T08:53:20", "yesterday", "2025-13-01T00:00:00Z", ""])
def test_a_time_that_names_no_moment_is_refused_in_plain_words(api: Api, path: str, key: str, value: str) -> None:
    """A time without its zone could be any of three in this country: 422, with the name of the parameter."""
    assert key in api.refused(path, **{key: value})


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize(
    "cursor", ["", "x", "1~2~3~4~5~6", "one~two", "~", "9" * 40 + "~x", "9" * 40 + "~1~x~y", "\x00", "1~" + "9" * 150]
)
def test_a_cursor_that_was_never_given_is_refused(api: Api, path: str, cursor: str) -> None:
    """Nothing that is put in a cursor's place is an error of the server: 422, or a page where it happens to fit."""
    answer = api.client.get(f"/api/v1/{path}", params={"cursor": cursor})
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert "cursor" in answer.text
    assert api.client.get(f"/api/v1/{path}", params={"cursor": "x"}).status_code == 422


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "1.5", "9" * 30])
def test_a_page_has_bounds(api: Api, path: str, limit: str) -> None:
    """From 1 to 1,000 items; anything else is refused by name."""
    assert "limit" in api.refused(path, limit=limit)
    assert api.page(path, limit=1000)["items"]


def test_no_row_makes_a_list_unreadable(growing: Api) -> None:
    """A clock that claims a year beyond all calendars takes no other row's list away."""
    sender = Sender(spool="d" * 20, offset_ms=2**53, boot="0000aaaa-cab1-4b42-8e06-9e3512dfe0a6", clock="guess")
    sender.add(temperature(9.0, 1), weighing(0, 5, 2, "in"), SensorFault(at_ms=3, sensor="chiller-1", fault="stuck"))
    assert growing.bench.send(sender.batch(sent_ms=4)).upto == 3
    for path in LISTS:
        growing.items(path, limit=3)
    assert growing.items("readings", limit=1)[0]["measured_at"] is None


@pytest.mark.parametrize("limit", [1, 3, 1000])
@pytest.mark.parametrize("sensor", [None, "chiller-1"])
def test_old_readings_are_minutes_and_say_so(growing: Api, limit: int, sensor: str | None) -> None:
    """Raw and compacted stretches in one list, in order, nothing twice and nothing left out between pages."""
    query: dict[str, object] = {} if sensor is None else {"sensor": sensor}
    before = growing.items("readings", limit=1000, **query)
    first_ms, last_ms = growing.bench.rows("SELECT min(measured_ms), max(measured_ms) FROM reading")[0]
    middle_ms = (int(str(first_ms)) + int(str(last_ms))) // 2 // 60_000 * 60_000
    start_ms = int(str(first_ms)) // 60_000 * 60_000
    for (name,) in growing.bench.rows("SELECT DISTINCT sensor FROM reading"):
        what = Compacted(sensor=str(name), start_ms=start_ms, end_ms=middle_ms)
        growing.bench.writer.submit("compacted", msgspec.json.encode(what))
    old = "SELECT count(*) FROM reading WHERE measured_ms < :ms"
    growing.bench.until(lambda: growing.bench.value(old, ms=middle_ms) == 0, "minutes")
    items = growing.items("readings", limit=limit, **query)
    assert items == growing.items("readings", limit=1000, **query)
    assert {one["resolution"] for one in items} == {"raw", "minute"}
    assert [one["measured_at"] for one in items] == sorted((one["measured_at"] for one in items), reverse=True)
    assert [one for one in items if one["resolution"] == "raw"] == [
        one for one in before if one["measured_at"] >= items[-1]["measured_at"] and one in items
    ]
    minutes = [one for one in items if one["resolution"] == "minute"]
    assert sum(one["count"] for one in items) == sum(one["count"] for one in before)
    assert all(one["low"] <= one["value"] <= one["high"] for one in minutes)
    some = minutes[len(minutes) // 2]["measured_at"]
    since = growing.items("readings", limit=limit, since=some, **query)
    assert since == [one for one in items if one["measured_at"] >= some]


def test_two_gateways_with_one_copied_card_lose_no_row_between_pages(growing: Api) -> None:
    """The same spool, number and time at two gateways are two rows, also when a page ends between them."""
    columns = [column.name for column in reading.columns]
    row = dict(
        zip(columns, growing.bench.rows("SELECT * FROM reading ORDER BY measured_ms DESC LIMIT 1")[0], strict=True)
    )
    with growing.bench.store.writer.begin() as connection:
        connection.execute(reading.insert(), {**row, "gateway": "gw-2"})
    assert len(growing.items("readings", limit=1)) == 122


def test_health_is_what_the_server_says_of_itself(growing: Api) -> None:
    """200 while it can do its work, 503 with what is missing when it cannot."""
    assert growing.client.get("/health").status_code == 200
    growing.healthy = False
    answer = growing.client.get("/health")
    assert (answer.status_code, answer.json()["broker"]) == (503, "not connected")


def test_metrics_are_exact(api: Api) -> None:
    """Prometheus text; a large counter keeps its last digit, else its rate is made up."""
    answer = api.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "pawon_rows_total 123456789\npawon_uptime_seconds 1.25\n"


def test_nothing_can_be_changed_from_outside(api: Api) -> None:
    """Every route of the application reads; the other methods are refused."""
    for route in api.client.app.routes:  # type: ignore[attr-defined]  # a FastAPI application
        assert set(getattr(route, "methods", None) or {"GET"}) <= {"GET", "HEAD"}, route
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in (*(f"/api/v1/{name}" for name in LISTS), "/health", "/metrics", "/wall", "/events"):
            written = method == "POST" and path.rpartition("/")[2] in WRITTEN
            answer = api.client.request(method, path, json={"sensor": "chiller-1", "method": "ice", "readings_c": [0]})
            assert answer.status_code == (403 if written else 405), (method, path)


def test_the_description_of_the_api_is_complete(api: Api) -> None:
    """OpenAPI 3 with every list, its parameters and its answer; every reference in it leads somewhere."""
    described = api.client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert described["info"]["title"] == "Pawon"
    for name in LISTS:
        get = described["paths"][f"/api/v1/{name}"]["get"]
        assert get["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Page"}
        names = {parameter["name"] for parameter in get.get("parameters", [])}
        assert (name not in PAGED) or {"cursor", "limit"} <= names

    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
            part = list(part.values())
        if isinstance(part, list):
            for inner in part:
                yield from references(inner)

    for reference in set(references(described)):
        place: Any = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    # Nothing of the record is written by a list's address.
    assert all(set(described["paths"][f"/api/v1/{name}"]) == {"get"} for name in LISTS if name not in WRITTEN)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_whatever_is_asked_is_answered(api: Api, data: st.DataObject) -> None:
    """Any parameters with any text: a page or a 422, never an error of the server."""
    path = data.draw(st.sampled_from(LISTS))
    described = api.client.get("/openapi.json").json()["paths"][f"/api/v1/{path}"]["get"]["parameters"]
    text = st.one_of(
        st.text(max_size=30), st.integers().map(str), st.datetimes().map(str), st.floats().map(str),
        st.lists(st.text(string.digits + "~-.e", max_size=8), max_size=4).map("~".join),
        st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "chiller-1", "' OR 1=1 --", "true",
                         "\0"]),
    )  # fmt: skip
    names = st.sampled_from([parameter["name"] for parameter in described])
    query = data.draw(st.dictionaries(names, text, max_size=4))
    answer = api.client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code in (200, 422), (query, answer.text)
    assert (set(answer.json()) == {"items", "next"}) == (answer.status_code == 200)


@on_sqlite
@pytest.mark.parametrize(
    ("table", "order", "filters"),
    [
        (reading, "measured_ms", "sensor = 'chiller-1' AND"), (incident, "opened_ms", ""),
        (movement, "occurred_ms", ""), (quarantine, "journal_id", ""), (batch, "opened_ms", ""),
        (lot, "received_ms", ""), (calibration, "performed_ms", ""), (checked, "at_ms", ""),
        (checked, "at_ms", "point = 'chiller' AND"),
    ],
)  # fmt: skip
def test_a_page_is_found_by_an_index(api: Api, table: Any, order: str, filters: str) -> None:
    """However long the record has grown, a page costs no reading of the whole table."""
    query = f"SELECT * FROM {table.name} WHERE kitchen = 'dapur-uji' AND {filters} {order} < 5 ORDER BY {order} DESC"
    plan = " ".join(str(row[-1]) for row in api.bench.rows(f"EXPLAIN QUERY PLAN {query} LIMIT 10"))
    assert "USING INDEX" in plan
    assert "TEMP B-TREE" not in plan


def test_a_corrected_clock_shows_both_dates(growing: Api) -> None:
    """After a ``ClockFix`` a reading bears the right time and, beside it, the stamp it first had."""
    guess = Sender(spool="c" * 20, boot="1111aaaa-cab1-4b42-8e06-9e3512dfe0a6", offset_ms=1_000, clock="guess")
    guess.add(temperature(3.0, 5_000))
    guess.add(ClockFix(at_ms=6_000, boot=guess.boot, offset_ms=1_760_010_000_000, error_ms=5, source="synced"))
    growing.bench.send(guess.batch(sent_ms=6_000))
    newest = growing.items("readings", sensor="chiller-1", limit=1)[0]
    assert newest["first_measured_at"] == "1970-01-01T00:00:06.000Z"
    assert newest["measured_at"] == "2025-10-09T11:40:05.000Z"


def test_what_no_clock_knew_says_between_when_it_was(growing: Api) -> None:
    """A reading, an incident and a movement of a boot without a known time bear bounds; what was known has none."""
    guess = Sender(spool="c" * 20, boot="1111aaaa-cab1-4b42-8e06-9e3512dfe0a6", offset_ms=1_000, clock="guess")
    guess.add(*(temperature(12.0, n * 60_000, "chiller-2") for n in range(30)))
    guess.add(weighing(5_000, 7_000, 29 * 60_000, "in", "scale-2"))
    growing.bench.now_ms = 1_760_100_000_000
    growing.bench.send(guess.batch(sent_ms=30 * 60_000))
    bounds = {
        "earliest_at": "2025-01-01T00:28:59.826Z", "latest_at": "2025-10-10T12:39:05.354Z",
    }  # fmt: skip
    newest = growing.items("readings", sensor="chiller-2", until="1970-02-01T00:00:00Z")[0]
    assert {key: newest[key] for key in ("clock", *bounds)} == {"clock": "guess", **bounds}
    moved = growing.items("movements", until="1970-02-01T00:00:00Z")[0]
    assert {key: moved[key] for key in ("clock", *bounds)} == {"clock": "guess", **bounds}
    opened = growing.items("incidents", sensor="chiller-2", until="1970-02-01T00:00:00Z")[0]
    assert opened["clock"] == "guess"
    assert opened["earliest_at"] < opened["latest_at"] < bounds["latest_at"]
    assert opened["closed_earliest_at"] is None
    known = growing.items("readings", sensor="chiller-1")[0]
    assert (known["clock"], known["earliest_at"], known["latest_at"]) == ("synced", None, None)


def test_the_description_for_people_comes_from_this_server_alone(api: Api) -> None:
    """Every list with its parameters, and nothing fetched from elsewhere: kitchens have no internet."""
    page = api.client.get("/api/docs")
    assert page.status_code == 200
    for path in ("/api/v1/latest", "/api/v1/readings", "/api/v1/incidents", "/api/v1/quarantine", "/health"):
        assert path in page.text
    assert "since" in page.text
    assert "://" not in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_batch_tells_its_clock_and_all_that_happened(api: Api) -> None:
    """The list has the deadline and how long it is until then, the batch itself every school and event, and no name of
    whoever wrote it."""
    (found,) = api.items("batches", school="SD 1")
    assert (found["dish"], found["state"], found["remaining"]) == ("Nasi", "cooked", 300)
    assert (found["cooked_at"], found["deadline_at"]) == ("2025-10-09T08:10:00.000Z", "2025-10-09T12:10:00.000Z")
    assert found["countdown_s"] == 3 * 3600
    assert api.items("batches", school="SD 9") == []
    one = api.client.get(f"/api/v1/batches/{found['id']}").json()
    assert [event["what"] for event in one["events"]] == ["batch.open", "batch.cooked"]
    assert [(row["school"], row["portions"]) for row in one["schools"]] == [("SD 1", 200), ("", 100)]
    assert {row["countdown_s"] for row in one["schools"]} == {3 * 3600}
    assert "by" not in api.client.get(f"/api/v1/batches/{found['id']}").text.replace('"', " ").split()
    assert api.client.get("/api/v1/batches/B-000000-x").status_code == 404
    raw = next(one for one in api.items("batches") if one["dish"] == "Ayam kecap")
    assert (raw["countdown_s"], raw["severity"], raw["steps"]) == (None, None, [])


def test_acts_about_a_batch_are_written_over_the_api(growing: Api) -> None:
    """Signed in, from a page of this server; the answer names the batch, what cannot be says why, once is once."""
    path = "/api/v1/batches/acts"
    opened = {"act": "batch.open", "id": "00000000000abcdef0", "wave": "2", "dish": "Sayur", "day": "2025-10-09",
              "portions": 50}  # fmt: skip
    assert growing.client.post(path, json=opened, headers=ORIGIN).status_code == 401
    hire(growing.bench, "sari")
    sign_in(growing.client, "sari")
    assert growing.client.post(path, json=opened).status_code == 403
    first = growing.client.post(path, json=opened, headers=ORIGIN).json()
    assert first["batch"] == "B-251009-2-sayur-bcdef0"
    assert growing.client.post(path, json=opened, headers=ORIGIN).json() == first
    early = {"act": "batch.eaten", "batch": first["batch"], "school": ""}
    answer = growing.client.post(path, json=early, headers=ORIGIN)
    assert (answer.status_code, answer.json()["detail"]) == (409, "Belum matang")
    for more in ({"act": "batch.cooked"}, {"act": "batch.eaten", "school": "", "portions": 30}):
        said = {**more, "batch": first["batch"], "by": "wulan"}
        assert growing.client.post(path, json=said, headers=ORIGIN).status_code == 200
    assert growing.client.get(f"/api/v1/batches/{first['batch']}").json()["remaining"] == 20
    assert growing.bench.rows("SELECT DISTINCT person FROM act WHERE what = 'batch.eaten'") == [("sari",)]
    wrong: list[object] = [[], "x", {}, {"act": "person.set"}, {**early, "portions": -1}, {**early, "at_ms": "now"}]
    for body in wrong:
        assert growing.client.post(path, json=body, headers=ORIGIN).status_code == 422
