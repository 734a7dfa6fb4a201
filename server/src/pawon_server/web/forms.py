"""Plain HTML forms: what a person typed, bounded, and one act however often the button is tapped. Knows no page."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl

from ..people.act import ActId

# The longest forms: a recipe of 40 ingredients with two fields each, a supplier with a tick for each of 100 items.
MAX_FIELDS = 128
# A hidden field of every form: made when the page is drawn.
TOKEN = "token"  # noqa: S105  # its name
KIND = "application/x-www-form-urlencoded"


class UnreadableFormError(ValueError):
    """What came is no form of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What was typed, by field; nothing on a page that is only looked at. ``error`` is shown beside the form."""

    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    error: str = ""
    status: int = 200

    @property
    def token(self) -> str:
        """For the hidden field: the one that came, so that what failed may be sent again."""
        return self.values.get(TOKEN) or secrets.token_hex(12)

    @property
    def act(self) -> ActId:
        """The id of the act that this form is: the same form sent twice is one act, changed it is another."""
        content = "\0".join(f"{name}={value}" for name, value in sorted(self.values.items()))
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def of(self, do: str) -> Form:
        """This form as one of several on a page, told apart by the hidden field ``do``: empty when it is another."""
        return self if self.values.get("do") == do else Form()

    def get(self, name: str) -> str:
        """What was typed in a field, without blanks around it; empty when nothing was."""
        return self.values.get(name, "").strip()


def read_form(content_type: str, body: bytes) -> Form:
    """The form in a request's body. Of a field that came twice the last counts. Raises ``UnreadableFormError``."""
    if content_type.partition(";")[0].strip().lower() != KIND:
        raise UnreadableFormError("not a form")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise UnreadableFormError(str(error)) from error
    # Browsers end lines with CR LF; PostgreSQL's texts hold no NUL.
    return Form(
        values=MappingProxyType({name: value.replace("\r\n", "\n").replace("\0", "") for name, value in fields})
    )
