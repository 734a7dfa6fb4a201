"""What every table is made of: the metadata they belong to, and columns by whether they may be missing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, String
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def key(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    """Part of the primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False)


def need(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    """Always there."""
    return Column(name, kind, nullable=False)


def may(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    """May be missing."""
    return Column(name, kind, nullable=True)
