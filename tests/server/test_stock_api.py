"""Stock over the API: what lies where, what moved and why it is believed, and who may write what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.conftest import Bench, NewAddress
from tests.server.desk import ORIGIN
from tests.server.stock_kitchen import DAY, KITCHEN, MINUTE, START_MS, TRACE, Kitchen, post

from pawon_server.people.act import new_id
from pawon_server.stock.count_tolerance import wants_reason
from pawon_server.store.database import open_store


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Kitchen]:
    """An empty book and four people."""
    store = open_store(stores())
    made = Bench(store, KITCHEN)
    yield Kitchen(made)
    made.writer.stop()
    store.close()


def test_a_weighing_becomes_stock_once_it_is_confirmed(kitchen: Kitchen) -> None:
    """Proposed it counts nothing; confirmed it counts at once, with its lines and the role of who decided, and no
    name; the balance is the same in ``/stock`` and ``/places``."""
    name = kitchen.weigh("scale-1", 0, 30_000, 1)
    assert kitchen.stock("gudang", "beras") is None
    phone = kitchen.phone("sari")
    (place,) = phone.get("/api/v1/places", params={"place": "gudang"}).json()["items"]
    assert (place["waiting"], place["newest"]["movement"], place["newest"]["booked"]) == ([name], name, False)
    assert [(one["item"], one["amount"]) for one in place["items"]] == [("beras", None)]
    assert post(phone, f"movements/{name}/confirm").status_code == 200
    assert kitchen.stock("gudang", "beras") == 30_000
    told = kitchen.movement(name)
    assert (told["state"], told["decided_by"], told["weighed"], told["automatic"]) == (
        "confirmed",
        "staff",
        True,
        False,
    )
    assert told["lines"] == [
        {"place": "supplier", "lot": None, "amount": -30_000, "assumed": True},
        {"place": "gudang", "lot": None, "amount": 30_000, "assumed": True},
    ]
    (place,) = phone.get("/api/v1/places", params={"place": "gudang"}).json()["items"]
    assert (place["waiting"], place["items"][0]["amount"], place["scale"]) == ([], 30_000, "scale-1")
    everything = "".join(phone.get(f"/api/v1/{path}").text for path in ("movements", "places", f"movements/{name}"))
    assert "sari" not in everything.lower()


def test_a_movement_tells_its_proof_and_what_it_may_be(kitchen: Kitchen) -> None:
    """The trace as the scale gave it, the scale's own state, and the lots of the place in the order of their dates."""
    late = kitchen.lot("beras", 20_000, "gudang", 1, "2025-12-31")
    soon = kitchen.lot("beras", 20_000, "gudang", 2, "2025-10-20")
    gone = kitchen.lot("beras", 5_000, "gudang", 3, "2025-10-08")
    name = kitchen.weigh("scale-1", 30_000, 24_800, 10, trace=TRACE, zero_g=0.0, load="net", confidence=0.9)
    told = kitchen.movement(name)
    assert told["trace"] == [list(sample) for sample in TRACE]
    assert (told["zero_g"], told["division_g"], told["load"], told["confidence"]) == (0.0, 1.0, "net", 0.9)
    assert told["suggested"]["items"] == ["beras"]
    lots = told["suggested"]["lots"]["beras"]
    assert [(one["lot"], one["amount"], one["expired"]) for one in lots] == [
        (soon, 20_000, False), (late, 20_000, False), (gone, 5_000, True),
    ]  # fmt: skip
    assert lots[0]["expires"] == "2025-10-20"
    phone = kitchen.phone("sari")
    assert post(phone, f"lots/{soon}/hold", reason="bau", at_ms=START_MS + 5 * MINUTE).status_code == 200
    first, *_, last = kitchen.movement(name)["suggested"]["lots"]["beras"]
    assert (first["lot"], first["held"], last["lot"], last["held"]) == (late, False, soon, True)
    (place,) = phone.get("/api/v1/places", params={"place": "gudang"}).json()["items"]
    assert place["items"][0]["lots"][0]["lot"] == late
    assert post(phone, f"lots/{soon}/release", reason="baik", at_ms=kitchen.bench.now_ms).status_code == 403
    assert (
        post(kitchen.phone("tono"), f"lots/{soon}/release", reason="baik", at_ms=kitchen.bench.now_ms).status_code
        == 200
    )
    assert phone.get("/api/v1/movements/none").status_code == 404
    assert phone.get("/api/v1/movements/%00").status_code == 404


def test_a_weight_tells_how_far_its_scale_was_believed(kitchen: Kitchen) -> None:
    """At its own moment, whenever the mark was written down; nobody who checked it is named; a hand has no scale."""
    name = kitchen.weigh("scale-1", 0, 30_000, 1)
    word = "Bukan untuk transaksi"
    untrusted = {"zero": "unknown", "check": "never", "tera": "missing", "for_trade": False, "word": word}
    assert kitchen.movement(name)["scale"] == untrusted
    phone, head = kitchen.phone("sari"), kitchen.phone("tono")
    assert f"Timbangan: {word}" in phone.get(f"/staff/stock/{name}").text
    said: dict[str, Any] = {"verified": "2025-03-01", "valid_until": "2025-10-09", "mark": "JKT 25-1"}
    assert post(head, "scales/scale-1/verify", **said).status_code == 200
    checked = {"nominal_g": 5_000, "shown_g": 5_000, "at_ms": START_MS}
    assert post(phone, "scales/scale-1/check", **checked).status_code == 200
    later = kitchen.weigh("scale-1", 30_000, 31_000, 24 * 60)
    phone = kitchen.phone("sari")
    hand = {"item": "beras", "amount": 1_000, "from_place": "gudang", "to_place": "rak", "reason": "uji"}
    assert post(phone, "movements", **hand, at_ms=kitchen.bench.now_ms).status_code == 200
    answer = kitchen.phone().get("/api/v1/movements")
    told = {one["id"]: one["scale"] for one in answer.json()["items"]}
    good = {"zero": "unknown", "check": "unjudged", "tera": "valid", "for_trade": True, "word": None}
    assert (told.pop(name), told.pop(later)) == (good, {**good, "tera": "expired", "for_trade": False, "word": word})
    assert list(told.values()) == [None]
    assert not {"sari", "tono"} & set(answer.text.lower().replace('"', " ").split())
    assert word not in phone.get(f"/staff/stock/{name}").text


def test_a_shared_scale_asks_which_item(kitchen: Kitchen) -> None:
    """It proposes none, offers its last ones, and is booked in the item's own unit once somebody says it."""
    phone = kitchen.phone("sari")
    name = kitchen.weigh("scale-3", 0, 600, 1)
    assert (kitchen.movement(name)["item"], kitchen.movement(name)["suggested"]["items"]) == ("", [])
    assert post(phone, f"movements/{name}/confirm").status_code == 409
    assert kitchen.movement(name)["state"] == "proposed"
    assert post(phone, f"movements/{name}/confirm", item="telur").status_code == 200
    assert kitchen.stock("dapur", "telur") == 10
    told = kitchen.movement(kitchen.weigh("scale-3", 600, 0, 2))
    assert told["suggested"]["items"] == ["telur"]
    assert [one["amount"] for one in told["suggested"]["lots"]["telur"]] == [10]


WRITES: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("movements/{moved}/confirm", {}, {"sari": 200, "tono": 200, "wulan": 200}),
    ("movements/{moved}/refuse", {"reason": "tangan"}, {"sari": 200, "tono": 200, "wulan": 200}),
    ("movements/{moved}/correct", {"reason": "salah", "place": "rak"}, {"sari": 403, "tono": 200, "wulan": 200}),
    ("movements", {"item": "ayam", "amount": 5, "from_place": "supplier", "to_place": "rak", "at_ms": START_MS,
                   "reason": "timbangan rusak"}, {"sari": 200, "tono": 200, "wulan": 200}),
    ("counts", {"item": "ayam", "place": "rak", "counted": 0, "at_ms": START_MS},
     {"sari": 200, "tono": 200, "wulan": 200}),
    ("counts/{count}/decide", {"approved": True}, {"sari": 403, "tono": 200, "wulan": 200}),
    ("lots/{lot}/hold", {"reason": "bau", "at_ms": START_MS}, {"sari": 200, "tono": 200, "wulan": 200}),
    ("lots/{lot}/release", {"reason": "baik", "at_ms": START_MS + MINUTE}, {"sari": 403, "tono": 200, "wulan": 200}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "said", "allowed"), WRITES, ids=[path for path, _, _ in WRITES])
def test_who_may_write_what(kitchen: Kitchen, path: str, said: dict[str, Any], allowed: dict[str, int]) -> None:
    """By role; nobody without a session, no other site's page, no unknown field; and the same twice is one."""
    lot = kitchen.lot("ayam", 1_000, "rak", 0)
    for name, status in allowed.items():
        moved = kitchen.weigh("scale-1", 0, 1_000, 1)
        count = new_id()
        post(kitchen.phone("budi"), "counts", **{"item": "ayam", "place": "rak", "counted": 1, "at_ms": START_MS,
                                                 "id": count})  # fmt: skip
        if path.endswith("release"):
            post(kitchen.phone("budi"), f"lots/{lot}/hold", reason="bau", at_ms=START_MS)
        here = path.format(moved=moved, count=count, lot=lot)
        phone, body = kitchen.phone(name), {"id": new_id(), **said}
        answers = [phone.post(f"/api/v1/{here}", json=body, headers=ORIGIN) for _ in range(2)]
        assert [one.status_code for one in answers] == [status, status], answers[0].text
        assert answers[0].text == answers[1].text
        assert phone.post(f"/api/v1/{here}", json=body).status_code == 403
        assert post(phone, here, **said, surprise=1).status_code == 422
    assert post(kitchen.phone(), here, **said).status_code == 401


def test_two_phones_confirm_one_movement_once(kitchen: Kitchen) -> None:
    """The second person reads that it is decided; the book has it once."""
    name = kitchen.weigh("scale-1", 0, 5_200, 1)
    assert post(kitchen.phone("sari"), f"movements/{name}/confirm").status_code == 200
    second = post(kitchen.phone("budi"), f"movements/{name}/confirm")
    assert (second.status_code, "Sudah diputuskan" in second.text) == (409, True)
    assert kitchen.stock("gudang", "beras") == 5_200
    assert kitchen.bench.value("SELECT count(*) FROM act WHERE what = 'stock.confirm'") == 1


def test_what_nobody_weighed_is_marked_by_hand(kitchen: Kitchen) -> None:
    """Also after it was corrected; its reason is told without anybody's name, and it counts at once."""
    phone = kitchen.phone("sari")
    said = {"item": "beras", "amount": 5_000, "from_place": "supplier", "to_place": "rak", "at_ms": START_MS,
            "reason": "Budi bilang timbangan rusak"}  # fmt: skip
    name = post(phone, "movements", **said).json()["movement"]
    assert kitchen.stock("rak", "beras") == 5_000
    told = kitchen.movement(name)
    assert (told["kind"], told["weighed"], told["state"], told["trace"]) == ("hand", False, "confirmed", [])
    assert told["reason"] == "petugas bilang timbangan rusak"
    assert post(kitchen.phone("tono"), f"movements/{name}/correct", reason="salah", amount=4_000).status_code == 200
    assert kitchen.stock("rak", "beras") == 4_000
    assert (kitchen.movement(name)["kind"], kitchen.movement(name)["state"]) == ("hand", "corrected")


def test_more_taken_than_known_is_a_doubt_until_it_is_counted(kitchen: Kitchen) -> None:
    """The place says so and which movement it was; an approved count ends it, one's own approval is refused."""
    phone = kitchen.phone("sari")
    name = kitchen.weigh("scale-1", 7_000, 2_000, 1)
    assert post(phone, f"movements/{name}/confirm").status_code == 200
    assert [one["id"] for one in phone.get("/api/v1/movements", params={"doubt": "short"}).json()["items"]] == [name]

    def place() -> dict[str, Any]:
        (found,) = phone.get("/api/v1/places", params={"place": "gudang"}).json()["items"]
        return dict(found)

    assert (place()["doubt"], place()["doubted"], kitchen.stock("gudang", "beras")) == ("short", [name], -5_000)
    kitchen.bench.now_ms += MINUTE
    nutritionist = kitchen.phone("tono")
    count = post(nutritionist, "counts", item="beras", place="gudang", counted=2_000, at_ms=kitchen.bench.now_ms)
    about = count.json()["count"]
    told = kitchen.movement(about)
    assert (told["counted"], told["book"], told["difference"], told["state"]) == (2_000, -5_000, 7_000, "proposed")
    assert place()["doubt"] == "short"
    own = post(nutritionist, f"counts/{about}/decide", approved=True)
    assert (own.status_code, "tidak boleh menyetujui sendiri" in own.text) == (409, True)
    assert post(kitchen.phone("wulan"), f"counts/{about}/decide", approved=True).status_code == 200
    assert (kitchen.stock("gudang", "beras"), place()["doubt"], place()["doubted"]) == (2_000, None, [])


def test_the_lists_are_narrowed_by_what_they_name(kitchen: Kitchen) -> None:
    """By kind, by batch, and by lot: also where nobody said the lot and the book assumes it."""
    phone = kitchen.phone("sari")
    lot = kitchen.lot("beras", 20_000, "gudang", 1, "2025-12-31")
    name = kitchen.weigh("scale-1", 20_000, 15_000, 2)
    batch = "B-251009-1-nasi-000000"
    assert post(phone, f"movements/{name}/confirm", place="cooked", batch=batch).status_code == 200

    def ids(**asked: str) -> list[str]:
        return [one["id"] for one in phone.get("/api/v1/movements", params=asked).json()["items"]]

    brought = ids(kind="receive")
    assert len(brought) == 1
    assert ids(batch=batch) == ids(kind="out") == [name]
    assert ids(lot=lot) == [name, *brought]
    assert ids(lot="SPPG-251009-AAA-0000") == []
    told = kitchen.movement(name)
    assert (told["lot"], {line["lot"] for line in told["lines"]}) == (None, {lot})
    assert all(line["assumed"] for line in told["lines"])


def test_every_place_of_the_kitchen_is_listed(kitchen: Kitchen) -> None:
    """A place without a scale, one with several items, one that nobody configured; what goes to the pans is none."""
    phone = kitchen.phone("sari")
    for item in ("beras", "ayam"):
        kitchen.lot(item, 3_000, "rak", 1)
        kitchen.lot(item, 2_000, "lantai", 1)
    name = kitchen.weigh("scale-1", 0, 9_000, 2)
    assert post(phone, f"movements/{name}/confirm").status_code == 200
    out = kitchen.weigh("scale-1", 9_000, 8_000, 3)
    assert post(phone, f"movements/{out}/confirm").status_code == 200
    rows = phone.get("/api/v1/stock").json()["items"]
    assert [(row["place"], row["item"], row["amount"]) for row in rows] == [
        ("gudang", "beras", 8_000), ("terima", "ayam", None), ("rak", "ayam", 3_000), ("rak", "beras", 3_000),
        ("lantai", "ayam", 2_000), ("lantai", "beras", 2_000),
    ]  # fmt: skip
    assert rows[0]["minimum"] == 50_000
    places = {one["place"]: one for one in phone.get("/api/v1/places").json()["items"]}
    assert list(places) == ["gudang", "terima", "dapur", "rak", "lantai", "prep"]
    assert (places["prep"]["configured"], places["prep"]["items"][0]["amount"]) == (False, 1_000)
    assert places["dapur"]["items"] == []


def test_the_description_names_every_field_of_every_write(kitchen: Kitchen) -> None:
    """OpenAPI: what each body may hold, without what the session and the address say; each route in words."""
    paths = kitchen.phone().get("/openapi.json").json()["paths"]
    for path, said, _ in WRITES:
        ours = path.format(moved="{movement}", count="{count}", lot="{lot}")
        route = paths[f"/api/v1/{ours}"]["post"]
        body = route["requestBody"]["content"]["application/json"]["schema"]
        assert {"id", *said} <= set(body["properties"]), path
        assert not {"by", "act"} & set(body["properties"])
        assert "id" in body["required"]
        assert route["description"]
    assert paths["/api/v1/places"]["get"]["description"]


@pytest.mark.parametrize(
    ("counted", "book", "unit", "wanted"),
    [
        (0, 0, "g", False), (100, 0, "g", False), (101, 0, "g", True), (19_600, 20_000, "g", False),
        (19_599, 20_000, "g", True), (20_401, 20_000, "g", True), (30, 30, "piece", False), (29, 30, "piece", True),
        (98, 100, "piece", False), (97, 100, "piece", True), (0, -5_000, "g", True),
    ],
)  # fmt: skip
def test_a_count_far_off_wants_a_reason(counted: int, book: int, unit: str, wanted: bool) -> None:
    """Beyond 2 % of the book, or 100 g where that is more; of pieces the 2 % alone."""
    assert wants_reason(counted, book, unit) is wanted


def test_an_old_weighing_is_no_news_and_still_stock(kitchen: Kitchen) -> None:
    """After 35 days without a weighing there is no newest one; what lies there is the same."""
    name = kitchen.weigh("scale-1", 0, 9_000, 2)
    assert post(kitchen.phone("sari"), f"movements/{name}/confirm").status_code == 200
    kitchen.bench.now_ms += 36 * DAY
    (place,) = kitchen.phone().get("/api/v1/places", params={"place": "gudang"}).json()["items"]
    assert (place["newest"], place["items"][0]["amount"]) == (None, 9_000)
