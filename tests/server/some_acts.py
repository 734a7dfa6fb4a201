"""Acts that people of a kitchen might write, well or badly, by chance. Not a test by itself.

Each part that people write to adds its own to ``KINDS``: a function of chance and of the act's first two fields.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pawon_server.acts import AnyAct
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import CorrectLot, DiscardLot, MoveLot, ReceiveLot, UseLot
from pawon_server.people.act import MACHINE, ROLES
from pawon_server.people.person import ChangePin, SetPerson

PEOPLE = ("sari", "tono", "wulan")


def _person(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    name = chance.choice(PEOPLE)
    return SetPerson(
        **head, person=name, name=name.title(), has_role=chance.choice(ROLES), pin=chance.choice(["", "scrypt$kept"]),
        active=chance.random() < 0.8,
    )  # fmt: skip


def _pin(chance: random.Random, head: dict[str, Any]) -> AnyAct:
    return ChangePin(**head, pin=f"scrypt${chance.randint(1, 9)}")


RECEIVED_MS = 1_760_000_000_000
SPOTS = ("lantai", "chiller-a", "meja")


def _receive(chance: random.Random, _: dict[str, Any]) -> ReceiveLot:
    """One of a few deliveries, so that what is done with lots finds them there."""
    return ReceiveLot(
        id=f"{chance.randint(0x101, 0x103):016x}", by=MACHINE, item=chance.choice(["ayam", "beras", "tidak-ada"]),
        supplier="Ayam Jaya", amount=chance.randint(1, 50), point=chance.choice(["", "receiving-chilled"]),
        food=chance.choice(["", "poultry"]), place=SPOTS[0], temperature_c=chance.choice([None, 0.0, 3.0, 9.0]),
        at_ms=RECEIVED_MS, accepted=chance.random() < 0.9,
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


KINDS: list[Callable[[random.Random, dict[str, Any]], AnyAct]] = [_person, _pin, _receive, _receive, _lot, _lot]


def some_act(chance: random.Random) -> AnyAct:
    """One act, by anybody; now and then one that was written before."""
    head = {"id": f"{chance.choice([chance.randint(1, 5), chance.getrandbits(60)]):016x}",
            "by": chance.choice([*PEOPLE, MACHINE, MACHINE])}  # fmt: skip
    return chance.choice(KINDS)(chance, head)
