"""Acts that people of a kitchen might write, well or badly, by chance. Not a test by itself.

Each part that people write to adds its own to ``KINDS``: a function of chance and of the act's first two fields.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pawon_server.acts import AnyAct
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


def some_act(chance: random.Random) -> AnyAct:
    """One act, by anybody; now and then one that was written before."""
    head = {"id": f"{chance.choice([chance.randint(1, 5), chance.getrandbits(60)]):016x}",
            "by": chance.choice([*PEOPLE, MACHINE, MACHINE])}  # fmt: skip
    return chance.choice(KINDS)(chance, head)
