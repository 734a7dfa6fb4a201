"""The forecast as people meet it: the API for everybody, the pages of staff, the forum's list."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright
from tests.server.conftest import Bench, NewAddress
from tests.server.desk import ORIGIN, desk, hire, sign_in
from tests.server.larder import DAY, HOUR, LARDER, MORNING, book_line, meal, recipe, written
from tests.server.test_pages import CHROMIUM, FLAGS

from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.menu import recipes_of
from pawon_server.rulebook import Item, Rulebook, encode
from pawon_server.stock.purchase_acts import PlaceOrder, SetSupplier
from pawon_server.store.database import open_store
from pawon_server.web.app import make_app
from pawon_server.web.board import Board
from pawon_server.web.events import Hub
from pawon_server.web.spreadsheet import csv_text


def phone(bench: Bench, name: str = "", *, forum_needs: bool = True) -> TestClient:
    """The real application; somebody signed in, or nobody."""
    hub = Hub()
    board = Board(bench.book, bench.store.reader, demo=False, emit=hub.publish, utc_ms=lambda: bench.now_ms)
    board.load(bench.writer.projector)
    app = make_app(
        version="1", reader=bench.store.reader, book=bench.book, board=board, hub=hub, health=lambda: {"ok": True},
        metrics=dict, desk=desk(bench), forum_needs=forum_needs,
    )  # fmt: skip
    client = TestClient(app, follow_redirects=False)
    if name:
        sign_in(client, name)
    return client


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen in the morning: rice for two days, some use, a cook and a nutritionist."""
    store = open_store(stores())
    made = Bench(store, LARDER, now_ms=MORNING)
    hire(made, "sari")
    hire(made, "tono", "nutritionist")
    book_line(made, "beras", 190_000, MORNING - 9 * DAY)
    for days in (1, 2):
        book_line(made, "beras", -20_000, MORNING - days * DAY - 5 * HOUR, "prep")
    yield made
    made.writer.stop()
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A small phone's browser."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


def plan(bench: Bench) -> None:
    """Rice on two days, a dish with chicken, and one that nobody wrote down."""
    written(
        bench, recipe("Nasi", beras=8_000), recipe("Opor", ayam=9_000, telur=50), meal("2025-10-13", "Nasi"),
        meal("2025-10-14", "Nasi"), meal("2025-10-14", "Opor", 500), meal("2025-10-15", "Soto"),
    )  # fmt: skip


def next_morning(bench: Bench) -> None:
    """Thursday's rice was taken, and it is Friday: the last day to order for Monday."""
    book_line(bench, "beras", -20_000, MORNING - 5 * HOUR, "prep")
    bench.now_ms += DAY + HOUR


def test_items_say_how_long_they_last_and_that_it_is_an_estimate(kitchen: Bench) -> None:
    """Rice by menu and use; what was never booked is unknown, whatever is planned of it."""
    plan(kitchen)
    client = phone(kitchen)
    items = {item["id"]: item for item in client.get("/api/v1/items").json()["items"]}
    rice = items["beras"]
    assert {name: rice[name] for name in ("stock", "unit", "minimum", "state", "estimate", "basis")} == {
        "stock": 150_000, "unit": "g", "minimum": 20_000, "state": "lasts", "estimate": True, "basis": "plan+use",
    }  # fmt: skip
    # 20 kg each on Thursday to Sunday, as usual; 80 kg on Monday are ten too many.
    assert (rice["runs_out"], rice["days_left"], rice["order_by"]) == ("2025-10-13", 4, "2025-10-10")
    assert rice["earliest"] <= rice["runs_out"] <= rice["latest"]
    assert [(items[name]["stock"], items[name]["state"], items[name]["runs_out"]) for name in ("ayam", "telur")] == [
        (None, "unknown", None)
    ] * 2
    assert [item["id"] for item in client.get("/api/v1/items?state=unknown").json()["items"]] == ["ayam", "telur"]
    one = client.get("/api/v1/items/beras").json()
    assert len(one["used"]) == 30
    assert [day for day in one["used"] if day["amount"]] == [
        {"day": "2025-10-08", "amount": 20_000}, {"day": "2025-10-07", "amount": 20_000},
    ]  # fmt: skip
    monday = next(day for day in one["ahead"] if day["day"] == "2025-10-13")
    assert (monday["planned"], monday["likely"], monday["least"], monday["most"]) == (80_000, 80_000, 72_000, 88_000)
    assert (monday["left"], monday["short"]) == (0, 10_000)
    assert client.get("/api/v1/items/ayam").json()["ahead"][0]["left"] is None
    for name in ("emas", "%00"):
        assert client.get(f"/api/v1/items/{name}").status_code in (404, 422)


def test_without_a_menu_the_forum_says_so(kitchen: Bench) -> None:
    """A sentence, and no empty frame."""
    forum = phone(kitchen).get("/forum").text
    assert "Belum ada menu" in forum
    assert 'class="rows needs"' not in forum


def test_needs_are_for_everybody_and_name_nobody(kitchen: Bench) -> None:
    """JSON and CSV of the same list; dishes without a recipe are told; no person is."""
    plan(kitchen)
    client = phone(kitchen)
    assert 'class="rows needs"' in client.get("/forum").text
    told = client.get("/api/v1/needs").json()
    rows = {row["item"]: row for row in told["items"]}
    assert [(row["item"], row["amount"], row["needed_for"], row["deliver_by"]) for row in told["items"]] == [
        ("beras", 90_000, "2025-10-13", "2025-10-12"), ("ayam", None, "2025-10-14", "2025-10-13"),
        ("telur", None, "2025-10-14", "2025-10-13"),
    ]  # fmt: skip
    assert (rows["ayam"]["planned"], rows["ayam"]["buy_from"]) == (45_000, "2025-10-12")
    assert (told["planned_days"], told["without_recipe"], told["next"]) == (3, ["Soto"], None)
    assert client.get("/api/v1/needs?days=4").json()["items"] == []
    answer = client.get("/api/v1/needs?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["item"], row["amount"], row["deliver_by"]) for row in table] == [
        ("beras", "90000", "2025-10-12"), ("ayam", "", "2025-10-13"), ("telur", "", "2025-10-13"),
    ]  # fmt: skip
    for wrong in ("days=0", "days=31", "format=xml"):
        assert client.get(f"/api/v1/needs?{wrong}").status_code == 422
    everything = "".join(client.get(f"/api/v1/{path}").text for path in ("items", "needs", "menu", "recipes"))
    assert "tono" not in everything


def test_a_cell_of_the_csv_is_never_a_formula(kitchen: Bench) -> None:
    """Whatever an item is called in the configuration."""
    named = [msgspec.structs.replace(LARDER.settings.items[0], name="=cmd|'/c calc'!A1"), *LARDER.settings.items[1:]]
    kitchen.book = Rulebook(settings=msgspec.structs.replace(LARDER.settings, items=named), profile=LARDER.profile)
    plan(kitchen)
    row = next(csv.DictReader(io.StringIO(phone(kitchen).get("/api/v1/needs?format=csv").text)))
    assert row["name"] == "'=cmd|'/c calc'!A1"
    assert csv_text(("a", "b"), [("+1", -1), (None, 0), ("@x", 'say "no"'), ("-2", "a-b")]) == (
        'a,b\r\n\'+1,-1\r\n,0\r\n\'@x,"say ""no"""\r\n\'-2,a-b\r\n'
    )


def test_the_api_writes_recipes_and_the_menu(kitchen: Bench) -> None:
    """By the nutritionist; the same sent twice is one; what is no act is named; a cook and a stranger may not."""
    client = phone(kitchen, "tono")
    said: dict[str, Any] = {"id": "a" * 16, "dish": "Nasi", "ingredients": [{"item": "beras", "amount": 8_000}],
                            "cooked_g": 180}  # fmt: skip
    answer = client.post("/api/v1/recipes", json=said, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    assert client.post("/api/v1/recipes", json=said, headers=ORIGIN).json() == answer.json()
    more = {**said, "id": "b" * 16, "dish": "nasi ", "ingredients": [{"item": "beras", "amount": 9_000}]}
    assert client.post("/api/v1/recipes", json=more, headers=ORIGIN).status_code == 200
    (newest,) = client.get("/api/v1/recipes").json()["items"]
    assert newest["ingredients"] == [{"item": "beras", "name": "Beras", "unit": "g", "amount": 9_000}]
    assert (newest["portions"], newest["cooked_g"]) == (100, 180.0)
    versions = client.get("/api/v1/recipes?dish=NASI").json()["items"]
    assert [(one["id"], one["newest"]) for one in versions] == [("b" * 16, True), ("a" * 16, False)]
    planned = {"id": "c" * 16, "day": "2025-10-10", "wave": "1", "dish": "Nasi", "portions": 1_000}
    assert client.post("/api/v1/menu", json=planned, headers=ORIGIN).json()["id"] == "c" * 16
    assert client.get("/api/v1/menu").json()["items"] == [{**planned, "recipe": True}]
    assert client.get("/api/v1/menu?since=2025-10-11").json()["items"] == []
    assert client.get("/api/v1/menu?since=9998-11-30&days=92").status_code == 200
    dropped = client.post(f"/api/v1/menu/{'c' * 16}/drop", json={"id": "d" * 16}, headers=ORIGIN)
    assert dropped.status_code == 200
    assert client.get("/api/v1/menu").json()["items"] == []
    for path, wrong, status in (
        ("recipes", {**said, "id": "e" * 16, "ingredients": []}, 422),
        ("recipes", {**said, "id": "e" * 16, "x": 1}, 422),
        ("recipes", {**said, "id": "e" * 16, "ingredients": [{"item": "emas", "amount": 1}]}, 409),
        ("menu", {**planned, "id": "e" * 16, "portions": 0}, 422), ("menu", {**planned, "dish": "Soto"}, 409),
        (f"menu/{'f' * 16}/drop", {"id": "e" * 16}, 409),
    ):  # fmt: skip
        assert client.post(f"/api/v1/{path}", json=wrong, headers=ORIGIN).status_code == status, (path, wrong)
    sign_in(client, "sari")
    assert client.post("/api/v1/menu", json={**planned, "id": "e" * 16}, headers=ORIGIN).status_code == 403
    client.cookies.clear()
    assert client.post("/api/v1/menu", json={**planned, "id": "e" * 16}, headers=ORIGIN).status_code == 401


def test_the_nutritionist_plans_and_sees_at_once_what_is_missing(kitchen: Bench) -> None:
    """A recipe by its page, a meal by its page, the shortage on the same page; a double tap is one; and it is gone."""
    client = phone(kitchen, "tono")
    empty = client.get("/staff/menu").text
    assert "Belum ada menu untuk 7 hari ke depan" in empty
    dish = {"token": "r", "dish": "Nasi", "item0": "beras", "amount0": "8,5", "item3": "telur", "amount3": "30",
            "cooked": "180"}  # fmt: skip
    assert client.post("/staff/recipes", data=dish, headers=ORIGIN).status_code == 303
    listed = client.get("/staff/recipes").text
    assert "Beras 8,50 kg · Telur 30 buah" in listed
    begun = client.get("/staff/recipes?dish=nasi").text
    assert 'value="8,5"' in begun
    assert 'value="30"' in begun
    typed = {"token": "t", "do": "plan", "day": "2025-10-13", "wave": "1", "dish": "Nasi", "portions": "3.000"}
    for _ in range(2):
        assert client.post("/staff/menu", data=typed, headers=ORIGIN).status_code == 303
    assert kitchen.rows("SELECT portions FROM menu") == [(3_000,)]
    page = client.get("/staff/menu").text
    assert "Nasi · 3.000 porsi · gelombang 1" in page
    assert "185,00 kg" in page, "255 kg planned, 70 left by then"
    assert "sampai 900 buah" in page
    assert client.post("/staff/menu", data={**typed, "token": "u", "dish": "Soto"}, headers=ORIGIN).status_code == 303
    page = client.get("/staff/menu").text
    assert "Belum ada resep untuk Soto" in page
    assert 'href="/staff/recipes?dish=Soto"' in page
    english = client.get("/staff/menu?lang=en").text
    assert "Missing for the menu" in english
    client.get("/staff/menu?lang=id")
    ((name,),) = kitchen.rows("SELECT id FROM menu WHERE dish = 'Nasi'")
    away = {"token": "v", "do": "drop", "menu": str(name)}
    assert client.post("/staff/menu", data=away, headers=ORIGIN).status_code == 303
    assert "185,00 kg" not in client.get("/staff/menu").text
    again = client.post("/staff/menu", data={**away, "token": "w"}, headers=ORIGIN)
    assert again.status_code == 409
    assert "sudah dibatalkan" in again.text


def test_a_long_recipe_keeps_all_its_ingredients_on_the_page(kitchen: Bench) -> None:
    """One that the API wrote with as many as an act holds is begun with all of them, and nothing is lost when saved."""
    spices = [Item(id=f"bumbu-{number}", name=f"Bumbu {number}") for number in range(40)]
    book = msgspec.structs.replace(kitchen.book, settings=msgspec.structs.replace(kitchen.book.settings, items=spices))
    kitchen.writer.submit("config", encode(book.settings))
    written(kitchen, recipe("Rendang", **{one.id: 1_000 + number for number, one in enumerate(spices)}))
    kitchen.book = book
    client = phone(kitchen, "tono")
    page = client.get("/staff/recipes?dish=rendang").text
    begun = {f"{name}{row}" for name in ("item", "amount") for row in range(40)}
    assert begun <= set(re.findall(r'name="(\w+)"', page))
    typed = {"dish": "Rendang", "token": "t"}
    for row, one in enumerate(spices):
        typed |= {f"item{row}": one.id, f"amount{row}": f"{1_000 + row}"}
    assert client.post("/staff/recipes", data=typed, headers=ORIGIN).status_code == 303
    with kitchen.store.reader.connect() as connection:
        assert len(recipes_of(connection, "dapur-uji")["rendang"]) == 40


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        (
            "menu",
            {"do": "plan", "day": "2025-10-13", "wave": "1", "dish": "Nasi", "portions": "banyak"},
            "tidak terbaca",
        ),
        ("menu", {"do": "plan", "day": "2025-10-01", "wave": "1", "dish": "Nasi", "portions": "9"}, "sudah lewat"),
        ("recipes", {"dish": "Nasi"}, "paling sedikit satu"),
        ("recipes", {"dish": "Nasi", "item0": "beras"}, "baris yang sama"),
        ("recipes", {"dish": "Nasi", "item0": "beras", "amount0": "0"}, "Isian belum benar"),
    ],
)
def test_what_cannot_be_is_told_beside_the_form(kitchen: Bench, path: str, data: dict[str, str], why: str) -> None:
    """With what was typed."""
    client = phone(kitchen, "tono")
    answer = client.post(f"/staff/{path}", data={**data, "token": "t"}, headers=ORIGIN)
    assert answer.status_code in (409, 422)
    assert why in answer.text
    assert 'value="Nasi"' in answer.text


def test_the_pages_are_for_their_people(kitchen: Bench) -> None:
    """A cook reads the needs and plans nothing; a stranger signs in first."""
    client = phone(kitchen, "sari")
    assert client.get("/staff/needs").status_code == 200
    for path in ("/staff/menu", "/staff/recipes"):
        assert client.get(path).status_code == 403
        assert path not in client.get("/staff/needs").text
    client.cookies.clear()
    for path in ("/staff/menu", "/staff/recipes", "/staff/needs"):
        assert client.get(path).headers["location"] == f"/staff/login?next={path}"


def test_the_needs_page_shows_the_unknown_as_unknown(kitchen: Bench) -> None:
    """What is low comes first, then what nobody knows; nothing of it is called enough."""
    plan(kitchen)
    next_morning(kitchen)
    page = phone(kitchen, "sari").get("/staff/needs").text
    places = [page.index(f'data-item="{name}" data-stock="{state}"')
              for name, state in (("beras", "low"), ("ayam", "unknown"), ("telur", "unknown"))]  # fmt: skip
    assert places == sorted(places)
    assert "perkiraan: kurang mulai" in page
    assert "Pesan" in page
    assert ">cukup<" not in page


def test_what_is_ordered_is_told_beside_what_is_there(kitchen: Bench) -> None:
    """Nobody takes an order for stock: page and API tell it as its own figure."""
    seller = SetSupplier(id=new_id(), by=MACHINE, supplier="jaya", name="Jaya")
    coming = PlaceOrder(id=new_id(), by=MACHINE, supplier="jaya", item="beras", amount=25_000, due="2025-10-10")
    written(kitchen, seller, coming)
    client = phone(kitchen, "sari")
    rice = client.get("/api/v1/items/beras").json()
    assert (rice["stock"], rice["ordered"]) == (150_000, 25_000)
    assert "150,00 kg · dipesan 25,00 kg" in client.get("/staff/needs").text


def test_low_stock_is_an_incident_that_people_can_read_and_settle(kitchen: Bench) -> None:
    """With its item's name, what to do, and as stock, not as a broken sensor."""
    plan(kitchen)
    next_morning(kitchen)
    kitchen.until(lambda: kitchen.value("SELECT count(*) FROM incident WHERE kind = 'stock'") != 0, "the clock")
    client = phone(kitchen, "tono")
    (told,) = client.get("/api/v1/incidents?kind=stock").json()["items"]
    assert (told["name"], told["text"], told["severity"], told["sensor"]) == (
        "Beras",
        "Stok menipis",
        "warning",
        "beras",
    )
    assert 'incident-kind">Stok<' in client.get("/forum").text
    assert "Stok menipis" in client.get("/forum").text
    about = {"id": "a" * 16, "cause": "Pemasok terlambat", "action": "Sudah dipesan", "disposition": "none"}
    settled = client.get("/staff").text
    assert "Beras" in settled
    done = client.post(f"/api/v1/incidents/{told['id']}/settle", json=about, headers=ORIGIN)
    assert done.status_code == 200, done.text


def test_the_forum_shows_needs_only_where_the_kitchen_wants_it(kitchen: Bench) -> None:
    """Off unless it is configured; at most a minute old; in both languages; without anybody's name."""
    plan(kitchen)
    assert "Yang dibutuhkan" not in phone(kitchen, forum_needs=False).get("/forum").text
    client = phone(kitchen)
    page = client.get("/forum").text
    for words in ("Yang dibutuhkan", "Beras", "90,00 kg", "untuk Sen 13 Okt, tiba paling lambat Min 12 Okt",
                  "sampai 45,00 kg", "stok belum dibukukan", "Belum ada resep untuk Soto"):  # fmt: skip
        assert words in page
    assert "tono" not in page
    written(kitchen, meal("2025-10-13", "Nasi", 2_000))
    assert "90,00 kg" in client.get("/forum").text
    kitchen.now_ms += 60_000
    assert "170.00 kg" in client.get("/forum?lang=en").text
    assert "What is needed" in client.get("/forum").text


@pytest.mark.browser
@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/staff/menu", "/staff/recipes", "/staff/needs", "/forum"])
def test_the_pages_fit_a_small_phone(browser: Browser, kitchen: Bench, path: str) -> None:
    """360 px wide, nothing to scroll sideways, with long names and both languages."""
    written(kitchen, recipe("Nasi-kuning-dengan-bumbu-rempah-lengkap-sekali", beras=8_000))
    plan(kitchen)
    written(kitchen, meal("2025-10-13", "Sayur-asam-dengan-kacang-panjang-dan-jagung-muda", 2_999))
    client = phone(kitchen, "tono")
    page = browser.new_page(viewport={"width": 360, "height": 740})
    for lang in ("id", "en"):
        html = client.get(f"{path}?lang={lang}").text
        for sheet in ("states", "forum", "staff"):
            html = html.replace("</head>", f"<style>{client.get(f'/static/{sheet}.css').text}</style></head>")
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
