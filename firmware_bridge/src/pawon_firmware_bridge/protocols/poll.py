"""How a scale that does not talk by itself is asked. Pure: bytes heard in, bytes to send out; a driver keeps the time.

A driver calls `ask` every `interval_s`, for the first time one interval after it opened the port, and sends what it
gets; it hands all bytes it hears to `hear`, sends what that gives at once, and to the protocol's parser. Nothing to
send is `b""`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

ASK_INTERVAL_S = 1.0
"""Some indicators beep at each question, and some stop weighing while they answer; a pot is not faster than this."""


class Dialogue(Protocol):
    """One port's conversation; a new one for every opening."""

    def ask(self) -> bytes:
        """Begin a question; one that is still open is given up."""
        ...

    def hear(self, data: bytes, /) -> bytes:
        """What to send in answer to what was heard."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """`dialogue` makes a `Dialogue`; where `addresses` is not empty it takes one of its letters as `address`."""

    dialogue: Callable[..., Dialogue]
    interval_s: float = ASK_INTERVAL_S
    addresses: str = ""


class AskWhenSilent:
    """Asks a scale that may also be set to send by itself: while it does, it is left in peace.

    `answer_length` is that of one answer in bytes; more than that between two questions is a scale that sends by
    itself. A `question` may be the request to do so. `fallback` is asked from then on if `refusal` is heard.
    """

    def __init__(self, question: bytes, *, answer_length: int, refusal: bytes = b"", fallback: bytes = b"") -> None:
        self._question = question
        self._answer_length = answer_length
        self._refusal = refusal
        self._fallback = fallback
        self._asked = False
        self._heard = 0
        self._tail = b""

    def ask(self) -> bytes:
        streaming = self._heard > (self._answer_length if self._asked else 0)
        self._asked, self._heard = not streaming, 0
        return b"" if streaming else self._question

    def hear(self, data: bytes, /) -> bytes:
        self._heard += len(data)
        if self._refusal:
            recent = self._tail + data
            if self._asked and self._refusal in recent:
                self._question, self._refusal = self._fallback, b""
            self._tail = recent[-len(self._refusal) :] if self._refusal else b""
        return b""
