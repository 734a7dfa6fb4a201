"""Where a store is: a file (SQLite), or a database of a PostgreSQL server that several kitchens or workers share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SCHEME = "postgresql"
# What may follow the database's name: how the connection is encrypted, in the words of PostgreSQL's own library.
OPTIONS = ("sslmode", "sslrootcert")
_LIKE = "postgresql://user@host:5432/database"


class StoreError(Exception):
    """The store cannot be used; the text names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database of a PostgreSQL server. The password comes from a file of its own and is shown nowhere."""

    user: str
    host: str
    port: int
    name: str
    options: tuple[tuple[str, str], ...] = ()
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}://{self.user}@{host}:{self.port}/{self.name}"


Address = Path | Database


def is_database(text: str) -> bool:
    """Whether ``text`` speaks of a database server at all, and not of a file."""
    return "://" in text


def parse_database(text: str, password: str | None = None) -> Database:
    """``postgresql://user@host:port/database``. Raises ``ValueError`` with what is wrong."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the port is no port; must look like {_LIKE}") from error
    if parts.password is not None:
        raise ValueError("no password in the address, which logs would show: give store_password_file")
    name = parts.path.removeprefix("/")
    if parts.scheme != SCHEME or not (parts.username and parts.hostname and name) or "/" in name or parts.fragment:
        raise ValueError(f"must be a file, or look like {_LIKE}")
    options = tuple(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := [key for key, _ in options if key not in OPTIONS]:
        raise ValueError(f"{unknown[0]!r} is not known; after the ? may stand {' and '.join(OPTIONS)}")
    return Database(
        user=parts.username, host=parts.hostname, port=5432 if port is None else port, name=name, options=options,
        password=password,
    )  # fmt: skip
