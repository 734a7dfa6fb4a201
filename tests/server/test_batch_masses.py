"""What went into batches and what came out in the record: scales, hands and recipes, in any order, on a phone."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.server.conftest import BOOK, Bench, NewAddress
from tests.server.desk import ORIGIN, hire, sign_in, write
from tests.server.phone import phone
from tests.server.sender import SPOOL, Sender
from tests.server.straight import Straight
from tests.server.test_ingest import weighing

from pawon_server.acts import AnyAct, decode_act
from pawon_server.food_safety.batch import id_of
from pawon_server.food_safety.batch_acts import CookedPan, OpenBatch, TakeSample
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, ReceiveLot, UseLot
from pawon_server.people.act import MACHINE, new_id
from pawon_server.projections.acts import Refusal, Written
from pawon_server.projections.batch_balance import MassesOfBatch, masses_of
from pawon_server.projections.batch_masses import NEWER, NOT_STOCK, TOLD
from pawon_server.record.rebuild import rebuild
from pawon_server.rulebook import Item, Place, Rulebook
from pawon_server.stock.mass_acts import TakeIngredients, WeighBatch, WithdrawMass
from pawon_server.stock.menu_acts import Ingredient, SetRecipe
from pawon_server.stock.movement_acts import ConfirmMovement, CorrectMovement, RecordMovement
from pawon_server.store.database import open_store, open_to_read
from pawon_server.web.batch_pages import PATH

# 2025-10-09 15:53:20 in Jakarta: the sender's monotonic zero; the day's dish is opened somewhat later.
ZERO_MS = 1_760_000_000_000
NOW_MS = ZERO_MS + 3_600_000
ITEMS = [
    Item(id="beras", name="Beras", cooked_factor=(2.2, 2.5)),
    Item(id="ayam", name="Ayam", edible_percent=58, cooked_factor=(0.70, 0.75)),
    Item(id="telur", name="Telur", unit="piece", unit_g=60, cooked_factor=(0.8, 1.0)),
]  # fmt: skip
KITCHEN = Rulebook(
    settings=msgspec.structs.replace(
        BOOK.settings, items=ITEMS, places=[*BOOK.settings.places, Place(id="lantai", name="Lantai")]
    ),
    profile=BOOK.profile,
)
RECIPE = (Ingredient(item="ayam", amount=10_000), Ingredient(item="telur", amount=100))


def opening(portions: int = 200) -> OpenBatch:
    """The day's dish."""
    return OpenBatch(
        id="00000000000000000000abcd", by=MACHINE, wave="1", dish="Opor Ayam", day="2025-10-09", portions=portions
    )


BATCH = id_of(opening())


def head(number: int = 0, minute: int = 0) -> dict[str, Any]:
    """The first fields of an act about the batch."""
    return {"id": f"{number:024x}" if number else new_id(), "by": MACHINE, "batch": BATCH,
            "at_ms": NOW_MS - 3_000_000 + minute * 60_000}  # fmt: skip


def take(number: int = 0, minute: int = 0, **more: Any) -> TakeIngredients:
    """Ingredients by recipe."""
    return TakeIngredients(**{**head(number, minute), "place": "lantai", "portions": 200, "recipe": RECIPE, **more})


def weigh(kind: str, mass_g: int | None, number: int = 0, **more: Any) -> WeighBatch:
    """Something came out."""
    return WeighBatch(**{**head(number), "kind": kind, "mass_g": mass_g, **more})


def move(item: str, amount: int, number: int = 0, minute: int = 0, **more: Any) -> RecordMovement:
    """Something went into the batch, by hand."""
    said = {"to_place": "cooked", "from_place": "lantai", "reason": "timbangan rusak", **more}
    return RecordMovement(item=item, amount=amount, **{**head(number, minute), **said})


@pytest.fixture
def record(stores: NewAddress) -> Iterator[Straight]:
    """A kitchen with an open batch."""
    made = Straight(stores(), KITCHEN)
    made.now_ms = NOW_MS
    wrote(made, opening())
    yield made
    made.close()


def wrote(record: Straight, act: AnyAct) -> None:
    """It is written."""
    answer = record.write(act)
    assert isinstance(answer, Written), answer


def refused(record: Straight, act: AnyAct) -> str:
    """It is not, and why."""
    answer = record.write(act)
    assert isinstance(answer, Refusal), answer
    return answer.reason


def masses(record: Straight | Bench) -> MassesOfBatch:
    """What is known of the batch."""
    with record.store.reader.connect() as connection:
        return masses_of(connection, KITCHEN, {BATCH: 200})[BATCH]


def recipe_rows(record: Straight) -> list[tuple[object, ...]]:
    """The movements of recipes: item, state, why."""
    return record.rows("SELECT item, state, reason FROM movement WHERE kind = 'recipe' ORDER BY id")


def receive(item: str, number: int, amount: int = 100_000) -> ReceiveLot:
    """A delivery before anything else."""
    return ReceiveLot(
        id=f"{number:024x}", by=MACHINE, item=item, supplier="Ayam Jaya", amount=amount, place="lantai", at_ms=ZERO_MS
    )


# --- what counts ----------------------------------------------------------------------------------------------------


def test_a_recipe_takes_its_ingredients_from_a_place_by_fefo(record: Straight) -> None:
    """Each item is one movement named after the act; its lots are assumed, and the book stays in balance."""
    receipt = receive("ayam", 0x77)
    wrote(record, receipt)
    wrote(record, take(0x11))
    lot = lot_id(receipt, "Asia/Jakarta")
    found = {part.item: part for part in masses(record).taken}
    assert {name: (part.amount, part.mass_g, part.lot, part.assumed) for name, part in found.items()} == {
        "ayam": (20_000, 20_000, lot, True), "telur": (200, 12_000, "", True),
    }  # fmt: skip
    assert found["ayam"].movement == f"{0x11:024x}.ayam"
    assert record.rows("SELECT sum(amount) FROM ledger_line") == [(0,)]
    assert [gap for gap in masses(record).balance.gaps if gap[0] == "estimated"] == [
        ("estimated", "ayam"), ("estimated", "telur"),
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["recipe", "told"])
def test_what_was_told_of_an_item_wins_over_its_recipe(record: Straight, first: str) -> None:
    """Whichever came first; the other items' estimates stay. A withdrawn telling lets the estimate count again."""
    for act in [take(0x11), move("ayam", 18_500, 0x12)][:: 1 if first == "recipe" else -1]:
        wrote(record, act)
    assert recipe_rows(record) == [("ayam", "refused", TOLD), ("telur", "confirmed", "")]
    assert {(part.item, part.amount, part.how) for part in masses(record).taken} == {
        ("ayam", 18_500, "hand"), ("telur", 200, "recipe"),
    }  # fmt: skip
    said = CorrectMovement(id=new_id(), by=MACHINE, movement=f"{0x12:024x}", reason="salah", withdraw=True)
    wrote(record, said)
    assert recipe_rows(record) == [("ayam", "confirmed", ""), ("telur", "confirmed", "")]
    assert sum(part.amount for part in masses(record).taken if part.item == "ayam") == 20_000


def test_of_two_recipes_the_latest_counts_and_a_withdrawn_one_does_not(record: Straight) -> None:
    """Told again for other portions, the earlier one gives way, and is back when the later one is withdrawn."""
    wrote(record, take(0x12, minute=5, portions=150))
    wrote(record, take(0x11, minute=1))
    assert {(row[1], row[2]) for row in recipe_rows(record)[:2]} == {("refused", NEWER)}
    assert sum(part.amount for part in masses(record).taken if part.item == "ayam") == 15_000
    wrong = {"by": MACHINE, "batch": BATCH, "reason": "salah porsi"}
    wrote(record, WithdrawMass(id=new_id(), withdraws=f"{0x12:024x}", **wrong))
    assert sum(part.amount for part in masses(record).taken if part.item == "ayam") == 20_000
    wrote(record, WithdrawMass(id=new_id(), withdraws=f"{0x11:024x}", **wrong))
    assert masses(record).taken == ()
    assert masses(record).balance.gaps[0] == ("ingredients", "")
    assert {(row[1], row[2]) for row in recipe_rows(record)} == {("refused", "salah porsi")}


def test_nothing_but_its_act_changes_a_recipes_movement(record: Straight) -> None:
    """What is derived is not edited by hand."""
    wrote(record, take(0x11))
    said = CorrectMovement(id=new_id(), by=MACHINE, movement=f"{0x11:024x}.ayam", reason="x", withdraw=True)
    assert "resep" in refused(record, said)


def test_the_order_of_acts_decides_nothing(stores: NewAddress) -> None:
    """Recipes, hands, lots, masses and what is withdrawn of them: in any order the same book and the same balance."""
    receipts = [receive("ayam", 0x71), receive("beras", 0x72)]
    lot = lot_id(receipts[0], "Asia/Jakarta")
    use = {"by": MACHINE, "lot": lot, "place": "lantai", "at_ms": head(minute=7)["at_ms"], "batch": BATCH}
    wrong = {"by": MACHINE, "batch": BATCH, "reason": "salah"}
    acts: list[tuple[int | None, AnyAct]] = [  # what an act has to come after, and the act
        (None, take(0x21, minute=1)), (None, take(0x22, minute=9, portions=100)),
        (0, WithdrawMass(id=f"{0x23:024x}", withdraws=f"{0x21:024x}", **wrong)),
        (None, take(0x24, minute=5, recipe=(*RECIPE, Ingredient(item="beras", amount=5_000)))),
        (1, WithdrawMass(id=f"{0x25:024x}", withdraws=f"{0x22:024x}", **wrong)),
        (None, move("telur", 190, 0x26)),
        (5, CorrectMovement(id=f"{0x27:024x}", by=MACHINE, movement=f"{0x26:024x}", reason="salah", withdraw=True)),
        (None, UseLot(id=f"{0x28:024x}", amount=17_000, **use)),
        (None, weigh("cooked", 30_000, 0x29)), (None, weigh("trimming", 7_000, 0x2A, item="ayam")),
        (None, weigh("waste", 900, 0x2B, waste="burnt")),
        (10, WithdrawMass(id=f"{0x2C:024x}", withdraws=f"{0x2B:024x}", **wrong)),
    ]  # fmt: skip
    seen: set[str] = set()
    for seed in range(4):
        record = Straight(stores(), KITCHEN)
        record.now_ms = NOW_MS
        for act in (opening(), *receipts):
            wrote(record, act)
        done: list[int] = []
        chance = random.Random(seed)  # chance, not secrets
        while len(done) < len(acts):
            free = [n for n, (after, _) in enumerate(acts) if n not in done and (after is None or after in done)]
            done.append(chance.choice(free))
            wrote(record, acts[done[-1]][1])
        seen.add(
            str((
                masses(record).balance, masses(record).taken,
                record.rows("SELECT id, state, reason, amount, doubt FROM movement ORDER BY id"),
                record.rows("SELECT movement, place, lot, amount FROM ledger_line ORDER BY movement, place, lot"),
            ))
        )  # fmt: skip
        taken = {part.item: (part.amount, part.how) for part in masses(record).taken}
        assert taken == {"ayam": (17_000, "hand"), "telur": (200, "recipe"), "beras": (10_000, "recipe")}
        record.close()
    assert len(seen) == 1


# --- what came out --------------------------------------------------------------------------------------------------


def test_a_whole_batch_is_in_balance_or_is_told(record: Straight) -> None:
    """Weighed in and out with samples, trimmings and waste of stock: closed; and missing without a third of it."""
    for act in (
        move("beras", 10_000), move("ayam", 20_000), move("ayam", 500, to_place="waste", waste="spoiled"),
        weigh("trimming", 8_000, item="ayam"), weigh("cooked", 23_000), weigh("cooked", 9_000, number=0x31),
    ):  # fmt: skip
        wrote(record, act)
    found = masses(record).balance
    assert (found.in_g, found.least_g, found.most_g) == (30_500, 22_000 + 8_400, 25_000 + 9_000)
    assert (found.verdict, found.gaps, found.portion_g, found.raw_waste_g) == ("closed", (), 160, 500)
    wrote(record, WithdrawMass(id=new_id(), by=MACHINE, batch=BATCH, withdraws=f"{0x31:024x}", reason="panci lain"))
    found = masses(record).balance
    assert (found.verdict, found.unexplained_g) == ("missing", 7_400)


def test_pieces_of_which_nobody_told_the_mass_are_a_gap_not_grams(record: Straight) -> None:
    """A hundred eggs are not a hundred grams; nor is a weighing of them a thousand pieces."""
    eggs = Item(id="telur", name="Telur", unit="piece", cooked_factor=(0.8, 1.0))
    book = msgspec.structs.replace(
        KITCHEN, settings=msgspec.structs.replace(KITCHEN.settings, items=[*ITEMS[:2], eggs])
    )
    record.configure(book)
    for act in (move("telur", 100), weigh("cooked", 5_000)):
        wrote(record, act)
    with record.store.reader.connect() as connection:
        found = masses_of(connection, book, {BATCH: 200})[BATCH].balance
    assert (found.verdict, found.in_g, found.gaps) == ("unknown", None, (("unit", "telur"),))


def test_a_retained_sample_counts_as_what_came_out(record: Straight) -> None:
    """``batch.sample`` is told once, on its own form."""
    wrote(record, CookedPan(**head(minute=1)))
    wrote(record, TakeSample(**head(minute=2), mass_g=150.4))
    assert masses(record).balance.sample_g == 150


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (weigh("waste", 1), "mengapa"),
        (weigh("waste", 1, waste="leftover"), "tersendiri"),
        (weigh("cooked", 1, waste="burnt"), "yang dibuang"),
        (weigh("leftover", 1, waste="burnt"), "alasan"),
        (weigh("cooked", 1, item="ayam"), "bukan bahan"),
        (weigh("trimming", 1, item="tidak-ada"), "tidak terdaftar"),
        (weigh("cooked", None), "beratnya"),
        (weigh("cooked", None, movement="tidak.ada"), "tidak ada"),
        (weigh("cooked", 5, movement="tidak.ada"), "tidak diubah"),
        (weigh("cooked", 1, batch="B-251009-tidak-ada"), "tidak dikenal"),
        (weigh("cooked", 1, at_ms=NOW_MS + 10 * 60_000), "belum tiba"),
        (take(place="supplier"), "tempat di dapur"),
        (take(place="kulkass"), "kulkass tidak dikenal"),
        (take(place="gudang", recipe=(Ingredient(item="beras", amount=1),)), "ditimbang"),
        (take(recipe=(*RECIPE, RECIPE[0])), "dua kali"),
        (take(recipe=(Ingredient(item="tidak-ada", amount=1),)), "tidak terdaftar"),
        (WithdrawMass(id="a" * 24, by=MACHINE, batch=BATCH, withdraws="b" * 24, reason="x"), "tidak ada"),
    ],
)
def test_what_cannot_be_is_refused_in_words(record: Straight, act: AnyAct, why: str) -> None:
    """And nothing is written."""
    assert why in refused(record, act)
    assert record.rows("SELECT count(*) FROM act WHERE what <> 'batch.open'") == [(0,)]


def test_zero_is_weighed_and_a_note_is_withdrawn_once(record: Straight) -> None:
    """0 g of trimmings is an answer to "how much"; what is withdrawn stays in the record."""
    wrote(record, move("ayam", 10_000))
    wrote(record, weigh("trimming", 0, 0x41))
    assert ("trimming", "ayam") not in masses(record).balance.gaps
    undo = WithdrawMass(id=new_id(), by=MACHINE, batch=BATCH, withdraws=f"{0x41:024x}", reason="salah")
    wrote(record, undo)
    assert "sudah ditarik" in refused(record, msgspec.structs.replace(undo, id=new_id()))
    assert ("trimming", "ayam") in masses(record).balance.gaps
    rows = record.rows("SELECT kind, mass_g, reason FROM batch_mass WHERE withdrawn")
    assert rows == [("trimming", 0, "salah")]


def test_acts_keep_their_shape() -> None:
    """What is in the journals of kitchens can be read for ever."""
    named = f'"id":"0123456789abcdef","by":"sari","batch":"{BATCH}","at_ms":5'
    fields: dict[str, Any] = {"id": "0123456789abcdef", "by": "sari", "batch": BATCH, "at_ms": 5}
    assert decode_act(f'{{"act":"batch.weigh",{named},"kind":"waste","mass_g":0,"waste":"burnt"}}'.encode()) == (
        WeighBatch(**fields, kind="waste", mass_g=0, waste="burnt")
    )
    raw = f'{{"act":"batch.ingredients",{named},"place":"prep","portions":9,"recipe":[{{"item":"ayam","amount":7}}]}}'
    assert decode_act(raw.encode()) == TakeIngredients(
        **fields, place="prep", portions=9, recipe=(Ingredient(item="ayam", amount=7),)
    )
    raw = (
        f'{{"act":"batch.unweigh","id":"0123456789abcdef","by":"sari","batch":"{BATCH}",'
        '"withdraws":"fedcba9876543210","reason":"salah"}'
    )
    assert decode_act(raw.encode()) == WithdrawMass(
        id="0123456789abcdef", by="sari", batch=BATCH, withdraws="fedcba9876543210", reason="salah"
    )


# --- with a scale, over HTTP, on a phone ----------------------------------------------------------------------------


@pytest.fixture
def kitchen(stores: NewAddress) -> Iterator[Bench]:
    """The same kitchen with its scales, a cook and a head."""
    store = open_store(stores())
    made = Bench(store, KITCHEN, now_ms=NOW_MS)
    hire(made, "sari")
    assert isinstance(write(made, opening()), Written)
    yield made
    made.writer.stop()
    store.close()


@pytest.fixture
def client(kitchen: Bench) -> TestClient:
    """The phone of the cook who has signed in."""
    made = phone(kitchen)
    sign_in(made, "sari")
    return made


def pan_on_the_scale(kitchen: Bench, mass_g: int = 30_000) -> str:
    """The receiving scale saw something come; its movement."""
    kitchen.send(Sender().add(weighing(0, mass_g, 2_000, "in", "scale-2")).batch(sent_ms=3_000))
    return f"gw-1.{SPOOL}.1.movement"


def test_a_scale_that_saw_the_pan_weighed_no_stock(kitchen: Bench, client: TestClient) -> None:
    """Its mass counts, nothing is booked; withdrawn, the weighing waits for a word again."""
    name = pan_on_the_scale(kitchen)
    answer = client.post(f"/api/v1/batches/{BATCH}/weigh", json={"kind": "cooked", "movement": name}, headers=ORIGIN)
    assert answer.status_code == 200
    found = client.get(f"/api/v1/batches/{BATCH}/balance").json()
    assert (found["cooked_g"], found["told"][0]["how"], found["portion_g"]) == (30_000, "scale", 150.0)
    assert kitchen.rows("SELECT state, reason FROM movement") == [("refused", NOT_STOCK)]
    assert kitchen.value("SELECT count(*) FROM ledger_line") == 0
    again = client.post(f"/api/v1/batches/{BATCH}/weigh", json={"kind": "cooked", "movement": name}, headers=ORIGIN)
    assert again.status_code == 409
    undo = {"withdraws": answer.json()["id"], "reason": "panci lain"}
    assert client.post(f"/api/v1/batches/{BATCH}/unweigh", json=undo, headers=ORIGIN).status_code == 200
    assert kitchen.rows("SELECT state, person FROM movement") == [("proposed", "")]
    assert client.get(f"/api/v1/batches/{BATCH}/balance").json()["cooked_g"] is None


def test_a_weighing_confirmed_with_its_batch_beats_the_recipe(kitchen: Bench, client: TestClient) -> None:
    """The scale's chicken counts and the recipe's does not; the answer says how each was known, and is not good."""
    name = pan_on_the_scale(kitchen, 19_000)
    said = {"place": "lantai", "recipe": [{"item": "ayam", "amount": 10_000}, {"item": "beras", "amount": 6_000}]}
    assert client.post(f"/api/v1/batches/{BATCH}/ingredients", json=said, headers=ORIGIN).status_code == 200
    kitchen.send(Sender(spool="e" * 20).add(weighing(19_000, 0, 9_000, "out", "scale-2")).batch(sent_ms=9_500))
    taken = f"gw-1.{'e' * 20}.1.movement"
    for movement, more in ((name, {}), (taken, {"place": "cooked", "batch": BATCH})):
        answer = write(kitchen, ConfirmMovement(id=new_id(), by="sari", movement=movement, **more))
        assert isinstance(answer, Written), answer
    found = client.get(f"/api/v1/batches/{BATCH}/balance").json()
    assert {(row["item"], row["how"], row["amount"]) for row in found["ingredients"]} == {
        ("beras", "recipe", 12_000), ("ayam", "scale", 19_000),
    }  # fmt: skip
    assert found["verdict"] == "unknown"
    assert {(gap["what"], gap["item"]) for gap in found["gaps"]} == {
        ("cooked", None), ("trimming", "ayam"), ("estimated", "beras"),
    }  # fmt: skip


def test_only_who_signed_in_writes_and_a_stranger_reads(kitchen: Bench, client: TestClient) -> None:
    """Staff may; strangers get the figures and nobody's name."""
    stranger = phone(kitchen)
    for way in ("weigh", "ingredients", "unweigh"):
        assert stranger.post(f"/api/v1/batches/{BATCH}/{way}", json={}, headers=ORIGIN).status_code == 401
    said = {"kind": "leftover", "mass_g": 700, "school": "SD Sari"}
    assert client.post(f"/api/v1/batches/{BATCH}/weigh", json=said, headers=ORIGIN).status_code == 200
    assert "Sari" not in stranger.get(f"/api/v1/batches/{BATCH}/balance").text
    assert stranger.get("/api/v1/batches/B-251009-tidak-ada/balance").status_code == 404
    assert (
        client.post(f"/api/v1/batches/{BATCH}/weigh", json={"kind": "cooked", "mas": 1}, headers=ORIGIN).status_code
        == 422
    )
    no_recipe = client.post(f"/api/v1/batches/{BATCH}/ingredients", json={"place": "lantai"}, headers=ORIGIN)
    assert (no_recipe.status_code, "recipe" in no_recipe.text) == (422, True)


def test_waste_by_reason_and_item(kitchen: Bench, client: TestClient) -> None:
    """Raw food against what was bought, plates against what was cooked; outside the span there is nothing."""
    receipt = receive("ayam", 0x71)
    lot = lot_id(receipt, "Asia/Jakarta")
    at = {"at_ms": NOW_MS - 60_000}
    for act in (
        receipt,
        DiscardLot(id=new_id(), by=MACHINE, lot=lot, place="lantai", amount=1_000, reason="bau", **at),
        move("ayam", 2_000, to_place="waste", waste="spoiled", batch=""),
        weigh("cooked", 40_000), weigh("leftover", 6_000, school="SD 1"), weigh("waste", 2_000, waste="burnt"),
    ):  # fmt: skip
        assert isinstance(write(kitchen, act), Written)
    found = client.get("/api/v1/waste").json()
    assert [(row["item"], row["reason"], row["mass_g"], row["percent"]) for row in found["items"]] == [
        (None, "leftover", 6_000, 15.0), (None, "burnt", 2_000, 5.0), ("ayam", "spoiled", 2_000, 2.0),
        ("ayam", None, 1_000, 1.0),
    ]  # fmt: skip
    assert (found["raw_percent"], found["plate_percent"], found["dish_percent"]) == (3.0, 15.0, 5.0)
    before = client.get("/api/v1/waste", params={"since": "2025-09-01T00:00:00Z", "until": "2025-09-08T00:00:00Z"})
    assert (before.json()["items"], before.json()["raw_percent"]) == ([], None)
    assert client.get("/api/v1/waste", params={"since": "2020-01-01T00:00:00Z"}).status_code == 422


def send(client: TestClient, **fields: str) -> tuple[int, str]:
    """What the page answers to a form."""
    token = re.search(r'name="token" value="(\w+)"', client.get(PATH).text)
    assert token is not None
    answer = client.post(PATH, data={"token": token[1], **fields}, headers=ORIGIN)
    return answer.status_code, answer.text


def test_a_cook_tells_it_all_on_a_phone(kitchen: Bench, client: TestClient) -> None:
    """Ingredients by one tap, masses with a reason's button, what a scale saw from a list; the balance in words."""
    page = client.get(PATH).text
    assert "Bahan dan hasil" in page
    assert 'data-verdict="unknown"' in page
    assert "belum punya resep" in page
    assert send(client, do=f"batch.ingredients:{BATCH}", place="lantai")[0] == 409
    assert isinstance(write(kitchen, SetRecipe(id=new_id(), by="-", dish="Opor ayam", ingredients=RECIPE)), Written)
    assert "Bahan sesuai resep, 200 porsi" in client.get(PATH).text
    assert send(client, do=f"batch.ingredients:{BATCH}", place="lantai")[0] == 303
    pan_on_the_scale(kitchen, 12_000)
    assert "12,00 kg" in client.get(PATH).text
    for fields in (
        {"outcome": "trimming", "mass_kg": "8,4", "item": "ayam"}, {"outcome": "waste.burnt", "mass_kg": "0,5"},
        {"outcome": "leftover", "mass_kg": "0"}, {"outcome": "cooked", "movement": f"gw-1.{SPOOL}.1.movement"},
    ):  # fmt: skip
        assert send(client, do=f"batch.weigh:{BATCH}", **fields) == (303, ""), fields
    page = client.get(PATH).text
    assert 'data-verdict="missing"' in page  # 20 kg of chicken and 12 kg of eggs became 12 kg
    assert "perkiraan resep" in page
    assert "Gosong · 0,50 kg" in page
    english = client.get(PATH, headers={"Accept-Language": "en"}, params={"lang": "en"}).text
    assert "Ingredients and result" in english
    for bad, status in (({"outcome": "cooked"}, 409), ({"outcome": "", "mass_kg": "1"}, 422),
                        ({"outcome": "cooked", "mass_kg": "banyak"}, 409)):  # fmt: skip
        code, page = send(client, do=f"batch.weigh:{BATCH}", **bad)
        assert (code, 'role="alert"' in page) == (status, True), bad
    told = kitchen.value("SELECT id FROM batch_mass WHERE waste = 'burnt'")
    assert send(client, do=f"batch.unweigh:{BATCH}", withdraws=str(told), reason="panci lain")[0] == 303
    assert "<s>Burnt" in client.get(PATH).text  # the phone keeps its language


def test_everything_is_derived_again(kitchen: Bench, tmp_path: Path) -> None:
    """A rebuild finds the same masses, recipes, movements and lines."""
    receipt = receive("ayam", 0x71)
    lot = lot_id(receipt, "Asia/Jakarta")
    use = UseLot(id=f"{0x72:024x}", by=MACHINE, lot=lot, place="lantai", at_ms=NOW_MS - 60_000, batch=BATCH)
    undo = CorrectLot(id=new_id(), by=MACHINE, lot=lot, corrects=use.id, reason="salah", withdraw=True)
    acts: list[AnyAct] = [
        receipt, take(0x73), use, weigh("cooked", 9_000), weigh("waste", 5, 0x74, waste="spilled"), undo, take(0x75, 9),
        WithdrawMass(id=new_id(), by=MACHINE, batch=BATCH, withdraws=f"{0x74:024x}", reason="salah"),
    ]  # fmt: skip
    for act in acts:
        assert isinstance(write(kitchen, act), Written), act
    assert kitchen.value("SELECT count(*) FROM movement WHERE kind = 'recipe'") == 4
    result = rebuild(open_to_read(kitchen.store.address), "dapur-uji", tmp_path)
    assert [table for table in result.tables if not table.same] == []
