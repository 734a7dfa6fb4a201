"""Receiving, orders and suppliers on a phone: what fills in the form, what is asked before saving, who sees what."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import Bench
from tests.server.desk import ORIGIN, sign_in
from tests.server.phone import phone
from tests.server.test_purchases import BARCODE, TODAY, TOMORROW, YESTERDAY, done, kitchen, order, receipt, seller

__all__ = ["kitchen"]

TYPED = {
    "token": "t", "item": "ayam", "supplier": "Ayam Jaya", "amount": "20", "point": "receiving-chilled",
    "temperature": "3", "place": "chiller-a", "expires": "2025-10-12",
}  # fmt: skip


def signed_in(bench: Bench, name: str) -> TestClient:
    """A phone of somebody."""
    made = phone(bench)
    sign_in(made, name)
    return made


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """A phone of whoever is at the door."""
    return signed_in(kitchen, "sari")


def filled(page: str) -> dict[str, str]:
    """What stands in the fields of the receiving form, and which buttons are chosen."""
    form = page[page.index('id="receive"') : page.index("</form>", page.index('id="receive"'))]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        said = {name: html.unescape(value) for name, value in re.findall(r'([a-z]+)="([^"]*)"', tag)}
        if said.get("type") != "radio" or tag.endswith(" checked>"):
            found[said["name"]] = said.get("value", "")
    return found


def post(client: TestClient, path: str = "/staff/lots", **typed: Any) -> Any:
    """Send a form."""
    return client.post(path, data=typed, headers=ORIGIN)


def test_a_barcode_fills_in_the_form(client: TestClient) -> None:
    """Item, lot code, expiry and weight of the label; without a script, and what is unreadable is said."""
    page = client.get("/staff/lots", params={"barcode": BARCODE}).text
    fields = filled(page)
    assert {name: fields[name] for name in ("item", "code", "amount", "expires", "gtin", "barcode")} == {
        "item": "ayam", "code": "AYM-0127", "amount": "12,5", "expires": "2025-12-31", "gtin": "08991234567891",
        "barcode": BARCODE,
    }  # fmt: skip
    told = page[page.index('id="scanned"') : page.index('id="receive"')]
    for words in ("Ayam", "kode lot AYM-0127", "kedaluwarsa 31 Des 2025", "berat 12,50 kg menurut label"):
        assert words in told
    scanned = client.get("/staff/lots", params={"barcode": "]C101089912345678911025\x1d17251231"}).text
    assert (filled(scanned)["code"], filled(scanned)["expires"]) == ("25", "2025-12-31")
    wrong = client.get("/staff/lots", params={"barcode": "8991234567892"}).text
    assert "tidak terbaca" in wrong
    assert "item" not in filled(wrong)
    stranger = client.get("/staff/lots", params={"barcode": "6291041500213"}).text
    assert "belum terdaftar: 06291041500213" in stranger
    assert "gtin" in filled(stranger)
    assert "yang dikenal" in client.get("/staff/lots", params={"barcode": "(21)S-1"}).text
    assert "yang dikenal" in client.get("/staff/lots", params={"barcode": "(21)S-1\0"}).text


@pytest.mark.parametrize("text", ["[)>\x1e06\x1dP1\x04", "bukan barcode é", "\x1d10A\x1d", "x" * 400])
def test_a_barcode_that_says_nothing_keeps_nobody_from_saving(kitchen: Bench, client: TestClient, text: str) -> None:
    """What some other code holds is kept as it was, or left out when it is too long; the rest is typed."""
    fields = filled(client.get("/staff/lots", params={"barcode": text}).text)
    assert fields.get("barcode", "") == (text if len(text) <= 300 else "")
    assert post(client, **{**TYPED, **{name: value for name, value in fields.items() if name == "barcode"}})
    assert kitchen.value("SELECT barcode FROM lot") == fields.get("barcode", "")


@pytest.mark.parametrize(
    ("label", "typed"), [("3100000012", "12"), ("3103001234", "1,234"), ("3102123456", "1234,56"), ("3103000000", "0")]
)
def test_a_labels_weight_is_typed_as_people_would(client: TestClient, label: str, typed: str) -> None:
    """To the gram, with a comma, without needless noughts."""
    page = client.get("/staff/lots", params={"barcode": f"]C10108991234567891{label}"}).text
    assert filled(page)["amount"] == typed


def test_an_order_is_tapped_and_answered(kitchen: Bench, client: TestClient) -> None:
    """The orders of today stand above the form; one tap fills it in; with a barcode the label has the last word."""
    placed = done(kitchen, order())
    far = done(kitchen, order(due="2025-10-20", for_days=()))
    page = client.get("/staff/lots").text
    assert f"?order={placed.id}" in page
    assert far.id not in page
    page = client.get("/staff/lots", params={"order": placed.id}).text
    fields = filled(page)
    assert {name: fields[name] for name in ("order", "item", "supplier", "for_day")} == {
        "order": placed.id, "item": "ayam", "supplier": "Ayam Jaya", "for_day": TOMORROW,
    }  # fmt: skip
    assert f'<input type="hidden" name="order" value="{placed.id}">' in page[: page.index('id="receive"')]
    both = filled(client.get("/staff/lots", params={"order": placed.id, "barcode": BARCODE}).text)
    assert (both["order"], both["code"]) == (placed.id, "AYM-0127")
    assert post(client, **{**TYPED, "order": placed.id, "for_day": TOMORROW}).status_code == 303
    assert kitchen.rows("SELECT purchase, for_day, seller FROM lot") == [(placed.id, TOMORROW, "jaya")]
    assert f"?order={placed.id}" not in client.get("/staff/lots").text
    assert client.get("/staff/lots", params={"order": "\0"}).status_code == 200


def test_a_form_that_is_sent_twice_is_one_delivery(kitchen: Bench, client: TestClient) -> None:
    """Although the first one has filled its order, the second tap asks nothing that could make a second lot."""
    placed = done(kitchen, order())
    typed = {**TYPED, "order": placed.id}
    assert [post(client, **typed).status_code for _ in range(2)] == [303, 303]
    assert kitchen.value("SELECT count(*) FROM lot") == 1
    more = post(client, **{**typed, "token": "another"})
    assert (more.status_code, filled(more.text)["seen"]) == (409, "order-over")


def test_findings_are_read_before_anything_is_saved(kitchen: Bench, client: TestClient) -> None:
    """Short weight is shown with what to do; accepting asks for the choice and for a reason; both are on the lot."""
    short = {**TYPED, "noted": "25"}
    asked = post(client, **short)
    assert asked.status_code == 409
    assert 'data-code="short" data-severity="blocking"' in asked.text
    assert "Kurang 5,00 kg (20,0 %) dari surat jalan: tertulis 25,00 kg, ditimbang 20,00 kg." in asked.text
    assert "Timbang ulang" in asked.text
    assert filled(asked.text)["noted"] == "25"
    seen = filled(asked.text)["seen"]
    assert seen == "short"
    unsaid = post(client, **short, decision="accept", seen=seen)
    assert unsaid.status_code == 409
    assert "tulis alasan" in unsaid.text
    assert kitchen.value("SELECT count(*) FROM lot") == 0
    assert post(client, **short, decision="accept", seen=seen, despite="dipotong di nota").status_code == 303
    (row,) = kitchen.rows("SELECT id, despite, noted, accepted FROM lot")
    assert (row[1], row[2], bool(row[3])) == ("dipotong di nota", 25_000, True)
    assert "diterima walaupun: dipotong di nota" in client.get("/staff/lots").text
    page = client.get(f"/staff/lots/{row[0]}").text
    for words in ("Temuan saat datang", "Kurang 5,00 kg", "dipotong di nota", "surat jalan 25,00 kg"):
        assert words in page
    assert "less than the delivery note" in client.get(f"/staff/lots/{row[0]}?lang=en").text


def test_what_was_not_read_is_asked_again(kitchen: Bench, client: TestClient) -> None:
    """A choice made for one finding is none for another that came with a changed form; sending back needs no reason."""
    asked = post(client, **{**TYPED, "expires": "", "point": "receiving-hot", "temperature": "70"})
    assert asked.status_code == 303  # the class gives chicken a date, and that is no question
    asked = post(client, **{**TYPED, "expires": "2025-10-10", "token": "u"})
    assert filled(asked.text)["seen"] == "short-life"
    again = post(client, **{**TYPED, "expires": YESTERDAY}, decision="accept", seen="short-life", despite="x")
    assert again.status_code == 409
    assert filled(again.text)["seen"] == "expired"
    back = post(client, **{**TYPED, "expires": YESTERDAY}, decision="reject", seen="short-life")
    assert back.status_code == 303
    assert kitchen.value("SELECT count(*) FROM lot WHERE NOT accepted") == 1


def test_what_cannot_be_read_is_told_in_words(client: TestClient) -> None:
    """An amount that is no number, a barcode that was misread, nothing at all: never an error page."""
    for wrong in ({"noted": "banyak"}, {"gtin": "8991234567892"}, {"noted": "0"}, {"amount": "-5"}, {"point": ""},
                  {"for_day": "2025-02-30"}, {"halal": "mungkin"}, {"barcode": "x" * 301},
                  {"order": "f" * 16}):  # fmt: skip
        answer = post(client, **{**TYPED, **wrong})
        assert answer.status_code in (409, 422), wrong
        assert 'role="alert"' in answer.text, wrong


def test_a_lots_page_says_that_its_date_was_reckoned(kitchen: Bench, client: TestClient) -> None:
    """Nobody takes it for the label's."""
    done(kitchen, receipt(kitchen, expires=""))
    (lot,) = kitchen.rows("SELECT id FROM lot")
    page = client.get(f"/staff/lots/{lot[0]}").text
    assert "kedaluwarsa 11 Okt 2025 (dihitung, tidak tertulis di label)" in page


def test_orders_are_placed_and_cancelled_on_the_page(kitchen: Bench) -> None:
    """By the nutritionist, for a range of serving days; staff see what is expected and cannot order."""
    client = signed_in(kitchen, "tono")
    typed = {"do": "place", "token": "o", "supplier": "jaya", "item": "ayam", "amount": "20,5", "due": TODAY,
             "first": TODAY, "last": "2025-10-11", "note": "potong 8"}  # fmt: skip
    assert post(client, "/staff/orders", **typed).status_code == 303
    (row,) = kitchen.rows("SELECT id, amount, for_days, note FROM purchase")
    assert row[1:] == (20_500, '["2025-10-09","2025-10-10","2025-10-11"]', "potong 8")
    page = client.get("/staff/orders").text
    for words in ("20,50 kg", "ditunggu", "9 Okt 2025 – 11 Okt 2025", f"/staff/lots?order={row[0]}"):
        assert words in page
    for wrong in ({"first": "2025-10-11", "last": TODAY}, {"last": "2026-10-11"}, {"amount": "x"}, {"supplier": ""},
                  {"due": YESTERDAY}, {"first": "x"}):  # fmt: skip
        answer = post(client, "/staff/orders", **{**typed, **wrong, "token": "p"})
        assert answer.status_code in (409, 422), wrong
        assert 'role="alert"' in answer.text, wrong
    staff = signed_in(kitchen, "sari")
    page = staff.get("/staff/orders").text
    assert "Sudah datang, terima" in page
    assert 'id="new"' not in page
    assert post(staff, "/staff/orders", **{**typed, "token": "q"}).status_code == 403
    do = f"cancel:{row[0]}"
    assert post(client, "/staff/orders", do=do, token="c", reason="hujan").status_code == 303
    assert post(client, "/staff/orders", do=do, token="d", reason="hujan").status_code == 409
    page = client.get("/staff/orders").text
    assert "hujan" in page
    assert 'data-state="cancelled"' in page
    assert client.get("/staff/lots", params={"order": row[0]}).status_code == 200


def test_suppliers_are_kept_on_the_page(kitchen: Bench) -> None:
    """A new one with its ticks, changed and blocked; a phone is a tap; staff look and cannot write."""
    client = signed_in(kitchen, "tono")
    typed = {"do": ":new", "token": "s", "supplier": "Tani", "name": "Tani Makmur", "phone": "0811-22",
             "halal_number": "ID-9", "halal_until": YESTERDAY, "item-beras": "1", "blocked": ""}  # fmt: skip
    assert post(client, "/staff/suppliers", **typed).status_code == 303
    ask = "SELECT id, name, items, blocked FROM supplier WHERE id = 'tani'"
    assert kitchen.rows(ask) == [("tani", "Tani Makmur", '["beras"]', "")]
    done(kitchen, receipt(kitchen, noted=20_200, temperature_c=9.0, accepted=False))
    page = client.get("/staff/suppliers").text
    for words in ('href="tel:081122"', "sertifikat halal habis 8 Okt 2025", "Belum ada barang datang.",
                  "1 kali datang, 1 ditolak", "berat kurang 0,20 kg (1,0 %)", "suhu di luar batas 1 kali"):  # fmt: skip
        assert words in page, words
    done(kitchen, receipt(kitchen, noted=20_000, amount=20_300))
    assert "berat sesuai surat jalan" in client.get("/staff/suppliers").text
    changed = {**typed, "do": "tani", "token": "t", "supplier": "tani", "blocked": "beras kotor"}
    del changed["item-beras"]
    assert post(client, "/staff/suppliers", **changed).status_code == 303
    assert kitchen.rows(ask) == [("tani", "Tani Makmur", "[]", "beras kotor")]
    assert "Diblokir: beras kotor" in client.get("/staff/suppliers").text
    taken = post(client, "/staff/suppliers", **{**typed, "supplier": "baru", "token": "u"})
    assert taken.status_code == 409
    assert 'value="Tani Makmur"' in taken.text[taken.text.index('id="new"') :]
    assert 'name="item-beras" value="1" checked' in taken.text[taken.text.index('id="new"') :]
    staff = signed_in(kitchen, "sari")
    assert 'id="new"' not in staff.get("/staff/suppliers").text
    assert post(staff, "/staff/suppliers", **{**typed, "token": "v"}).status_code == 403
    staff.cookies.clear()
    for path in ("/staff/suppliers", "/staff/orders"):
        assert staff.get(path).status_code == 303


def test_the_form_asks_for_a_certificate_where_one_is_needed(kitchen: Bench, client: TestClient) -> None:
    """Meat without a certificate that is known is a question; seen at the door it is none."""
    typed = {**TYPED, "item": "daging", "point": "dry", "temperature": ""}
    assert "Sertifikat halal dilihat?" in client.get("/staff/lots").text
    asked = post(client, **typed)
    assert asked.status_code == 409
    assert filled(asked.text)["seen"] == "halal-unknown"
    assert post(client, **typed, halal="yes").status_code == 303
    done(kitchen, seller(halal_until="2026-01-01"))
    assert post(client, **{**typed, "token": "w"}).status_code == 303
