"""Acts that people of a kitchen might write, well or badly, by chance. Not a test by itself.

Each part that people write to adds its own to ``KINDS``: a function of chance and of the act's first two fields.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.server.sender import SPOOL

from pawon_server.acts import AnyAct
from pawon_server.calibration import RecordCalibration, WithdrawCalibration
from pawon_server.food_safety.batch_acts import (
    AllowBatch,
    ArriveBatch,
    CookedPan,
    CorrectPan,
    Destination,
    DiscardSample,
    DisposeBatch,
    EatBatch,
    LeaveBatch,
    NameBatch,
    OpenBatch,
    PackBatch,
    TakeSample,
)
from pawon_server.food_safety.check import CorrectCheck, RecordCheck
from pawon_server.food_safety.incident import Acknowledge, Correct, Note, Settle, Sign
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from pawon_server.people.act import MACHINE, ROLES
from pawon_server.people.person import ChangePin, SetPerson
from pawon_server.stock.mass_acts import TakeIngredients, WeighBatch, WithdrawMass
from pawon_server.stock.menu_acts import DropMeal, Ingredient, PlanMeal, SetRecipe
from pawon_server.stock.movement_acts import (
    ConfirmMovement,
    CorrectMovement,
    CountStock,
    DecideCount,
    HoldLot,
    RecordMovement,
    RefuseMovement,
    ReleaseLot,
)
from pawon_server.stock.purchase_acts import CancelOrder, PlaceOrder, SetSupplier
from pawon_server.stock.recall_acts import RecordDrill
from pawon_server.stock.scale_acts import CheckScale, VerifyScale, WithdrawScaleRecord

PEOPLE = ("sari", "tono", "wulan")


def _person(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    name = chance.choice(PEOPLE)
    return SetPerson(
        **head, person=name, name=name.title(), has_role=chance.choice(ROLES), pin=chance.choice(["", "scrypt$kept"]),
        active=chance.random() < 0.8,
    )  # fmt: skip


def _pin(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    return ChangePin(**head, pin=f"scrypt${chance.randint(1, 9)}")


def _calibration(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    at_ms = 1_760_000_000_000 + chance.randint(-300, 120) * 60_000
    off_c = chance.choice([0.2, 0.8, -1.5, 9.0])
    if chance.random() < 0.3:
        return RecordCalibration(
            **head, sensor="chiller-2", method="comparison", readings_c=(off_c, 60.2), references_c=(0.0, 60.0),
            reference="acuan\0", performed_ms=at_ms,
        )  # fmt: skip
    sensor = chance.choice(["chiller-1", "chiller-1", "chiller-2", "scale-1"])
    return RecordCalibration(**head, sensor=sensor, method="ice", readings_c=(off_c,), performed_ms=at_ms)


def _withdrawal(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    return WithdrawCalibration(**head, calibration=chance.randint(3, 20), reason="salah catat")


# Most acts of a day are about a few batches, told within some hours of the day that ``straight`` begins with.
DAY = "2025-10-09"
BATCHES = ("B-251009-1-ayam-000000", "B-251009-1-ayam-000001", "B-251009-1-ayam-000002")
SCHOOLS = ("SD 1", "SD 2", "")


RECEIVED_MS = 1_760_000_000_000
SPOTS = ("lantai", "chiller-a", "meja")


def _receive(chance: random.Random, _: dict[str, Any]) -> ReceiveLot:
    """One of a few deliveries, so that what is done with lots finds them there."""
    return ReceiveLot(
        id=f"{chance.randint(0x101, 0x103):016x}", by=MACHINE, item=chance.choice(["ayam", "beras", "tidak-ada"]),
        supplier="Ayam Jaya", amount=chance.randint(1, 50), point=chance.choice(["", "receiving-chilled"]),
        food=chance.choice(["", "poultry"]), place=SPOTS[0], temperature_c=chance.choice([None, 0.0, 3.0, 9.0]),
        at_ms=RECEIVED_MS, accepted=chance.random() < 0.9, **_papers(chance),
    )  # fmt: skip


def _papers(chance: random.Random) -> dict[str, Any]:
    """What a delivery says of itself beside its temperature, now and then against all rules."""
    if chance.random() < 0.7:
        return {}
    return {
        "order": chance.choice(["", *ORDERS]), "noted": chance.choice([None, 10, 50]),
        "gtin": chance.choice(["", "8991234567891", "8991234567892"]), "produced": chance.choice(["", "2025-10-08"]),
        "for_day": chance.choice(["", DAY, "2025-10-14"]), "expires": chance.choice(["", "2025-10-08", "2025-11-01"]),
        "halal": chance.choice(["", "yes", "no"]), "despite": chance.choice(["", "dipotong di nota"]),
    }  # fmt: skip


ORDERS = tuple(f"{number:016x}" for number in (0x301, 0x302))


def _purchase(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """Two suppliers and a few orders, set, placed and cancelled over and over."""
    seller, by = chance.choice(["jaya", "tani"]), {**head, "by": MACHINE}
    kind = chance.randint(0, 5)
    if kind == 0:
        return CancelOrder(**by, order=chance.choice(ORDERS), reason="hujan")
    if kind <= 3:
        return PlaceOrder(
            **{**by, "id": chance.choice(ORDERS)}, supplier=seller, item=chance.choice(["ayam", "beras", "tidak-ada"]),
            amount=chance.randint(1, 50), due=chance.choice([DAY, "2025-10-11", "2025-10-30", "2025-02-30"]),
            for_days=chance.choice([(), ("2025-10-12", "2025-10-11")]),
        )  # fmt: skip
    return SetSupplier(
        **by, supplier=seller, name=chance.choice(["Ayam Jaya", "Tani Makmur"]), phone="0812 3456",
        halal_until=chance.choice(["", "2025-10-01", "2026-10-01"]), items=chance.choice([(), ("ayam",)]),
        blocked=chance.choice(["", "", "bau"]),
    )  # fmt: skip


def _lot(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    receipt = _receive(chance, head)
    about = {**head, "by": MACHINE, "lot": lot_id(receipt, "Asia/Jakarta"),
             "at_ms": RECEIVED_MS + chance.randint(-5, 50)}  # fmt: skip
    step = {**about, "place": chance.choice([SPOTS[0], *SPOTS]), "amount": chance.choice([None, 1, 20, 500])}
    kind = chance.randint(0, 4)
    if kind == 0:
        return UseLot(**step, batch="B-251009-1-opor-abcdef")
    if kind == 1:
        return DiscardLot(**step, reason="bau")
    if kind == 2:
        said = {"temperature_c": chance.choice([None, 3.0, 9.0]), "amount": chance.choice([None, 5]),
                "place": chance.choice([None, "meja"]), "accepted": chance.choice([None, True, False])}  # fmt: skip
        what = chance.choice([receipt.id, f"{chance.randint(1, 5):016x}"])
        return CorrectLot(**about, **said, corrects=what, reason="salah ketik", withdraw=chance.random() < 0.2)
    return MoveLot(**step, to_place=chance.choice(SPOTS))


# The first rows of the gateways that the tests tell of may be weighings.
WEIGHED = tuple(f"gw-1.{spool}.{row}.movement" for spool in (SPOOL, "0" * 20) for row in range(1, 30))


def _stock(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """What a weighing was, what moved unweighed, what was counted, which lot is set aside."""
    receipt = _receive(chance, head)
    lot = lot_id(receipt, "Asia/Jakarta")
    item = chance.choice(["ayam", "beras"])
    about = {"movement": chance.choice([*WEIGHED, f"{chance.randint(0x301, 0x308):016x}"]),
             "item": chance.choice(["", "", item]), "lot": chance.choice(["", "", lot]),
             "place": chance.choice(["", "", "waste", "prep"])}  # fmt: skip
    at = {"at_ms": RECEIVED_MS + chance.randint(-5, 50)}
    named = {**head, "id": f"{chance.randint(0x301, 0x308):016x}"}
    return chance.choice([
        *[lambda: ConfirmMovement(**head, **about)] * 3,
        lambda: RefuseMovement(**head, movement=about["movement"], reason="tangan"),
        lambda: CorrectMovement(**head, **about, reason="salah", withdraw=chance.random() < 0.3,
                                amount=chance.choice([None, 7])),
        lambda: RecordMovement(**named, item=item, lot=chance.choice(["", lot]), amount=chance.randint(1, 30), **at,
                               from_place=chance.choice([*SPOTS, "supplier"]), reason="timbangan rusak",
                               to_place=chance.choice([*SPOTS, "cooked", "waste"])),
        *[lambda: CountStock(**named, item=item, place=chance.choice(SPOTS), counted=chance.randint(0, 40), **at)] * 2,
        *[lambda: DecideCount(**head, count=f"{chance.randint(0x301, 0x308):016x}",
                              approved=chance.random() < 0.8)] * 3,
        lambda: HoldLot(**head, lot=lot, reason="bau", **at),
        lambda: ReleaseLot(**head, lot=lot, reason="hasil uji", **at),
    ])()  # fmt: skip


def _mass(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """What went into one of a few batches and what came out, and what of it was wrong."""
    about = {**head, "id": f"{chance.randint(0x401, 0x410):016x}", "batch": chance.choice(BATCHES)}
    at = {"at_ms": RECEIVED_MS + chance.randint(-5, 50)}
    item = chance.choice(["ayam", "beras"])
    return chance.choice([
        lambda: WeighBatch(**about, **at, kind=chance.choice(["cooked", "trimming", "sample", "leftover"]),
                           mass_g=chance.choice([None, 0, 700]), movement=chance.choice(["", *WEIGHED])),
        lambda: WeighBatch(**about, **at, kind="waste", waste="burnt", mass_g=5, item=chance.choice(["", item])),
        *[lambda: TakeIngredients(**about, **at, place=chance.choice(SPOTS), portions=chance.choice([1, 100]),
                                  recipe=tuple(Ingredient(item=name, amount=chance.randint(1, 20))
                                               for name in chance.choice([("ayam",), ("ayam", "beras")])))] * 3,
        *[lambda: RecordMovement(**about, **at, item=item, amount=chance.randint(1, 9), from_place=SPOTS[0],
                                 to_place="cooked", reason="timbangan rusak")] * 2,
        *[lambda: WithdrawMass(**{**about, "id": head["id"]}, withdraws=f"{chance.randint(0x401, 0x410):016x}",
                               reason="salah")] * 2,
    ])()  # fmt: skip


def _moment(chance: random.Random) -> int:
    return 1_760_000_000_000 + chance.randint(-600, 30) * 60_000


def _check(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """One of a few measurements of a few things, or what one of them was instead."""
    name = f"{chance.randint(0x201, 0x20C):016x}"
    if chance.random() < 0.3:
        value = chance.choice([None, 3.0, 4.5, 9.0])
        return CorrectCheck(**{**head, "by": MACHINE}, check=name, reason="salah ketik", value=value,
                            withdraw=chance.random() < 0.4)  # fmt: skip
    where = chance.choice([{}, {"sensor": "chiller-1"}, {"place": "chiller-a"}])
    return RecordCheck(
        **{**head, "id": name, "by": MACHINE}, **where, point="chiller", quantity="temperature_c",
        value=chance.choice([3.0, 4.2, 4.8, 9.0]), thermometer=chance.choice(["", "", "chiller-2", "tidak-ada"]),
        at_ms=_moment(chance),
    )  # fmt: skip


def _scale(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """A check weight, an empty scale or a mark of one of two scales, or that one of these was none."""
    name, kind = f"{chance.randint(0x301, 0x30C):016x}", chance.random()
    about = {**head, "id": name, "by": MACHINE, "scale": chance.choice(["scale-1", "scale-1", "scale-2", "chiller-1"])}
    if kind < 0.2:
        return WithdrawScaleRecord(**{**about, "id": head["id"]}, record=name, reason="salah catat")
    if kind < 0.4:
        return VerifyScale(**about, verified="2025-03-01", valid_until=chance.choice(["2025-10-01", "2026-03-01"]),
                           mark="JKT 25", office=chance.choice(["", "UPT Metrologi"]))  # fmt: skip
    nominal_g = chance.choice([0.0, 0.0, 5_000.0, 20_000.0, 100.0])
    return CheckScale(**about, nominal_g=nominal_g, shown_g=nominal_g + chance.choice([0.0, 20.0, -40.0, 300.0]),
                      at_ms=_moment(chance))  # fmt: skip


def _plan(chance: random.Random) -> dict[str, Any]:
    schools = tuple(Destination(school=name, portions=chance.choice([50, 100])) for name in SCHOOLS[:2])
    return {"wave": "1", "dish": "Ayam", "day": DAY, "portions": chance.choice([100, 150, 300, 3_000]),
            "schools": schools[: chance.randint(0, 2)], "pans": chance.randint(1, 3)}  # fmt: skip


def _open_batch(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    named = {**head, "id": f"{chance.randint(1, 10**6):010x}{chance.randint(0, 2):06x}"}
    return OpenBatch(**named, **_plan(chance), began_ms=chance.choice([None, _moment(chance)]))


def _batch(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    one = {**head, "batch": chance.choice(BATCHES)}
    at, school = {"at_ms": _moment(chance)}, {"school": chance.choice(SCHOOLS)}
    portions = {"portions": chance.choice([None, 1, 40, 100])}
    return chance.choice([
        lambda: NameBatch(**one, **_plan(chance)),
        *[lambda: CookedPan(**one, at_ms=min(_moment(chance), _moment(chance)), pan=chance.choice(["", "2"]))] * 4,
        lambda: CorrectPan(**one, **at, reason="salah ketik"),
        lambda: PackBatch(**one, **at, core_c=66.0),
        lambda: LeaveBatch(**one, **at, schools=tuple(SCHOOLS[: chance.randint(0, 2)]), vehicle="B 1 XX"),
        lambda: ArriveBatch(**one, **at, school="SD 1"),
        lambda: EatBatch(**one, **at, **school, **portions, replaces=chance.random() < 0.2),
        lambda: DisposeBatch(**one, **at, decision=chance.choice(["use", "hold", "discard"]), **portions,
                             school=chance.choice([None, *SCHOOLS]), reason="diperiksa"),
        lambda: AllowBatch(**one, **at, lowest_c=chance.choice([59.0, 63.0]), note="termometer"),
        *[lambda: TakeSample(**one, **at, mass_g=chance.choice([100.0, 150.0]))] * 8,
        lambda: DiscardSample(**one, **at, sample=f"{chance.randint(1, 5):016x}", reason="lewat waktu", early=True),
    ])()  # fmt: skip


def _menu(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    """One of a few recipes and meals of the coming days, or that one of these is not served."""
    by_machine = {**head, "by": MACHINE}
    name, dish = f"{chance.randint(0x301, 0x306):016x}", chance.choice(["Opor", "  opor ", "Nasi"])
    if chance.random() < 0.4:
        amounts = [Ingredient(item=item, amount=chance.randint(1, 9_000)) for item in ("beras", "ayam", "tidak-ada")]
        some = tuple(amounts[: chance.choice([1, 2, 2, 3])])
        return SetRecipe(**by_machine, dish=dish, ingredients=some, cooked_g=chance.choice([None, 180.0]))
    if chance.random() < 0.3:
        return DropMeal(**by_machine, menu=name)
    day = chance.choice(["2025-10-08", "2025-10-09", "2025-10-10", "2025-10-11", "2025-02-30"])
    return PlanMeal(**{**by_machine, "id": name}, day=day, wave=chance.choice(["1", "2"]), dish=dish,
                    portions=chance.choice([1, 100, 3_000]))  # fmt: skip


def _drill(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    return RecordDrill(**head, school="SD 1", eaten_ms=_moment(chance), seconds=chance.random(), portions_percent=98.5,
                       lots_percent=100.0, lots=2, batches=3, schools=5)  # fmt: skip


Kind = Callable[[random.Random, dict[str, Any]], AnyAct]
ABOUT_BATCHES: list[Kind] = [_batch] * 8
OF_BATCHES: list[Kind] = [*[_open_batch] * 3, *ABOUT_BATCHES]
KINDS: list[Kind] = [
    *[_person] * 3, _pin, *OF_BATCHES, *OF_BATCHES, *[_receive] * 2, *[_lot] * 2, *[_stock] * 3,
    _calibration, _calibration, _withdrawal, *[_check] * 3, *[_scale] * 3, *[_purchase] * 4, *[_mass] * 3,
    *[_menu] * 3, _drill,
]  # fmt: skip


def _incident(chance: random.Random, head: dict[str, Any], incidents: Sequence[str], acts: Sequence[str]) -> AnyAct:
    about: dict[str, Any] = {**head, "incident": chance.choice([*incidents, "none"])}
    earlier = chance.choice([*acts, "0" * 16])
    kinds: list[AnyAct] = [
        Acknowledge(**about), Note(**about, action="Es batu"), Sign(**about, settlement=earlier),
        Settle(
            **about, cause="Pintu", action=chance.choice(["", "Ditutup"]), moved=chance.choice(["", "ke chiller 2"]),
            disposition=chance.choice(["use", "hold", "discard", "none"]),
        ),
        Correct(**about, corrects=earlier, field=chance.choice(["cause", "action"]), text="Listrik"),
    ]  # fmt: skip
    return chance.choice(kinds)


def some_act(chance: random.Random, incidents: Sequence[str] = (), acts: Sequence[str] = ()) -> AnyAct:
    """One act, by anybody; now and then one that was written before, or about one of these incidents and acts."""
    head: dict[str, Any] = {"id": f"{chance.choice([chance.randint(1, 5), chance.getrandbits(60)]):016x}",
            "by": chance.choice([*PEOPLE, *[MACHINE] * 3])}  # fmt: skip
    if incidents and chance.random() < 0.3:
        return _incident(chance, {**head, "by": chance.choice(PEOPLE)}, incidents, acts)
    return chance.choice(KINDS)(chance, head)
