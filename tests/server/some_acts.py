"""Acts that people of a kitchen might write, well or badly, by chance. Not a test by itself.

Each part that people write to adds its own to ``KINDS``: a function of chance and of the act's first two fields.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from pawon_server.acts import AnyAct
from pawon_server.food_safety.incident import Acknowledge, Correct, Note, Settle, Sign
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


KINDS: list[Callable[[random.Random, dict[str, Any]], AnyAct]] = [_person, _pin]


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
    head = {"id": f"{chance.choice([chance.randint(1, 5), chance.getrandbits(60)]):016x}",
            "by": chance.choice([*PEOPLE, MACHINE, MACHINE])}  # fmt: skip
    if incidents and chance.random() < 0.5:
        return _incident(chance, head, incidents, acts)
    return chance.choice(KINDS)(chance, head)
