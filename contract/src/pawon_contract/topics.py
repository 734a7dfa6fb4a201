"""MQTT topics: ``pawon/v1/<kitchen>/<gateway>/<leaf>``.

A broker's access list can bind a gateway to its own subtree because kitchen and gateway come before the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .ids import is_id

Leaf = Literal["log", "live", "status", "committed", "command", "reply"]
LEAVES: tuple[Leaf, ...] = get_args(Leaf)
ROOT = "pawon/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a message comes from or goes to."""

    kitchen: str
    gateway: str
    leaf: Leaf


def topic(kitchen: str, gateway: str, leaf: Leaf) -> str:
    """The topic of one leaf of one gateway."""
    return f"{ROOT}/{kitchen}/{gateway}/{leaf}"


def every(leaf: Leaf, kitchen: str = "+") -> str:
    """The filter a server subscribes to: this leaf of every gateway."""
    return f"{ROOT}/{kitchen}/+/{leaf}"


def parse_topic(text: str) -> Address | None:
    """The address in a topic, or ``None`` when the topic is not one of ours."""
    parts = text.split("/")
    if len(parts) != 5 or f"{parts[0]}/{parts[1]}" != ROOT or not (is_id(parts[2]) and is_id(parts[3])):
        return None
    for leaf in LEAVES:
        if leaf == parts[4]:
            return Address(kitchen=parts[2], gateway=parts[3], leaf=leaf)
    return None
