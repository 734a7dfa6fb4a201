"""What people do about an incident: opened, acknowledged, acted, settled; who may end it, and with what.

Pure. That measured trouble is over is another matter (``closed_ms``): here people say why it was, what they did and
what became of the food. No program can: an act without a person is refused, so a model can never release food.

- Settling needs a cause, a corrective action and what becomes of the food; ``none`` only where no food is concerned.
- While the trouble is still measured, only food that is thrown away, or was moved (and where to), can be settled; low
  stock, once it is ordered.
- A critical food incident is settled once another person, at least a nutritionist, has signed that very settlement.
  Until then it may be settled anew, which wants a signature of its own.
- ``hold`` settles nothing: it stays listed until somebody decides use or discard. Holding needs no signature, for it
  is safe; deciding does.
- What is settled can only become stricter (use, hold, discard). Texts are corrected by later acts, never edited; a
  correction changes no decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from ..people.act import MACHINE, Act, ActId, Role, Words

IncidentId = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*\Z")]
Handling = Literal["opened", "acknowledged", "acted", "unsigned", "held", "settled"]
# What becomes of the food; empty: not said.
Fate = Literal["", "use", "hold", "discard", "none"]

# About food; about what keeps it; about how much there is; every other kind is trouble of what measures or records.
FOOD_KINDS = frozenset({"limit", "cooking", "cooling", "reheating", "batch", "lot", "check"})
EQUIPMENT_KINDS = frozenset({"rate", "door", "power", "defrost"})
STOCK_KINDS = frozenset({"stock"})
STRICTER: Mapping[str, int] = {"none": 0, "use": 1, "hold": 2, "discard": 3}
# A handful is usual; a list that grows without end is somebody's mistake.
MAX_ACTS = 200


class About(Act, frozen=True, kw_only=True):
    """An act about one incident."""

    incident: IncidentId


class Acknowledge(About, frozen=True, kw_only=True, tag="incident.acknowledge"):
    """Somebody has seen it and takes care of it."""


class Note(About, frozen=True, kw_only=True, tag="incident.note"):
    """Something that was done about it."""

    action: Words = ""


class Settle(About, frozen=True, kw_only=True, tag="incident.settle"):
    """Why it was, what was done, what becomes of the food; ``moved``: where the food went while it still lasts."""

    cause: Words = ""
    action: Words = ""
    disposition: Fate = ""
    moved: Words = ""


class Sign(About, frozen=True, kw_only=True, tag="incident.sign"):
    """The second signature under one settlement, which is named (by its newest correction where it has one) so that
    nobody signs what they have not read."""

    role: ClassVar[Role] = "nutritionist"

    settlement: ActId


class Correct(About, frozen=True, kw_only=True, tag="incident.correct"):
    """Another text in the place of an earlier act's; both stay in the record."""

    corrects: ActId
    field: Literal["action", "cause"] = "action"
    text: Words = ""


IncidentAct = Acknowledge | Note | Settle | Sign | Correct
INCIDENT_ACTS = (Acknowledge, Note, Settle, Sign, Correct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An incident as far as people have come. ``written``: its acts, what each of them is; ``settlement``: the newest
    settling act, or its newest correction, and who settled; empty while there is none."""

    kind: str
    severity: str
    ongoing: bool
    handling: Handling = "opened"
    disposition: str | None = None
    settlement: str = ""
    settled_by: str = ""
    written: Mapping[str, str]

    @property
    def food(self) -> bool:
        """Whether food is concerned, and not only what measures it."""
        return self.kind in FOOD_KINDS


def word_of(act: IncidentAct) -> str:
    """What an act is, in a word: ``settle``."""
    return str(type(act).__struct_config__.tag).partition(".")[2]


def needs_second_signature(case: Case) -> bool:
    """Whether a second person signs its settlement: by the severity that the profile gave the limit."""
    return case.food and case.severity == "critical"


def refuse(case: Case, act: IncidentAct) -> str | None:
    """Why an act cannot be, in Indonesian; ``None`` when it can."""
    if act.by == MACHINE:
        return "Hanya orang dapur yang boleh menangani insiden"
    if len(case.written) >= MAX_ACTS:
        return f"Catatan insiden ini sudah penuh ({MAX_ACTS})"
    match act:
        case Acknowledge():
            return None if case.handling == "opened" else "Sudah ada yang menerima"
        case Note():
            return None if act.action.strip() else "Tulis dulu apa yang dilakukan"
        case Settle():
            return _unsettled(case, act)
        case Sign():
            return _unsigned(case, act)
        case Correct():
            return _uncorrected(case, act)


def handling_after(case: Case, act: IncidentAct) -> Handling:
    """How far people have come with an act that was not refused."""
    match act:
        case Acknowledge():
            return "acknowledged"
        case Note() if case.handling in ("opened", "acknowledged"):
            return "acted"
        case Settle():
            if act.disposition == "hold":
                return "held"
            return "unsigned" if needs_second_signature(case) else "settled"
        case Sign():
            return "settled"
        case _:
            return case.handling


def _unsettled(case: Case, act: Settle) -> str | None:
    missing = [
        word
        for word, said in (
            ("penyebab", act.cause.strip()), ("tindakan koreksi", act.action.strip()),
            ("pilihan untuk makanannya (pakai, tahan atau buang)", act.disposition),
        )
        if not said
    ]  # fmt: skip
    if missing:
        return f"Belum lengkap: {', '.join(missing)}"
    if act.disposition == "none" and case.food:
        return "Ini tentang makanan: pilih pakai, tahan atau buang"
    if case.handling == "settled" and STRICTER[act.disposition] <= STRICTER[case.disposition or "none"]:
        return "Sudah selesai ditangani; keputusan hanya boleh menjadi lebih ketat"
    if case.handling == "held" and act.disposition in ("hold", "none"):
        return "Makanan sudah ditahan: pilih pakai atau buang"
    lasts = case.ongoing and case.kind not in STOCK_KINDS
    if lasts and act.disposition != "discard" and not act.moved.strip():
        return "Masalah masih berlangsung: tulis ke mana makanan dipindahkan, atau buang makanannya"
    return None


def _unsigned(case: Case, act: Sign) -> str | None:
    if case.handling != "unsigned":
        return "Tidak ada yang menunggu tanda tangan"
    if act.settlement != case.settlement:
        return "Penyelesaiannya sudah berubah: baca lagi sebelum menandatangani"
    if act.by == case.settled_by:
        return "Tanda tangan kedua harus dari orang lain"
    return None


def _uncorrected(case: Case, act: Correct) -> str | None:
    what = case.written.get(act.corrects)
    if what not in ("note", "settle") or (act.field == "cause" and what != "settle"):
        return "Yang dibetulkan tidak ada di insiden ini"
    return None if act.text.strip() else "Tulis dulu teks yang benar"
