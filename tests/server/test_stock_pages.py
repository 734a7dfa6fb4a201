"""Stock on a phone: two taps, no typing, blind counts, and sentences that help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.conftest import Bench, NewAddress
from tests.server.desk import ORIGIN, write
from tests.server.sender import Sender
from tests.server.stock_kitchen import KITCHEN, MINUTE, TRACE, Kitchen, post, tap

from pawon_contract.messages import Weighing
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import ReceiveLot
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Written
from pawon_server.rulebook import encode
from pawon_server.stock.gs1 import read_barcode
from pawon_server.store.database import open_store
from pawon_server.web.language import load_speeches
from pawon_server.web.lots_page import amount_of
from pawon_server.web.purchases_api import barcode_item
from pawon_server.web.stock_looks import typed_amount
from pawon_server.web.trace_picture import HEIGHT, WIDTH, draw
from pawon_server.web.view import Stock

STOCK, COUNT = "/staff/stock", "/staff/count"


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Kitchen]:
    """An empty book and four people."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    yield Kitchen(made)
    made.writer.stop()
    store.close()


def fields(page: str, form: str) -> dict[str, str]:
    """What the form of this id would send if its button was tapped: hidden fields and what is checked."""
    found = re.search(rf'<form[^>]*id="{form}".*?</form>', page, re.DOTALL)
    assert found is not None, page
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0]))
    return sent | dict(re.findall(r'<input type="radio" name="(\w+)" value="([^"]*)" checked', found[0]))


def state(kitchen: Kitchen, name: str) -> str:
    """What became of a movement."""
    return str(kitchen.movement(name)["state"])


# --- two taps -------------------------------------------------------------------------------------------------------


def test_a_weighing_is_confirmed_with_two_taps(kitchen: Kitchen) -> None:
    """It stands on top of the list with amount, place and age; one tap leads to it, the second books it from the lot
    that should go first; the balance is right on the page that follows and on the wall."""
    late = kitchen.lot("beras", 20_000, "gudang", 1, "2025-12-31")
    soon = kitchen.lot("beras", 20_000, "gudang", 2, "2025-10-20")
    name = kitchen.weigh("scale-1", 40_000, 34_800, 20, trace=TRACE)
    kitchen.bench.now_ms += 2 * MINUTE
    phone = kitchen.phone("sari")
    listed = phone.get(STOCK).text
    assert "5,20 kg Beras keluar" in listed
    assert "Gudang · 2 menit lalu" in re.sub(r"<[^>]*>", "", listed)
    (path,) = re.findall(rf'href="({STOCK}/gw-1[^"]*)"', listed)
    page = phone.get(path).text
    assert re.search(r'<polyline points="0\.0,[\d.]+ .*320\.0,', page)
    sent = fields(page, "right")
    assert sent["lot"] == soon
    assert phone.post(path, data=sent, headers=ORIGIN).headers["location"] == STOCK
    assert phone.post(path, data=sent, headers=ORIGIN).status_code == 303  # a double tap
    assert kitchen.stock("gudang", "beras") == 34_800
    told = kitchen.movement(name)
    assert (told["state"], told["lot"], [line["assumed"] for line in told["lines"]]) == ("confirmed", soon, [False] * 2)
    after = phone.get(STOCK).text
    assert "Tidak ada yang menunggu" in after
    assert after.index(f"{soon} · 14,80 kg") < after.index(f"{late} · 20,00 kg")
    kitchen.board.committed(kitchen.bench.changes[-1], kitchen.bench.writer.projector)
    event, stock = kitchen.events[-1]
    assert (event, isinstance(stock, Stock)) == ("stock", True)
    assert "34,80 kg" in kitchen.phone().get("/wall").text
    assert "menunggu konfirmasi" not in kitchen.phone().get("/forum").text.split('id="movements"')[1].split("</ul>")[0]


def test_of_several_lots_none_is_put_into_somebodys_mouth(kitchen: Kitchen) -> None:
    """Where the first lot is not enough, no lot is chosen beforehand: the book takes one after the other."""
    first = kitchen.lot("beras", 3_000, "gudang", 1, "2025-10-20")
    second = kitchen.lot("beras", 20_000, "gudang", 2, "2025-12-31")
    name = kitchen.weigh("scale-1", 23_000, 18_000, 10)
    phone = kitchen.phone("sari")
    sent = fields(phone.get(f"{STOCK}/{name}").text, "right")
    assert sent["lot"] == ""
    assert phone.post(f"{STOCK}/{name}", data=sent, headers=ORIGIN).status_code == 303
    taken = {line["lot"]: line["amount"] for line in kitchen.movement(name)["lines"] if line["place"] == "gudang"}
    assert taken == {first: -3_000, second: -2_000}


def test_a_blocked_lot_cannot_be_chosen_except_to_throw_it_away(kitchen: Kitchen) -> None:
    """Expired and held lots are shown with why, and their buttons do nothing; thrown away they may be."""
    gone = kitchen.lot("beras", 5_000, "gudang", 1, "2025-10-08")
    held = kitchen.lot("beras", 5_000, "gudang", 2, "2025-12-31")
    phone = kitchen.phone("sari")
    assert post(phone, f"lots/{held}/hold", reason="bau", at_ms=kitchen.bench.now_ms).status_code == 200
    name = kitchen.weigh("scale-1", 10_000, 5_000, 50)
    page = phone.get(f"{STOCK}/{name}").text
    for lot, why in ((gone, "kedaluwarsa"), (held, "ditahan")):
        assert re.search(rf'value="{lot}" disabled><span>[^<]*· {why}<', page)
    assert fields(page, "right")["lot"] == ""
    answer = tap(phone, f"{STOCK}/{name}", do="dispose", item="beras", lot=gone, waste="expired")
    assert answer.status_code == 303
    told = kitchen.movement(name)
    assert (told["to"], told["waste"], told["lot"], told["doubt"]) == ("waste", "expired", gone, None)


def test_a_shared_scale_asks_and_a_scanner_answers(kitchen: Kitchen) -> None:
    """Last items first; a link or a barcode chooses and books nothing; an unknown code comes back with what was typed;
    the amount is then in the item's own unit."""
    phone = kitchen.phone("sari")
    first = kitchen.weigh("scale-3", 0, 600, 1)
    page = phone.get(f"{STOCK}/{first}").text
    assert 'id="what"' in page
    assert 'id="right"' not in page
    assert tap(phone, f"{STOCK}/{first}", do="confirm").status_code == 409
    found = phone.get(f"{STOCK}/{first}?code=8997654321099")
    assert "10 buah Telur" in found.text
    assert state(kitchen, first) == "proposed"
    label = "]C10108997654321099" + "3700000012" + "\x1d" + "10TLR-7"
    for code in (label, "(01)08997654321099(17)251231(10)TLR-7"):
        assert "10 buah Telur" in phone.get(f"{STOCK}/{first}", params={"code": code}).text, code
    for code in ("(10)TLR-7", "x" * 400, "\x1d", "]C1"):
        answer = phone.get(f"{STOCK}/{first}", params={"code": code})
        assert (answer.status_code, "belum dikenal" in answer.text) == (409, True), code
    unknown = phone.get(f"{STOCK}/{first}?code=8990000000000")
    assert unknown.status_code == 409
    assert "Barcode ini belum dikenal" in unknown.text
    assert 'value="8990000000000"' in unknown.text
    assert phone.post(f"{STOCK}/{first}", data=fields(found.text, "right"), headers=ORIGIN).status_code == 303
    assert kitchen.stock("dapur", "telur") == 10
    second = phone.get(f"{STOCK}/{kitchen.weigh('scale-3', 600, 0, 2)}").text
    what = second.split('id="what"')[1]
    assert what.index("?item=telur") < what.index('id="scan"') < what.index("?item=beras")


def test_no_key_books_anything(kitchen: Kitchen) -> None:
    """The first button of the form that books does nothing: Enter, which a scanner types last, presses that one."""
    name = kitchen.weigh("scale-1", 0, 5_000, 1)
    page = kitchen.phone("sari").get(f"{STOCK}/{name}").text
    form = page.split('id="right"')[1].split("</form>")[0]
    assert re.findall(r"<button[^>]*>", form)[0] == "<button disabled hidden>"
    assert '<form method="get" id="scan">' in page


def test_a_hand_on_the_scale_is_refused_with_its_reason(kitchen: Kitchen) -> None:
    """One tap of what it was; it leaves the list, moves no stock, and nobody can confirm it afterwards by accident."""
    name = kitchen.weigh("scale-1", 0, 5_000, 1)
    phone = kitchen.phone("sari")
    assert tap(phone, f"{STOCK}/{name}", do="refuse").status_code == 409
    assert tap(phone, f"{STOCK}/{name}", do="refuse", why="orang").status_code == 303
    assert (state(kitchen, name), kitchen.stock("gudang", "beras")) == ("refused", None)
    assert "Tidak ada yang menunggu" in phone.get(STOCK).text
    page = phone.get(f"{STOCK}/{name}").text
    assert 'id="right"' not in page
    assert "orang" in page


def test_the_second_person_reads_that_it_is_decided(kitchen: Kitchen) -> None:
    """Two phones showed the same weighing: one movement, and a plain sentence on the other phone."""
    name = kitchen.weigh("scale-1", 0, 5_200, 1)
    one, other = kitchen.phone("sari"), kitchen.phone("budi")
    sent = [fields(phone.get(f"{STOCK}/{name}").text, "right") for phone in (one, other)]
    assert one.post(f"{STOCK}/{name}", data=sent[0], headers=ORIGIN).status_code == 303
    answer = other.post(f"{STOCK}/{name}", data=sent[1], headers=ORIGIN)
    assert (answer.status_code, "Sudah diputuskan" in answer.text, "Sari" in answer.text) == (409, True, True)
    assert kitchen.stock("gudang", "beras") == 5_200


def test_a_delivery_leads_to_the_receiving_form(kitchen: Kitchen) -> None:
    """With the weighing's id, item, place and amount; what is written there becomes its lot, weighed once."""
    name = kitchen.weigh("scale-2", 0, 12_340, 1)
    phone = kitchen.phone("sari")
    (link,) = re.findall(r'id="receive" href="([^"]*)"', phone.get(f"{STOCK}/{name}").text)
    page = phone.get(link.replace("&amp;", "&")).text
    assert f'name="movement" value="{name}"' in page
    assert 'name="amount" value="12,34"' in page
    assert 'name="item" value="ayam" checked' in page
    typed = {"movement": name, "item": "ayam", "supplier": "Ayam Jaya", "amount": "12,34", "point": "dry",
             "place": "terima"}  # fmt: skip
    assert tap(phone, "/staff/lots", **typed).status_code == 303
    told = kitchen.movement(name)
    assert (told["state"], told["lot"] is None, kitchen.stock("terima", "ayam")) == ("confirmed", False, 12_340)
    assert kitchen.bench.value("SELECT count(*) FROM movement") == 1
    assert "?movement=" not in phone.get(f"{STOCK}/{name}").text
    assert phone.get("/staff/lots?movement=none").status_code == 200


def test_what_the_scale_saw_is_judged_not_what_was_typed(kitchen: Kitchen) -> None:
    """A receipt of a weighing is short by its mass, at its place and of its day; the page says so before it is saved,
    whatever stands in its fields, and then takes the reason."""
    name = kitchen.weigh("scale-2", 0, 19_000, 1)
    phone = kitchen.phone("sari")
    typed = {"movement": name, "item": "ayam", "supplier": "Ayam Jaya", "amount": "20", "noted": "20", "point": "dry",
             "place": "rak", "decision": ""}  # fmt: skip
    asked = tap(phone, "/staff/lots", **typed)
    assert (asked.status_code, "surat jalan" in asked.text) == (409, True)
    (seen,) = re.findall(r'name="seen" value="([^"]*)"', asked.text)
    assert "short" in seen.split()
    typed |= {"decision": "accept", "seen": seen, "despite": "dipotong di nota"}
    assert tap(phone, "/staff/lots", **typed).status_code == 303
    assert kitchen.stock("terima", "ayam") == 19_000


def test_pieces_without_a_mass_are_not_weighed(kitchen: Kitchen) -> None:
    """600 g are not 600 eggs: the weighing is refused and the pieces are written by hand."""
    items = [msgspec.structs.replace(one, unit_g=1.0) for one in KITCHEN.settings.items]
    changed = msgspec.structs.replace(KITCHEN.settings, items=items)
    kitchen.bench.writer.submit("config", encode(changed))
    name = kitchen.weigh("scale-3", 0, 600, 1)
    phone = kitchen.phone("sari")
    for path, said in ((f"movements/{name}/confirm", {"item": "telur"}),
                       ("lots/receive", {"item": "telur", "supplier": "Tani", "amount": 1, "place": "dapur",
                                         "at_ms": kitchen.bench.now_ms, "movement": name})):  # fmt: skip
        answer = post(phone, path, **said)
        assert (answer.status_code, "Berat satu buahnya" in answer.text) == (409, True), path
    assert kitchen.movement(name)["state"] == "proposed"


def test_less_than_one_piece_is_no_delivery(kitchen: Kitchen) -> None:
    """A lot of nothing would never end."""
    name = kitchen.weigh("scale-3", 0, 25, 1)
    answer = tap(kitchen.phone("sari"), "/staff/lots", movement=name, item="telur", supplier="Tani", amount="1",
                 point="dry", place="dapur")  # fmt: skip
    assert (answer.status_code, "kurang dari satu satuan" in answer.text) == (409, True)
    assert kitchen.bench.value("SELECT count(*) FROM lot") == 0


def test_the_nutritionist_corrects_what_was_decided(kitchen: Kitchen) -> None:
    """Where it went, with a reason; the weight of a scale has no field; a cook has no such form and no such right."""
    name = kitchen.weigh("scale-1", 0, 5_000, 1)
    phone, nutritionist = kitchen.phone("sari"), kitchen.phone("tono")
    assert tap(phone, f"{STOCK}/{name}", do="confirm").status_code == 303
    assert 'id="correct"' not in phone.get(f"{STOCK}/{name}").text
    form = nutritionist.get(f"{STOCK}/{name}").text.split('id="correct"')[1]
    assert 'name="amount"' not in form
    wrong = {"do": "correct", "item": "", "lot": "", "place": "opening", "reason": "stok lama"}
    assert tap(phone, f"{STOCK}/{name}", **wrong).status_code == 403
    assert tap(nutritionist, f"{STOCK}/{name}", **{**wrong, "reason": ""}).status_code == 409
    assert tap(nutritionist, f"{STOCK}/{name}", **wrong).status_code == 303
    assert (kitchen.movement(name)["from"], state(kitchen, name)) == ("opening", "corrected")
    assert tap(nutritionist, f"{STOCK}/{name}", do="correct", reason="tidak ada", withdraw="yes").status_code == 303
    assert (state(kitchen, name), kitchen.stock("gudang", "beras")) == ("refused", None)


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_broken_scale_is_written_by_hand_and_stays_marked(kitchen: Kitchen) -> None:
    """Item by a link, amount with a comma, reason by a tap; marked on its page, in the API and on the wall, also after
    a correction."""
    phone = kitchen.phone("sari")
    page = phone.get(f"{STOCK}/hand").text
    assert "?item=beras" in page
    assert "dalam buah" in phone.get(f"{STOCK}/hand?item=telur").text
    typed = {"item": "beras", "amount": "12,5", "from": "supplier", "to": "rak", "why": "timbangan rusak"}
    assert tap(phone, f"{STOCK}/hand", **typed).headers["location"] == STOCK
    assert kitchen.stock("rak", "beras") == 12_500
    (row,) = phone.get("/api/v1/movements", params={"kind": "hand"}).json()["items"]
    assert "ditulis tangan" in phone.get(f"{STOCK}/{row['id']}").text
    kitchen.board.committed(kitchen.bench.changes[-1], kitchen.bench.writer.projector)
    assert "ditulis tangan" in kitchen.phone().get("/wall").text
    corrected = tap(kitchen.phone("tono"), f"{STOCK}/{row['id']}", do="correct", amount="10", reason="salah ketik")
    assert corrected.status_code == 303
    assert kitchen.stock("rak", "beras") == 10_000
    assert "ditulis tangan" in phone.get(f"{STOCK}/{row['id']}").text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": "dua"}, "Angka tidak terbaca"), ({"amount": ""}, "Tulis jumlahnya"),
        ({"amount": "-3"}, "Tulis jumlahnya"), ({"from": ""}, "Pilih dari mana"), ({"why": ""}, "alasannya"),
        ({"to": "supplier"}, "Tempat asal dan tujuan sama"), ({"ago": "x"}, "Angka tidak terbaca"),
        ({"item": ""}, "Pilih bahannya"), ({"lot": "SPPG-251009-AAA-0000"}, "Lot ini tidak dikenal"),
    ],
)  # fmt: skip
def test_wrong_input_comes_back_with_what_was_typed(kitchen: Kitchen, wrong: dict[str, str], sentence: str) -> None:
    """And a sentence that says what to do; nothing is written."""
    typed = {"item": "beras", "amount": "12,5", "from": "supplier", "to": "rak", "why": "timbangan rusak", **wrong}
    answer = tap(kitchen.phone("sari"), f"{STOCK}/hand", **typed)
    assert answer.status_code == 409
    assert sentence in answer.text
    assert not typed["item"] or f'name="amount" value="{typed["amount"]}"' in answer.text
    assert kitchen.bench.value("SELECT count(*) FROM movement") == 0


# --- stocktakes -----------------------------------------------------------------------------------------------------


def test_a_count_is_blind_and_approved_by_another_person(kitchen: Kitchen) -> None:
    """No page of the count says what the book holds before a number is written; a number far off is asked for again
    without a hint; the difference is then shown, and counts once somebody else approves it."""
    kitchen.lot("beras", 20_000, "rak", 1)
    kitchen.lot("telur", 30, "rak", 1)
    phone, head = kitchen.phone("tono"), kitchen.phone("wulan")
    place = phone.get(f"{COUNT}/rak").text
    (following,) = re.findall(r'id="next" href="([^"]*)"', place)
    assert following == f"{COUNT}/rak/beras"
    far = tap(phone, following, counted="17,5")
    assert far.status_code == 409
    for page in (phone.get(COUNT).text, place, phone.get(following).text, far.text):
        assert "20,00" not in page
        assert "2,50" not in page
    assert 'name="counted" value="17,5"' in far.text
    assert 'name="reason"' in far.text
    assert kitchen.bench.value("SELECT count(*) FROM movement WHERE kind = 'count'") == 0
    assert tap(phone, following, counted="17,5", reason="tumpah").headers["location"] == f"{COUNT}/rak"
    after = phone.get(f"{COUNT}/rak").text
    for words in ("17,50 kg", "20,00 kg", "−2,50 kg", "tumpah", "menunggu persetujuan", f'href="{COUNT}/rak/telur"'):
        assert words in after
    assert kitchen.stock("rak", "beras") == 20_000
    own = phone.get(COUNT).text
    assert "orang lain yang menyetujui" in own
    assert 'name="decision"' not in own
    (count,) = re.findall(r'data-count="([0-9a-f]+)"', own)
    refused = tap(phone, COUNT, count=count, decision="approve")
    assert (refused.status_code, "tidak boleh menyetujui sendiri" in refused.text) == (409, True)
    assert tap(kitchen.phone("sari"), COUNT, count=count, decision="approve").status_code == 403
    listed = head.get(COUNT).text
    for words in ("17,50 kg", "20,00 kg", "−2,50 kg", "tumpah", "Tono", 'name="decision" value="approve"'):
        assert words in listed
    assert tap(head, COUNT, count=count, decision="approve").status_code == 303
    assert kitchen.stock("rak", "beras") == 17_500
    again = tap(head, COUNT, count=count, decision="again")
    assert (again.status_code, "sudah diputuskan" in again.text) == (409, True)


def test_a_count_may_be_wanted_again(kitchen: Kitchen) -> None:
    """Refused it changes nothing, and the item stands among those to be counted."""
    kitchen.lot("telur", 30, "rak", 1)
    phone = kitchen.phone("sari")
    assert tap(phone, f"{COUNT}/rak/telur", counted="30").status_code == 303
    assert 'id="done"' in phone.get(f"{COUNT}/rak").text
    (count,) = re.findall(r'data-count="([0-9a-f]+)"', kitchen.phone("tono").get(COUNT).text)
    assert tap(kitchen.phone("tono"), COUNT, count=count, decision="again").status_code == 303
    page = phone.get(f"{COUNT}/rak").text
    assert f'id="next" href="{COUNT}/rak/telur"' in page
    assert "hitung ulang" in page
    assert kitchen.stock("rak", "telur") == 30


def test_nothing_is_a_count(kitchen: Kitchen) -> None:
    """An empty place is counted with 0; an empty field is no number."""
    phone = kitchen.phone("sari")
    assert tap(phone, f"{COUNT}/rak/beras", counted="").status_code == 409
    assert tap(phone, f"{COUNT}/rak/beras", counted="-1").status_code == 409
    assert tap(phone, f"{COUNT}/rak/beras", counted="0").status_code == 303
    (count,) = re.findall(r'data-count="([0-9a-f]+)"', kitchen.phone("tono").get(COUNT).text)
    assert tap(kitchen.phone("tono"), COUNT, count=count, decision="approve").status_code == 303
    assert phone.get("/api/v1/movements").json()["items"][0]["counted"] == 0


@pytest.mark.parametrize("path", [f"{COUNT}/nirwana", f"{COUNT}/supplier/beras", f"{COUNT}/rak/emas", f"{COUNT}/%00",
                                  f"{STOCK}/none", f"{STOCK}/%00"])  # fmt: skip
def test_what_is_not_there_is_not_found(kitchen: Kitchen, path: str) -> None:
    """Places outside the kitchen are never counted; unknown names are 404, not an error of the server."""
    assert kitchen.phone("sari").get(path).status_code == 404


# --- doubts and roles -----------------------------------------------------------------------------------------------


def test_a_doubt_is_told_in_plain_words(kitchen: Kitchen) -> None:
    """More taken than known: said at the place with the way to count it, and on the movement's page."""
    name = kitchen.weigh("scale-1", 7_000, 2_000, 1)
    phone = kitchen.phone("sari")
    assert tap(phone, f"{STOCK}/{name}", do="confirm").status_code == 303
    listed = phone.get(STOCK).text
    assert "Diambil lebih dari catatan" in listed
    assert f'href="{COUNT}/gudang"' in listed
    assert "−5,00 kg" in listed
    assert "menipis" in listed
    assert "Diambil lebih dari catatan" in phone.get(f"{STOCK}/{name}").text


@pytest.mark.parametrize("path", [STOCK, f"{STOCK}/hand", f"{STOCK}/hand?item=beras", COUNT, f"{COUNT}/gudang",
                                  f"{COUNT}/gudang/beras", f"{STOCK}/{{moved}}", f"{STOCK}/{{shared}}"])  # fmt: skip
@pytest.mark.parametrize("name", ["sari", "tono", "wulan", ""])
def test_who_sees_the_pages(kitchen: Kitchen, path: str, name: str) -> None:
    """Everybody of the kitchen, in both languages; nobody else."""
    moved, shared = kitchen.weigh("scale-1", 0, 5_000, 1), kitchen.weigh("scale-3", 0, 5_000, 2)
    phone, here = kitchen.phone(name), path.format(moved=moved, shared=shared)
    answer = phone.get(here)
    if not name:
        assert answer.headers["location"].startswith("/staff/login")
        return
    assert answer.status_code == 200
    english = phone.get(f"{here}{'&' if '?' in here else '?'}lang=en").text
    assert 'lang="en"' in english
    assert ('id="approve"' in answer.text) == (path == COUNT and name != "sari")


# --- small pure parts -----------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.floats(-1e6, 1e6)), max_size=40),
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6),
)  # fmt: skip
def test_any_trace_stays_within_its_picture(trace: list[tuple[int, float]], before: float, after: float) -> None:
    """Whatever the scale saw, every point lies inside; fewer than two samples are no line."""
    picture = draw(trace, before, after)
    assert (picture is None) == (len(trace) < 2)
    if picture is None:
        return
    points = [tuple(map(float, point.split(","))) for point in picture.points.split()]
    assert len(points) == len(trace)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert all(0 <= y <= HEIGHT for y in (picture.before_y, picture.after_y))


@given(st.integers(0, 10**9), st.sampled_from(["g", "ml", "piece"]), st.sampled_from(["id", "en"]))
def test_an_amount_in_a_field_is_read_as_it_was(amount: int, unit: str, language: Any) -> None:
    """What a page fills in and what it reads back are the same, in both languages; more than the field takes aside."""
    typed = typed_amount(amount, unit, load_speeches()[language])
    if float(typed.replace(",", ".")) < 1e6:
        assert amount_of(typed, unit) == amount


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("8991234567891", "beras"), (" 08991234567891 ", "beras"), ("8997654321099", "telur"), ("", None),
        ("899123", None), ("8991234567890", None), ("abc", None), ("٨٩٩١٢٣٤٥٦٧٨٩١", None), ("00000000", None),
    ],
)  # fmt: skip
def test_a_scanned_number_names_its_item(typed: str, found: str | None) -> None:
    """With or without zeros in front; anything else names nothing."""
    assert barcode_item(read_barcode(typed, date(2025, 10, 9)), KITCHEN)["item"] == found


@pytest.mark.parametrize("offset_ms", [2**53, -(2**53), 253_402_300_799_000 - 18_000_000])
def test_a_mad_clock_takes_no_page_from_anybody(kitchen: Kitchen, offset_ms: int) -> None:
    """A gateway says that it is the year 287396, or long before Christ: what it weighed can be looked at and decided,
    and the delivery that it belongs to as well."""
    sender = Sender(offset_ms=offset_ms, clock="rtc")
    sender.add(
        Weighing(at_ms=60_000, sensor="scale-1", kind="in", before_g=0, after_g=5_000, start_ms=0, end_ms=60_000)
    )
    kitchen.bench.send(sender.batch(1))
    weighed = f"gw-1.{sender.spool}.1.movement"
    act = ReceiveLot(id=new_id(), by=MACHINE, item="beras", supplier="Tani", amount=5, place="gudang", movement=weighed,
                     at_ms=kitchen.bench.now_ms, despite="untuk uji")  # fmt: skip
    pages = [STOCK, COUNT, "/staff/batches", "/staff/lots", f"{STOCK}/{weighed}"]
    if isinstance(write(kitchen.bench, act), Written):
        name = lot_id(act, "Asia/Jakarta")
        pages += [f"/staff/lots/{name}", f"/staff/recall?lot={name}"]
    for language in ("id", "en"):
        told = {page: kitchen.phone("wulan").get(page, params={"lang": language}).status_code for page in pages}
        assert set(told.values()) == {200}, told
