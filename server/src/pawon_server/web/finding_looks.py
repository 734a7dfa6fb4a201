"""Findings of a delivery as people read them: figures filled in, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..rulebook import Rulebook
from ..stock.receiving import Finding
from ..stock.receiving_words import WORDS
from .language import Language, Speech

# Figures that are amounts in the item's base unit, and those that are local days.
_AMOUNTS = frozenset({"noted", "came", "off", "ordered"})
_DAYS = frozenset({"day", "until"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLook:
    """A finding as the page writes it."""

    code: str
    severity: str
    text: str
    action: str


def finding_look(finding: Finding, unit: str, book: Rulebook, speech: Speech) -> FindingLook:
    """What it is and what to do, in the language of ``speech``."""
    text, action = WORDS[finding.code].said(speech.language)
    figures = {name: _written(name, value, unit, book, speech) for name, value in finding.figures.items()}
    return FindingLook(code=finding.code, severity=finding.severity, text=text.format(**figures), action=action)


def finding_item(finding: Finding, unit: str, book: Rulebook, speeches: Mapping[Language, Speech]) -> dict[str, Any]:
    """A finding as the API gives it: its figures, and its words in every language."""
    said = {language: finding_look(finding, unit, book, speech) for language, speech in speeches.items()}
    words = {f"{part}_{name}": getattr(look, part) for name, look in said.items() for part in ("text", "action")}
    return {"code": finding.code, "severity": finding.severity, "figures": finding.figures, **words}


def _written(name: str, value: str | float, unit: str, book: Rulebook, speech: Speech) -> str:
    if name in _AMOUNTS and isinstance(value, int):
        return speech.amount(value, unit)
    if name in _DAYS:
        return speech.date(str(value))
    if name == "item":
        known = book.settings.item(str(value))
        return known.name if known is not None else str(value)
    return str(value) if isinstance(value, str | int) else speech.number(value, 1)
