"""Acts that people of a kitchen might write, well or badly, by chance. Not a test by itself.

Each part that people write to adds its own to ``KINDS``: a function of chance and of the act's first two fields.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from pawon_server.acts import AnyAct
from pawon_server.calibration import RecordCalibration, WithdrawCalibration
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


KINDS: list[Callable[[random.Random, dict[str, Any]], AnyAct]] = [
    _person, _pin, _calibration, _calibration, _withdrawal,
]  # fmt: skip


def some_act(chance: random.Random) -> AnyAct:
    """One act, by anybody; now and then one that was written before."""
    head = {"id": f"{chance.choice([chance.randint(1, 5), chance.getrandbits(60)]):016x}",
            "by": chance.choice([*PEOPLE, MACHINE, MACHINE])}  # fmt: skip
    return chance.choice(KINDS)(chance, head)
