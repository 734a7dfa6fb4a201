"""What went into a batch and what came out, in words for the kitchen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from ..food_safety.batch import Batch
from ..projections.batch_balance import MassesOfBatch, masses_of
from ..projections.recipes import recipe_of
from ..projections.stock import places_known
from ..rulebook import Rulebook
from ..stock import accounts
from ..stock.mass_balance import Balance, Gap
from ..store.stock_tables import movement
from .language import Speech

# Weighings that wait for a word and are offered for what came out: the newest.
MAX_WEIGHINGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class MassLook:
    """A batch's balance. ``taken`` are lines to read; ``told`` and ``recipes`` are (act, line, withdrawn); ``items``
    are its ingredients, as (id, name); ``by_recipe``: its dish has a recipe."""

    verdict: str
    word: str
    detail: str
    figures: tuple[str, ...]
    gaps: tuple[str, ...]
    taken: tuple[str, ...]
    told: tuple[tuple[str, str, bool], ...]
    items: tuple[tuple[str, str], ...]
    by_recipe: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the page needs of the store, read at once."""

    masses: dict[str, MassesOfBatch]
    recipes: frozenset[str]
    weighings: Sequence[Any]

    def look(self, name: str, book: Rulebook, speech: Speech) -> MassLook:
        """One batch in words."""
        found, zone = self.masses[name], book.settings.timezone
        word, detail = _verdict(found.balance, speech)
        taken = tuple(
            " · ".join(
                part
                for part in (
                    item_name(book, one.item), speech.amount(one.amount, one.unit),
                    _lot(one.lot, speech, assumed=one.assumed), _how(one.how, speech),
                )
                if part
            )
            for one in found.taken
        )  # fmt: skip
        return MassLook(
            verdict=found.balance.verdict, word=word, detail=detail, figures=_figures(found.balance, speech),
            gaps=tuple(_gap(what, item_name(book, item), speech) for what, item in found.balance.gaps), taken=taken,
            told=(
                *((row.id, _told(row, book, speech), row.withdrawn) for row in found.told),
                *((row.id, _recipe(row, speech, zone), row.withdrawn) for row in found.recipes),
            ),
            items=tuple((item, item_name(book, item)) for item in sorted({one.item for one in found.taken})),
            by_recipe=name in self.recipes,
        )  # fmt: skip

    def sources(self, book: Rulebook) -> list[tuple[str, str]]:
        """Where a recipe's ingredients may be taken from, the place where food is prepared first."""
        names = [name for name in places_known(book.settings) if name not in accounts.OUTSIDE]
        prepared = [place.emptied_to for place in book.settings.places]
        names.sort(key=lambda name: -prepared.count(name))
        return [(name, _place_name(book, name)) for name in names]

    def weighings_told(self, book: Rulebook, speech: Speech) -> list[tuple[str, str]]:
        """Weighings that nobody has told of yet, by movement."""
        return [
            (
                row.id,
                f"{_place_name(book, row.place)} {speech.clock(row.occurred_ms, book.settings.timezone)} · "
                + speech.amount(abs(row.after_g - row.before_g), "g"),
            )
            for row in self.weighings
        ]


def read_shelf(reader: Engine, book: Rulebook, batches: Sequence[Batch]) -> Shelf:
    """What is known of these batches' masses."""
    kitchen = book.settings.kitchen
    named = [one for one in batches if one.named]
    with reader.connect() as connection:
        masses = masses_of(connection, book, {one.id: one.portions for one in named})
        weighings = connection.execute(
            select(movement)
            .where(
                movement.c.kitchen == kitchen, movement.c.state == "proposed", movement.c.sensor != "",
                movement.c.counted.is_(None),
            )
            .order_by(movement.c.occurred_ms.desc(), movement.c.id)
            .limit(MAX_WEIGHINGS)
        ).all()  # fmt: skip
        recipes = frozenset(one.id for one in named if recipe_of(connection, kitchen, one.dish))
    return Shelf(masses=masses, recipes=recipes, weighings=weighings)


def outcome_words(speech: Speech) -> list[tuple[str, str]]:
    """What can come out of a batch, as buttons: the kind, and after a dot why it was thrown away."""
    _ = speech.gettext
    waste = reason_words(speech)
    return [
        ("cooked", _("Matang, siap dibagi")), ("trimming", _("Kupasan, tulang")),
        *((f"waste.{code}", waste[code]) for code in ("spoiled", "expired", "burnt", "surplus", "spilled", "rejected")),
        ("leftover", waste["leftover"]),
    ]  # fmt: skip


def reason_words(speech: Speech) -> dict[str, str]:
    """Why something was thrown away."""
    _ = speech.gettext
    return {
        "spoiled": _("Busuk"), "expired": _("Kedaluwarsa"), "burnt": _("Gosong"), "surplus": _("Sisa produksi"),
        "leftover": _("Sisa makan"), "spilled": _("Tumpah"), "rejected": _("Ditolak"),
    }  # fmt: skip


def item_name(book: Rulebook, item: str) -> str:
    """As people call it."""
    known = book.settings.item(item)
    return item if known is None else known.name


def _place_name(book: Rulebook, place: str) -> str:
    known = book.settings.place(place)
    return place if known is None else known.name


def _verdict(one: Balance, speech: Speech) -> tuple[str, str]:
    _ = speech.gettext
    if one.verdict == "closed":
        return _("Seimbang"), _("Yang keluar sesuai dengan bahannya.")
    if one.verdict == "unknown" or one.unexplained_g is None:
        return _("Belum dapat dinilai"), _("Lengkapi dulu catatan di bawah ini.")
    mass = speech.amount(abs(one.unexplained_g), "g")
    if one.unexplained is not None:
        mass += f" ({speech.number(abs(one.unexplained) * 100)} %)"
    if one.verdict == "missing":
        return _("Kurang {mass}").format(mass=mass), _("Periksa berat matang, yang dibuang, dan bahan yang diambil.")
    return _("Lebih {mass}").format(mass=mass), _("Ada air atau bahan yang belum dicatat, atau salah timbang.")


def _figures(one: Balance, speech: Speech) -> tuple[str, ...]:
    _ = speech.gettext
    lines = []
    if one.in_g is not None:
        lines.append(_("Bahan masuk {mass}").format(mass=speech.amount(one.in_g, "g")))
    if one.least_g is not None and one.most_g is not None:
        least, most = speech.amount(one.least_g, "g"), speech.amount(one.most_g, "g")
        lines.append(_("Seharusnya menjadi {least} sampai {most}").format(least=least, most=most))
    if one.out_g is not None:
        parts = {"out": one.out_g, "cooked": one.cooked_g or 0, "waste": one.waste_g, "sample": one.sample_g}
        told = {name: speech.amount(mass_g, "g") for name, mass_g in parts.items()}
        lines.append(_("Keluar {out}: matang {cooked}, dibuang {waste}, sampel {sample}").format(**told))
    if one.portion_g is not None:
        lines.append(_("Satu porsi {mass} g").format(mass=speech.number(one.portion_g)))
    return tuple(lines)


def _gap(what: Gap, item: str, speech: Speech) -> str:
    _ = speech.gettext
    words = {
        "ingredients": _("Bahan belum dicatat"), "cooked": _("Berat matang belum ditimbang"),
        "trimming": _("{item}: kupasan atau tulang belum ditimbang"), "factor": _("{item}: faktor masak belum diatur"),
        "unit": _("{item}: berat satuannya tidak diketahui"), "estimated": _("{item}: baru perkiraan resep"),
        "stray": _("{item}: dibuang, tetapi bukan bahan masakan ini"),
    }  # fmt: skip
    return words[what].format(item=item)


def _how(how: str, speech: Speech) -> str:
    _ = speech.gettext
    return {"scale": _("ditimbang"), "hand": _("ditulis tangan"), "recipe": _("perkiraan resep")}[how]


def _lot(lot: str, speech: Speech, *, assumed: bool) -> str:
    _ = speech.gettext
    if not lot:
        return _("tanpa lot")
    return _("{lot} (dugaan)").format(lot=lot) if assumed else lot


def _told(row: Any, book: Rulebook, speech: Speech) -> str:
    _ = speech.gettext
    words = dict(outcome_words(speech)) | {"sample": _("Sampel lain")}
    what = words[f"{row.kind}.{row.waste}" if row.kind == "waste" else row.kind]
    parts = (what, speech.amount(row.mass_g, "g"), item_name(book, row.item) if row.item else "", row.school,
             _how("scale" if row.movement else "hand", speech))  # fmt: skip
    return " · ".join(part for part in parts if part)


def _recipe(row: Any, speech: Speech, zone: str) -> str:
    _ = speech.gettext
    return _("Resep untuk {n} porsi, pukul {time}").format(n=row.portions, time=speech.clock(row.at_ms, zone))
