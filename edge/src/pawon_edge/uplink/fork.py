"""Where this card's rows and the server's part: asked by sending single rows that the server should hold. Pure.

A card that was restored from a copy, or runs in two gateways, numbers other rows as the server knows them. The chain
value of a row proves all rows before it, so halving finds the first one that differs within some twenty questions.
"""

from __future__ import annotations

from dataclasses import dataclass

from pawon_contract.messages import Committed


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A row that was sent alone; a gap covers ``first``..``last``."""

    first: int
    last: int
    sent_ms: int
    digest: str


@dataclass(slots=True, kw_only=True)
class ForkSearch:
    """Rows up to ``agreed`` are the server's too; from ``differs`` on they are not, or it has none."""

    spool: str
    differs: int
    agreed: int = 0
    asked: Question | None = None
    # How far the server has the spool; less than at the beginning when it was restored from a backup meanwhile.
    upto: int = 0
    _fell: bool = False
    # A gap of the record hides rows from here on; whether they are the same only its end, ``_ask``, can tell.
    _hidden: int | None = None
    _ask: int | None = None

    @property
    def found(self) -> int | None:
        """The first row that is not the server's, once it is known."""
        return self.differs if self.agreed + 1 >= self.differs else None

    @property
    def continues(self) -> bool:
        """Whether it turned out that the server only has less than it was thought to have: there is no fork."""
        return self._fell and self.found == self.upto + 1

    @property
    def next(self) -> int:
        """The row to ask about."""
        return self._ask or (self.agreed + self.differs) // 2

    def worth_asking(self, first: int, last: int) -> bool:
        """Whether the row ``first``..``last`` tells anything; a gap beyond what the server holds does not."""
        if last >= self.differs:
            self._take(first, last, same=False)
            return False
        return True

    def hear(self, answer: Committed) -> None:
        """Take the server's word, where it answers the question."""
        asked = self.asked
        if asked is None:
            return
        if answer.refused is not None and answer.refused.digest == asked.digest:
            self._take(asked.first, asked.last, same=False)
        answers = answer.answers if answer.spool == self.spool and answer.refused is None else None
        if answers is not None and (answers.first, answers.sent_ms) == (asked.first, asked.sent_ms):
            if answer.upto < asked.last:  # it lacks the row, so it has compared nothing
                self.upto, self._fell, self.differs = answer.upto, True, min(self.differs, answer.upto + 1)
                self.agreed = min(self.agreed, answer.upto)
                self.asked = self._hidden = self._ask = None
            else:
                self._answered(asked, answers.covered_to)

    def _answered(self, asked: Question, covered_to: int | None) -> None:
        if covered_to is None:
            self._take(asked.first, asked.last, same=True)
        elif covered_to < self.differs and self._ask is None:
            self._hidden, self._ask, self.asked = asked.first, covered_to, None
        else:
            self._take(asked.first, asked.last, same=False)

    def _take(self, first: int, last: int, *, same: bool) -> None:
        if same:
            self.agreed = last
        else:
            self.differs = first if self._hidden is None else self._hidden
        self.asked = self._hidden = self._ask = None
