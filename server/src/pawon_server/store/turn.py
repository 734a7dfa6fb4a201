"""Whose turn it is to write for a kitchen. With a file that is settled when it is opened: one server holds it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from . import postgresql
from .address import StoreError
from .tables import lease

# Kinds of leases: a worker that lives, a gateway whose batches it alone takes, a duty that only one worker has.
WORKER, GATEWAY, DUTY = "worker", "gateway", "duty"


def take_turn(connection: Connection, kitchen: str) -> None:
    """The first thing in every transaction that writes for ``kitchen``; it lasts until the transaction ends."""
    if connection.dialect.name == "postgresql":
        postgresql.take_turn(connection, kitchen)


def be_alone(connection: Connection, kitchen: str, *, everywhere: bool = False) -> None:
    """``take_turn`` for a command that needs the kitchen's store for itself, or with ``everywhere`` that of all
    kitchens. Raises ``StoreError`` while workers live."""
    take_turn(connection, kitchen)
    if connection.dialect.name == "postgresql":
        query = select(lease.c.name).where(lease.c.kind == WORKER, lease.c.until_ms > postgresql.now_ms(connection))
        living = connection.execute(query if everywhere else query.where(lease.c.kitchen == kitchen)).scalar()
        if living is not None:
            raise StoreError(f"another server runs on this store (worker {living}); stop it first")
