"""Suppliers, orders and receiving in the record: who may write, what is refused, what is derived, and over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import BOOK, Bench, NewAddress
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import phone

from pawon_server.acts import AnyAct, decode_act
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, ReceiveLot
from pawon_server.people.act import ROLES, new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.receipts import judge_act
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Item, Rulebook
from pawon_server.stock.purchase_acts import CancelOrder, PlaceOrder, SetSupplier
from pawon_server.store.database import open_store, open_to_read

DAY_MS = 86_400_000
# 2025-10-09 in Jakarta, by the bench's clock.
TODAY, TOMORROW, YESTERDAY = "2025-10-09", "2025-10-10", "2025-10-08"
BARCODE = "(01)08991234567891(17)251231(3103)012500(10)AYM-0127"
KITCHEN: Rulebook = msgspec.structs.replace(
    BOOK,
    settings=msgspec.structs.replace(
        BOOK.settings,
        items=[
            Item(id="beras", name="Beras"), Item(id="ayam", name="Ayam", shelf_life_days=2, gtin=("8991234567891",)),
            Item(id="daging", name="Daging", halal=True), Item(id="telur", name="Telur", unit="piece", unit_g=60.0),
        ],
    ),
)  # fmt: skip


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """A kitchen with one supplier and its people."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    for name, role in zip(("sari", "tono", "wulan"), ROLES, strict=True):
        hire(made, name, role)
    assert isinstance(write(made, seller()), Written)
    yield made
    made.writer.stop()
    store.close()


def seller(**other: Any) -> SetSupplier:
    """Ayam Jaya, by the nutritionist."""
    said = {"id": new_id(), "by": "tono", "supplier": "jaya", "name": "Ayam Jaya", "phone": "0812 3456", **other}
    return SetSupplier(**said)


def order(**other: Any) -> PlaceOrder:
    """Twenty kilograms of chicken for tomorrow's meal, to come today."""
    said: dict[str, Any] = {"id": new_id(), "by": "tono", "supplier": "jaya", "item": "ayam", "amount": 20_000,
                            "due": TODAY, "for_days": (TOMORROW,), **other}  # fmt: skip
    return PlaceOrder(**said)


def receipt(bench: Bench, **other: Any) -> ReceiveLot:
    """A cold delivery of it, exactly as ordered."""
    said: dict[str, Any] = {
        "id": new_id(), "by": "sari", "item": "ayam", "supplier": "ayam jaya", "amount": 20_000,
        "point": "receiving-chilled", "temperature_c": 3.0, "place": "lantai", "at_ms": bench.now_ms,
        "expires": "2025-10-12", **other,
    }  # fmt: skip
    return ReceiveLot(**said)


def done(bench: Bench, act: AnyAct) -> AnyAct:
    """Write it; it must be accepted."""
    answer = write(bench, act)
    assert isinstance(answer, Written), answer
    return act


def why(bench: Bench, act: AnyAct) -> str:
    """Why it is refused."""
    answer = write(bench, act)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def codes(bench: Bench, act: ReceiveLot) -> list[str]:
    """What the record found about a receipt."""
    raw = bench.value("SELECT findings FROM lot WHERE act = :act", act=act.id)
    return [one["code"] for one in msgspec.json.decode(str(raw))]


MADE: list[AnyAct] = [
    seller(), order(), CancelOrder(id=new_id(), by="", order="f" * 16, reason="hujan")
]  # fmt: skip


@pytest.mark.parametrize("act", MADE, ids=lambda act: str(type(act).__name__))
@pytest.mark.parametrize(("name", "may"), [("sari", False), ("tono", True), ("wulan", True), ("asing", False)])
def test_who_may_write(kitchen: Bench, act: AnyAct, name: str, may: bool) -> None:
    """Buying is the nutritionist's and the head's; everybody at the door receives."""
    answer = write(kitchen, msgspec.structs.replace(act, id=new_id(), by=name))
    forbidden = isinstance(answer, Refusal) and answer.status == 403
    assert forbidden is not may
    if name == "sari":
        assert isinstance(write(kitchen, receipt(kitchen)), Written)


def test_a_supplier_is_one_and_known_by_its_name(kitchen: Bench) -> None:
    """It changes as a whole; another one cannot take its name or its id as a name; nonsense is refused in words."""
    done(kitchen, seller(name="Ayam Jaya Abadi", blocked="dua kali kurang"))
    ask = "SELECT name, phone, blocked FROM supplier"
    assert kitchen.rows(ask) == [("Ayam Jaya Abadi", "0812 3456", "dua kali kurang")]
    for wrong in (
        {"name": "  "},
        {"name": " AYAM  jaya abadi"},
        {"name": "jaya"},
        {"items": ("emas",)},
        {"halal_until": "2025-02-30"},
    ):
        assert why(kitchen, seller(**{"supplier": "lain", "name": "Lain", **wrong})), wrong
    assert kitchen.value("SELECT count(*) FROM supplier") == 1


def test_what_cannot_be_ordered(kitchen: Bench) -> None:
    """Of nobody, of nothing, for yesterday, for a meal before it comes, or of somebody who is blocked."""
    wrong: list[dict[str, Any]] = [
        {"supplier": "lain"}, {"item": "emas"}, {"due": YESTERDAY}, {"due": "2025-02-30"}, {"due": "2027-01-01"},
        {"for_days": (YESTERDAY,)}, {"due": TOMORROW, "for_days": (TODAY,)}, {"for_days": ("2025-13-01",)},
    ]  # fmt: skip
    assert len({why(kitchen, order(**said)) for said in wrong}) >= 6
    done(kitchen, seller(blocked="bau"))
    assert "bau" in why(kitchen, order())
    assert kitchen.value("SELECT count(*) FROM purchase") == 0
    assert why(kitchen, CancelOrder(id=new_id(), by="tono", order="f" * 16, reason="x")) == "Pesanan ini tidak dikenal"


def test_what_is_found_stands_with_the_lot_and_follows_corrections(kitchen: Bench) -> None:
    """Short of note and order until somebody corrects the weight; the supplier is remembered under its id."""
    placed = done(kitchen, order())
    act = receipt(kitchen, order=placed.id, noted=20_000, amount=19_000)
    assert "tulis alasan" in why(kitchen, act)
    act = msgspec.structs.replace(act, id=new_id(), despite="dipotong di nota", barcode=BARCODE, gtin="8991234567891")
    done(kitchen, act)
    assert codes(kitchen, act) == ["short", "order-short"]
    ask = "SELECT seller, purchase, noted, gtin, despite, barcode, expires, expires_from FROM lot"
    assert kitchen.rows(ask) == [
        ("jaya", placed.id, 20_000, "8991234567891", "dipotong di nota", BARCODE, "2025-10-12", "label")
    ]
    about = {"lot": lot_id(act, "Asia/Jakarta"), "corrects": act.id, "by": "tono", "reason": "salah timbang"}
    done(kitchen, CorrectLot(id=new_id(), **about, amount=20_000))
    assert codes(kitchen, act) == []
    # A second delivery of the same order is too much, the first one without it is not.
    more = receipt(kitchen, order=placed.id, amount=5_000)
    done(kitchen, more)
    assert codes(kitchen, more) == ["order-over"]
    done(kitchen, CorrectLot(id=new_id(), **about, temperature_c=2.0))
    assert codes(kitchen, act) == ["order-over"]


def test_another_item_does_not_fill_an_order(kitchen: Bench) -> None:
    """Eggs instead of chicken were accepted for a reason; two hundred pieces are no chicken that came."""
    placed = done(kitchen, order(amount=200))
    done(kitchen, receipt(kitchen, order=placed.id, item="telur", amount=200, point="", despite="ayam habis"))
    (item,) = phone(kitchen).get("/api/v1/orders").json()["items"]
    assert (item["state"], item["came"]) == ("open", 0)
    came = receipt(kitchen, order=placed.id, amount=200)
    done(kitchen, came)
    assert codes(kitchen, came) == [], "nor is the chicken then too much"
    (item,) = phone(kitchen).get("/api/v1/orders").json()["items"]
    assert (item["state"], item["came"]) == ("received", 200)


def test_sent_back_needs_no_reason_and_counts_for_no_order(kitchen: Bench) -> None:
    """What was refused may be as bad as it likes; the order is still open."""
    placed = done(kitchen, order())
    done(kitchen, receipt(kitchen, order=placed.id, noted=20_000, amount=100, expires=YESTERDAY, accepted=False))
    (item,) = phone(kitchen).get("/api/v1/orders").json()["items"]
    assert (item["state"], item["came"]) == ("open", 0)


@pytest.mark.parametrize(
    ("said", "blocked"),
    [
        ({"item": "daging", "point": ""}, True), ({"item": "daging", "point": "", "halal": "yes"}, False),
        ({"expires": YESTERDAY}, True), ({"gtin": "8991234567891", "item": "beras", "point": ""}, True),
        ({"for_day": "2025-10-13"}, True), ({"for_day": "2025-10-11"}, False),
        ({"noted": 21_000}, True), ({"noted": 20_300}, False), ({"supplier": "siapa saja"}, False),
    ],
)  # fmt: skip
def test_acceptance_against_a_blocking_finding_asks_for_a_reason(
    kitchen: Bench, said: dict[str, Any], blocked: bool
) -> None:
    """By page and by API alike, and blanks are no reason; whoever gives one is written down with it."""
    answer = write(kitchen, receipt(kitchen, despite="  ", **said))
    assert isinstance(answer, Refusal) is blocked
    if blocked:
        done(kitchen, receipt(kitchen, despite="kepala dapur setuju", **said))
    assert kitchen.value("SELECT count(*) FROM lot") == 1


def test_what_a_receipt_cannot_say(kitchen: Bench) -> None:
    """A misread barcode, a day that no calendar has, an order that nobody placed."""
    wrong: list[dict[str, Any]] = [
        {"gtin": "8991234567892"}, {"produced": "2025-02-30"}, {"for_day": "2025-02-30"}, {"order": "f" * 16},
    ]  # fmt: skip
    assert len({why(kitchen, receipt(kitchen, **said)) for said in wrong}) == 3
    for field, value in (("barcode", "a\0b"), ("barcode", "x" * 301), ("gtin", "123"), ("halal", "maybe")):
        with pytest.raises(msgspec.ValidationError):
            decode_act(msgspec.json.encode(receipt(kitchen, **{field: value})))


def test_the_receiving_places_own_scale_decides_what_is_right(kitchen: Bench) -> None:
    """The division on its plate, finer or coarser than the usual one; without a plate or a scale the usual one."""
    for place, division_g, missing, expected in (
        ("terima", None, 20, False), ("terima", 5.0, 20, True), ("terima", 5.0, 5, False),
        ("terima", 50.0, 50, False), ("terima", 50.0, 51, True), ("lantai", 5.0, 20, False),
    ):  # fmt: skip
        sensors = [
            msgspec.structs.replace(one, division_g=division_g) if one.id == "scale-2" else one
            for one in KITCHEN.settings.sensors
        ]
        book = msgspec.structs.replace(KITCHEN, settings=msgspec.structs.replace(KITCHEN.settings, sensors=sensors))
        act = receipt(kitchen, amount=500, noted=500 + missing, place=place)
        with kitchen.store.reader.connect() as connection:
            codes_found = [one.code for one in judge_act(connection, book, act).blocking]
        assert (codes_found == ["short"]) is expected, (place, division_g, missing)


def test_a_lot_without_a_date_gets_one_of_its_class(kitchen: Bench) -> None:
    """What counts as its last day is in the table, marked as worked out; a later day of receipt moves it."""
    act = receipt(kitchen, expires="")
    done(kitchen, act)
    ask = "SELECT expires, expires_from FROM lot WHERE act = :act"
    assert kitchen.rows(ask, act=act.id) == [("2025-10-11", "shelf-life")]
    about = {"lot": lot_id(act, "Asia/Jakarta"), "corrects": act.id, "by": "tono", "reason": "salah hari"}
    done(kitchen, CorrectLot(id=new_id(), **about, at_ms=act.at_ms - DAY_MS))
    assert kitchen.rows(ask, act=act.id) == [("2025-10-10", "shelf-life")]
    rice = receipt(kitchen, item="beras", point="", expires="")
    done(kitchen, rice)
    assert kitchen.rows(ask, act=rice.id) == [("", "")]


def test_everything_is_derived_again(kitchen: Bench, tmp_path: Path) -> None:
    """A rebuild finds the same suppliers, orders and findings, whatever changed in between."""
    placed = done(kitchen, order())
    done(kitchen, receipt(kitchen, order=placed.id, noted=21_000, despite="nota salah"))
    done(kitchen, seller(halal_until="2026-01-01", items=("beras",)))
    done(kitchen, CancelOrder(id=new_id(), by="wulan", order=placed.id, reason="cukup"))
    done(kitchen, receipt(kitchen, order=placed.id, despite="sudah di jalan"))
    result = rebuild(open_to_read(kitchen.store.address), "dapur-uji", tmp_path)
    assert [table for table in result.tables if not table.same] == []


def test_acts_keep_their_shape() -> None:
    """What is in the journals of kitchens can be read for ever."""
    assert decode_act(
        b'{"act":"supplier.set","id":"0123456789abcdef","by":"tono","supplier":"jaya","name":"Ayam Jaya"}'
    ) == SetSupplier(id="0123456789abcdef", by="tono", supplier="jaya", name="Ayam Jaya")
    assert decode_act(
        b'{"act":"order.place","id":"0123456789abcdef","by":"tono","supplier":"jaya","item":"ayam","amount":5,'
        b'"due":"2025-10-09"}'
    ) == PlaceOrder(id="0123456789abcdef", by="tono", supplier="jaya", item="ayam", amount=5, due="2025-10-09")
    assert decode_act(
        b'{"act":"order.cancel","id":"0123456789abcdef","by":"tono","order":"0123456789abcdee","reason":"hujan"}'
    ) == CancelOrder(id="0123456789abcdef", by="tono", order="0123456789abcdee", reason="hujan")


# --- over HTTP ------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """A phone of the nutritionist."""
    made = phone(kitchen)
    sign_in(made, "tono")
    return made


def test_an_order_over_http_from_placing_to_cancelling(kitchen: Bench, client: TestClient) -> None:
    """Open, partly, late, received by what came; cancelled in the end; twice the same is one."""
    body = {"id": "a" * 16, "supplier": "jaya", "item": "ayam", "amount": 20_000, "due": TODAY, "for_days": [TOMORROW]}
    answer = client.post("/api/v1/orders", json=body, headers=ORIGIN)
    assert answer.status_code == 200, answer.text
    assert client.post("/api/v1/orders", json=body, headers=ORIGIN).json() == answer.json()
    told = answer.json()
    assert (told["state"], told["came"], told["supplier_name"], told["for_days"]) == (
        "open",
        0,
        "Ayam Jaya",
        [TOMORROW],
    )

    def state() -> tuple[str, int]:
        (item,) = client.get("/api/v1/orders?supplier=jaya&item=ayam").json()["items"]
        return item["state"], item["came"]

    done(kitchen, receipt(kitchen, order="a" * 16, amount=8_000))
    assert state() == ("partly", 8_000)
    kitchen.now_ms += DAY_MS
    assert state() == ("late", 8_000)
    done(kitchen, receipt(kitchen, order="a" * 16, amount=11_700))
    assert state() == ("received", 19_700)
    sign_in(client, "tono")  # a session lasts for a shift
    gone = client.post(f"/api/v1/orders/{'a' * 16}/cancel", json={"id": "b" * 16, "reason": "cukup"}, headers=ORIGIN)
    assert (gone.status_code, gone.json()["state"]) == (200, "cancelled")
    again = client.post(f"/api/v1/orders/{'a' * 16}/cancel", json={"id": "c" * 16, "reason": "x"}, headers=ORIGIN)
    assert again.status_code == 409
    for wrong, status in (({**body, "id": "d" * 16, "price": 5}, 422), ({**body, "id": "d" * 16, "amount": 0}, 422),
                          ({**body, "id": "d" * 16, "item": "emas"}, 409), ([], 422)):  # fmt: skip
        assert client.post("/api/v1/orders", json=wrong, headers=ORIGIN).status_code == status, wrong
    client.cookies.clear()
    assert client.post("/api/v1/orders", json={**body, "id": "e" * 16}, headers=ORIGIN).status_code == 401
    assert client.post("/api/v1/orders", json=body).status_code == 403


def test_nobodys_number_is_public(kitchen: Bench) -> None:
    """Whoever writes a mobile number into a note has not published it; a lot's code keeps its digits."""
    placed = done(kitchen, order(note="telp 0812-3456-7890 atau +62 813 1111 2222, 20 kg jam 04.30"))
    done(kitchen, receipt(kitchen, note="SJ-0812345678", code="081234567890", despite="ok 081234567890"))
    stranger = phone(kitchen)
    assert stranger.get("/api/v1/orders").json()["items"][0]["note"] == (
        "telp nomor telepon atau nomor telepon, 20 kg jam 04.30"
    )
    (lot,) = stranger.get("/api/v1/lots").json()["items"]
    assert (lot["note"], lot["code"], lot["despite"]) == ("SJ-0812345678", "081234567890", "ok nomor telepon")
    kept = f"SELECT note FROM purchase WHERE id = '{placed.id}'"
    assert "0812-3456-7890" in str(kitchen.value(kept)), "the record keeps it"


def test_suppliers_over_http_with_their_record(kitchen: Bench, client: TestClient) -> None:
    """Deliveries, short in g and %, on time, too warm, refused; older ones by name; phones only for the kitchen."""
    placed = done(kitchen, order())
    done(kitchen, receipt(kitchen, order=placed.id, noted=20_200))
    done(kitchen, receipt(kitchen, temperature_c=9.0, accepted=False))
    done(kitchen, receipt(kitchen, supplier="Tani Makmur", item="beras", point="", noted=20_000))
    kitchen.now_ms += 2 * DAY_MS
    late = done(kitchen, order(due="2025-10-11", for_days=()))
    kitchen.now_ms += DAY_MS
    done(kitchen, receipt(kitchen, order=late.id))
    sign_in(client, "tono")  # a session lasts for a shift
    body = {"id": "f" * 16, "supplier": "tani", "name": "Tani Makmur", "phone": "021", "blocked": "beras kotor",
            "halal_number": "ID-1", "halal_until": TODAY, "items": ["beras"]}  # fmt: skip
    assert client.post("/api/v1/suppliers", json=body, headers=ORIGIN).json()["supplier"] == "tani"
    jaya, tani = client.get("/api/v1/suppliers").json()["items"]
    assert (jaya["id"], jaya["phone"], jaya["halal_valid"]) == ("jaya", "0812 3456", None)
    assert jaya["record"] == {
        "days": 90, "deliveries": 3, "refused": 1, "too_warm": 1, "ordered": 2, "on_time": 1, "noted_g": 20_200,
        "short_g": 200, "short_percent": 0.99, "blocking": 0,
    }  # fmt: skip
    assert (tani["record"]["deliveries"], tani["halal_valid"], tani["blocked"]) == (1, False, True)
    assert client.get("/api/v1/suppliers?days=1").json()["items"][0]["record"]["deliveries"] == 1
    one = client.get("/api/v1/suppliers/jaya").json()
    assert len(one["newest"]) == 3
    (short,) = [lot for lot in one["newest"] if lot["noted"]]
    assert [(found["code"], found["text_id"], found["text_en"]) for found in short["findings"]] == [
        ("short-noted", "Kurang 0,20 kg (1,0 %) dari surat jalan.", "0.20 kg (1.0 %) less than the delivery note.")
    ]
    assert client.get("/api/v1/suppliers/lain").status_code == 404
    client.cookies.clear()
    for path in ("/api/v1/suppliers", "/api/v1/suppliers/tani", "/api/v1/orders", "/api/v1/lots", "/forum"):
        page = client.get(path).text
        assert "0812" not in page, path
        assert "beras kotor" not in page, path


def test_what_a_barcode_says_over_http(client: TestClient) -> None:
    """The item, its lot, expiry and weight, for whoever fills in a form; problems are told beside them."""
    told = client.get("/api/v1/gs1", params={"text": BARCODE}).json()
    assert {key: told[key] for key in ("item", "code", "amount", "unit", "expires", "gtin", "problems")} == {
        "item": "ayam", "code": "AYM-0127", "amount": 12_500, "unit": "g", "expires": "2025-12-31",
        "gtin": "08991234567891", "problems": [],
    }  # fmt: skip
    scanned = client.get("/api/v1/gs1", params={"text": "]C1010899123456789110AYM\x1d3012"}).json()
    assert (scanned["item"], scanned["code"], scanned["count"]) == ("ayam", "AYM", 12)
    wrong = client.get("/api/v1/gs1", params={"text": "(01)08991234567892(10)A"}).json()
    assert (wrong["item"], wrong["code"]) == (None, "A")
    assert wrong["problems"] == [{"at": 0, "code": "check-digit", "ai": "01"}]
    assert client.get("/api/v1/gs1", params={"text": "a\0"}).status_code == 422
    assert client.get("/api/v1/gs1").status_code == 422
