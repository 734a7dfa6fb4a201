"""What went into batches by recipe and what came out of them, as acts told: projection of ``batch_mass`` and
``batch_recipe``, and of the movements that recipes stand for.

A recipe's amount of an item counts until somebody tells what was taken of it for the same batch, by a scale or by hand.
That is weighed up anew whenever a movement of the batch changes (``weigh_up``), so which came first decides nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, and_, func, insert, literal, or_, select, update

from ..rulebook import Rulebook
from ..stock import accounts
from ..stock.mass_acts import MassAct, TakeIngredients, WeighBatch, WithdrawMass, taken_amount
from ..store.journal import Entry
from ..store.stock_tables import batch_mass, batch_recipe, movement
from ..store.tables import batch
from .book import BOOKED, StockBook
from .context import Changes
from .lots import weighed_anyway
from .stock import RECIPE, strange_place
from .untimely import untimely

# Of one batch: a few pans, trimmings and pails, and a return from each school; more is a slip.
MAX_TOLD = 200
NOT_STOCK = "Hasil masakan, bukan stok"
TOLD = "Bahan ini sudah dicatat sendiri"
NEWER = "Resep dicatat lagi sesudahnya"


class BatchMasses:
    """Keeps nothing in memory: a batch is weighed a few times."""

    def __init__(self, kitchen: str, ledger: StockBook) -> None:
        self._kitchen, self._ledger = kitchen, ledger

    # --- what people write ------------------------------------------------------------------------------------------

    def refuse(self, connection: Connection, book: Rulebook, act: MassAct, now_ms: int) -> str | None:
        """Why it cannot be, in Indonesian."""
        known = select(batch.c.id).where(batch.c.kitchen == self._kitchen, batch.c.id == act.batch)
        if connection.execute(known).first() is None:
            return "Batch tidak dikenal"
        if isinstance(act, WithdrawMass):
            row = self._told(connection, act.withdraws)
            if row is None or row.batch != act.batch:
                return "Catatan ini tidak ada pada masakan ini"
            return "Catatan ini sudah ditarik" if row.withdrawn else None
        if (reason := untimely(act.at_ms, now_ms)) is not None:
            return reason
        if self._count(connection, act.batch) >= MAX_TOLD:
            return "Catatan masakan ini sudah penuh"
        return self._unfit(connection, book, act) if isinstance(act, WeighBatch) else _untakable(connection, book, act)

    def _unfit(self, connection: Connection, book: Rulebook, act: WeighBatch) -> str | None:
        if act.item and book.settings.item(act.item) is None:
            return "Bahan ini tidak terdaftar"
        if act.kind == "waste" and act.waste in ("", "leftover"):
            return "Sisa makan dicatat tersendiri" if act.waste else "Sebut mengapa dibuang"
        if act.kind not in ("waste", "leftover") and act.waste:
            return "Alasan hanya untuk yang dibuang"
        if act.kind == "leftover" and act.waste not in ("", "leftover"):
            return "Sisa makan tidak punya alasan lain"
        if act.item and act.kind in ("cooked", "leftover"):
            return "Yang sudah matang bukan bahan lagi"
        if not act.movement:
            return "Sebut beratnya" if act.mass_g is None else None
        if act.mass_g is not None:
            return "Berat dari timbangan tidak diubah"
        seen = self._ledger.get(connection, act.movement)
        if seen is None or seen.after_g is None or seen.counted is not None:
            return "Catatan timbangan ini tidak ada"
        return None if seen.state == "proposed" and not seen.person else "Catatan timbangan ini sudah diputuskan"

    def take(self, connection: Connection, book: Rulebook, act: MassAct, entry: Entry, changes: Changes) -> None:
        """Something came out, was taken, or what was told of it was wrong."""
        changes.stock = changes.batches = True
        match act:
            case WeighBatch():
                self._weigh(connection, act, entry)
            case TakeIngredients():
                self._take_recipe(connection, book, act, entry)
            case WithdrawMass():
                self._withdraw(connection, act, entry)

    def _weigh(self, connection: Connection, act: WeighBatch, entry: Entry) -> None:
        seen = self._ledger.get(connection, act.movement) if act.movement else None
        connection.execute(
            insert(batch_mass),
            {
                "kitchen": self._kitchen, "id": act.id, "batch": act.batch, "kind": act.kind,
                "mass_g": (act.mass_g or 0) if seen is None else abs(seen.after_g - seen.before_g), "item": act.item,
                "waste": "leftover" if act.kind == "leftover" else act.waste, "school": act.school,
                "movement": act.movement, "at_ms": act.at_ms, "withdrawn": False, "reason": "", "person": act.by,
                "journal_id": entry.id,
            },
        )  # fmt: skip
        if seen is not None:
            values = {"state": "refused", "person": act.by, "reason": NOT_STOCK}
            self._ledger.change(connection, entry.id, seen.id, values)

    def _take_recipe(self, connection: Connection, book: Rulebook, act: TakeIngredients, entry: Entry) -> None:
        connection.execute(
            insert(batch_recipe),
            {
                "kitchen": self._kitchen, "id": act.id, "batch": act.batch, "place": act.place,
                "portions": act.portions, "at_ms": act.at_ms, "withdrawn": False, "reason": "", "person": act.by,
                "journal_id": entry.id,
            },
        )  # fmt: skip
        for needed in act.recipe:
            item = book.settings.item(needed.item)
            amount = taken_amount(needed, act.portions)
            if amount > 0:
                self._ledger.put(
                    connection, entry.id,
                    {
                        "id": f"{act.id}.{needed.item}", "occurred_ms": act.at_ms, "place": act.place,
                        "item": needed.item, "unit": "g" if item is None else item.unit, "amount": -amount,
                        "from_place": act.place, "to_place": accounts.COOKED, "batch": act.batch, "person": act.by,
                        "state": "confirmed", "kind": RECIPE,
                    },
                )  # fmt: skip
        self._ledger.touch_batch(act.batch)

    def _withdraw(self, connection: Connection, act: WithdrawMass, entry: Entry) -> None:
        said = {"withdrawn": True, "reason": act.reason, "journal_id": entry.id}
        for table in (batch_mass, batch_recipe):
            connection.execute(update(table).where(*self._is(table, act.withdraws)).values(**said))
        self._ledger.touch_batch(act.batch)
        told = self._told(connection, act.withdraws)
        name = None if told is None else told.movement
        seen = self._ledger.get(connection, name) if name else None
        if seen is not None and (seen.state, seen.reason) == ("refused", NOT_STOCK):  # the scale has seen something
            values = {"state": "proposed", "person": "", "reason": ""}
            self._ledger.change(connection, entry.id, seen.id, values)

    # --- what counts ------------------------------------------------------------------------------------------------

    def weigh_up(self, connection: Connection, entry: Entry) -> None:
        """Which amounts of recipes count, for every batch of which a movement changed."""
        for name in self._ledger.take_batches():
            self._weigh_up(connection, name, entry)
        self._ledger.take_batches()  # what was changed just now needs no second look

    def _weigh_up(self, connection: Connection, name: str, entry: Entry) -> None:
        recipes = connection.execute(
            select(batch_recipe)
            .where(batch_recipe.c.kitchen == self._kitchen, batch_recipe.c.batch == name)
            .order_by(batch_recipe.c.at_ms, batch_recipe.c.id)
        ).all()
        if not recipes:
            return
        rows = connection.execute(
            select(movement.c.id, movement.c.item, movement.c.kind, movement.c.state, movement.c.reason).where(
                movement.c.kitchen == self._kitchen, movement.c.batch == name,
                or_(
                    movement.c.kind == RECIPE,
                    and_(movement.c.to_place == accounts.COOKED, movement.c.state.in_(BOOKED)),
                ),
            )
        ).all()  # fmt: skip
        why = {row.id: row.reason if row.withdrawn else NEWER for row in recipes}
        newest = [row.id for row in recipes if not row.withdrawn][-1:]
        told = {row.item for row in rows if row.kind != RECIPE}
        for row in rows:
            if row.kind != RECIPE:
                continue
            act = row.id.partition(".")[0]
            reason = (TOLD if row.item in told else "") if act in newest else why[act]
            state = "refused" if reason else "confirmed"
            if (row.state, row.reason) != (state, reason):
                values = {"state": state, "reason": reason, "doubt": ""}  # what counts is doubted anew
                self._ledger.change(connection, entry.id, row.id, values)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _told(self, connection: Connection, name: str) -> Any:
        """What an act told, or ``None``; ``movement`` is the weighing that saw it, if any."""
        columns = (batch_mass.c.batch, batch_mass.c.withdrawn, batch_mass.c.movement)
        row = connection.execute(select(*columns).where(*self._is(batch_mass, name))).first()
        if row is not None:
            return row
        recipes = select(batch_recipe.c.batch, batch_recipe.c.withdrawn, literal("").label("movement"))
        return connection.execute(recipes.where(*self._is(batch_recipe, name))).first()

    def _count(self, connection: Connection, name: str) -> int:
        return sum(
            connection.execute(
                select(func.count()).where(table.c.kitchen == self._kitchen, table.c.batch == name)
            ).scalar_one()
            for table in (batch_mass, batch_recipe)
        )

    def _is(self, table: Table, name: str) -> tuple[Any, ...]:
        return (table.c.kitchen == self._kitchen, table.c.id == name)


def _untakable(connection: Connection, book: Rulebook, act: TakeIngredients) -> str | None:
    if act.place in accounts.OUTSIDE:
        return "Bahan diambil dari tempat di dapur"
    if (strange := strange_place(connection, book.settings, act.place)) is not None:
        return strange
    items = [needed.item for needed in act.recipe]
    if len(set(items)) < len(items):
        return "Satu bahan ditulis dua kali"
    if any(book.settings.item(item) is None for item in items):
        return "Bahan ini tidak terdaftar"
    return next((why for item in items if (why := weighed_anyway(book, item, [act.place]))), None)
