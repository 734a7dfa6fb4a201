"""A snapshot in one language: every tile, incident, balance and movement as the words and signs that are shown.

Pure: a ``Snapshot`` and a ``Speech`` come in, texts come out. Nothing here judges a measurement; it only refuses to
show as fine what has no value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from ..words import fault_words
from .language import Speech, zone_label
from .view import BatchView, IncidentView, MovementView, Snapshot, StockView, Tile, TileState
from .wording import (
    QUEUE_WORTH_TELLING,
    Sign,
    batch_words,
    estimate_words,
    fate_words,
    link_words,
    movement_words,
    note_words,
    sort_of,
    sort_words,
    state_words,
)

Mood = Literal["well", "watch", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TileLook:
    """A tile in words. ``size`` tells the style how many signs the number has."""

    sensor: str = ""
    quantity: str = ""
    name: str = ""
    state: TileState = "no_data"
    sign: Sign = "no_data"
    number: str = "–"
    unit: str = ""
    size: str = "s"
    word: str = ""
    age: str = ""
    limit_label: str = ""
    limit: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLook:
    """An incident in words; all empty for the piece of page that the scripts copy."""

    id: str = ""
    kind: str = ""
    severity: str = ""
    word: str = ""
    sort: str = ""
    sort_name: str = ""
    name: str = ""
    what: str = ""
    action: str = ""
    size: str = ""
    worst: str = ""
    since: str = ""
    late: bool = False
    over: bool = False
    now: str = ""
    done: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StockLook:
    """One balance in words."""

    place: str = ""
    item: str = ""
    item_name: str = ""
    place_name: str = ""
    amount: str = ""
    low: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MovementLook:
    """One movement in words."""

    id: str = ""
    state: str = ""
    way: str = ""
    amount: str = ""
    item_name: str = ""
    when: str = ""
    detail: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchLook:
    """A batch in words: ``figure`` is the time that is left, or since when it is over (the scripts count on)."""

    id: str = ""
    state: TileState = "no_data"
    sign: Sign = "no_data"
    name: str = ""
    wave: str = ""
    figure: str = "–"
    size: str = "s"
    word: str = ""
    what: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """What stands where an incident would: is all well, and if it is not known, what is not."""

    mood: Mood
    title: str
    detail: str
    streak: str = ""


def sentence(words: str) -> str:
    """Somebody's words on one line, to stand before a full stop."""
    return " ".join(words.split()).removesuffix(".")


def shown_state(tile: Tile) -> TileState:
    """The state as it may be shown: without a believable value nothing is fine, and nothing is bad either."""
    if tile.state != "fault" and (tile.value is None or tile.valid_for_ms <= 0):
        return "no_data"
    return tile.state


def digits_size(number: str) -> str:
    """How large a number of so many signs may be written (the scripts use the same steps)."""
    return "s" if len(number) <= 4 else "m" if len(number) <= 6 else "l"


def action_size(action: str) -> str:
    """How large an instruction of so many signs may be written so that none of it is cut (the scripts do the same)."""
    return "s" if len(action) <= 50 else "m" if len(action) <= 90 else "l"


# Hours of two digits need a smaller figure.
LONG_FIGURE = 8


def countdown(left_ms: int) -> str:
    """``3:59:07`` that is left, ``+0:01:30`` since it was over; the scripts write it alike."""
    seconds = -(-left_ms // 1000) if left_ms > 0 else -left_ms // 1000
    sign = "" if left_ms > 0 else "+"
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """One snapshot in one language: the methods are what the templates ask for."""

    snapshot: Snapshot
    speech: Speech
    words: Mapping[str, object]
    rows: Mapping[str, int]

    @property
    def zone(self) -> str:
        """The kitchen's time zone."""
        return self.snapshot.kitchen.timezone

    def clock(self, at_ms: int) -> str:
        """Time of day with the zone's name."""
        return f"{self.speech.clock(at_ms, self.zone)} {zone_label(self.zone, at_ms)}"

    def moment(self, at_ms: int) -> str:
        """Time of day, with the day before it when that is not today."""
        day, today = (self.speech.day(moment, self.zone) for moment in (at_ms, self.snapshot.now_ms))
        clock = self.speech.clock(at_ms, self.zone)
        return clock if day == today else f"{day} {clock}"

    def tile(self, tile: Tile) -> TileLook:
        """One sensor."""
        _, state = self.speech.gettext, shown_state(tile)
        number, unit = "–", ""
        if tile.value is not None and state != "fault":
            number, unit = self.speech.reading(tile.value, tile.quantity, tile.unit)
        if state == "fault":
            age = fault_words(_).get(tile.fault or "", (tile.fault or "").replace("_", " "))
        elif tile.age_ms is None or tile.value is None:
            age = _("belum ada pengukuran")
        else:
            ago = self.speech.ago(tile.age_ms)
            age = _("DATA LAMA · {ago}").format(ago=ago) if state == "no_data" else ago
        label, limit = self._limit(tile)
        sign: Sign = "measured" if state == "ok" and not tile.limit else state
        return TileLook(
            sensor=tile.sensor, quantity=tile.quantity, name=tile.name, state=state, number=number, unit=unit,
            size=digits_size(number), sign=sign, word=state_words(_)[sign], age=age, limit_label=label, limit=limit,
        )  # fmt: skip

    def _limit(self, tile: Tile) -> tuple[str, str]:
        unit = "g" if tile.quantity == "mass_g" else tile.unit
        low = "" if tile.low is None else f"≥ {self.speech.limit(tile.low, unit)}"
        high = "" if tile.high is None else f"≤ {self.speech.limit(tile.high, unit)}"
        limit = " · ".join(part for part in (low, high) if part) or tile.limit
        if limit:
            return self.speech.gettext("Batas"), limit
        return "", self.speech.gettext("belum stabil") if tile.stable is False else ""

    def incident(self, incident: IncidentView) -> IncidentLook:
        """One incident, open or closed."""
        _, english = self.speech.gettext, self.speech.language == "en"
        worst, action = "", incident.action_en if english else incident.action_id
        if incident.worst is not None:
            worst = self.speech.limit(round(incident.worst, 1), incident.unit)
            if incident.limit_value is not None:
                limit = self.speech.limit(incident.limit_value, incident.unit)
                worst = _("terburuk {worst} (batas {limit})").format(worst=worst, limit=limit)
        return IncidentLook(
            id=incident.id, kind=incident.kind, severity=incident.severity, name=incident.name,
            word=state_words(_)[incident.severity],
            sort=sort_words(_)[sort_of(incident.kind)], sort_name=sort_of(incident.kind),
            what=incident.text_en if english else incident.text_id,
            action=action, size=action_size(action),
            worst=worst, since=self._since(incident), late=incident.late,
            over=incident.closed_ms is not None, now=_("belum selesai") if incident.closed_ms is None else _("selesai"),
            done=self._done(incident),
        )  # fmt: skip

    def _done(self, incident: IncidentView) -> str:
        """What people did, once they have settled it."""
        if incident.handling != "settled":
            return ""
        fate = fate_words(self.speech.gettext).get(incident.disposition or "", "")
        words = self.speech.gettext("Penyebab: {cause}. Yang dilakukan: {done}. Hasil: {fate}.")
        return words.format(cause=sentence(incident.cause), done=sentence(incident.done), fate=fate)

    def _since(self, incident: IncidentView) -> str:
        _, began = self.speech.gettext, f"{self.moment(incident.began_ms)} {zone_label(self.zone, incident.began_ms)}"
        until = self.snapshot.now_ms if incident.closed_ms is None else incident.closed_ms
        span = self.speech.span(until - incident.began_ms)
        estimate = self._estimate(incident)
        if incident.closed_ms is None:
            return _("sejak {time} · {span}").format(time=began, span=span) + estimate
        return _("{time} · selesai setelah {span}").format(time=began, span=span) + estimate

    def _estimate(self, incident: IncidentView) -> str:
        """Between when it was, where no clock knew: nobody may take the date for more than it is."""
        earliest = None if incident.earliest_ms is None else self.moment(incident.earliest_ms)
        latest = None if incident.latest_ms is None else self.moment(incident.latest_ms)
        if earliest is None and latest is None:
            return ""
        kind = "between" if earliest and latest else "after" if earliest else "before"
        return " · " + estimate_words(self.speech.gettext)[kind].format(earliest=earliest, latest=latest)

    def stock(self, stock: StockView) -> StockLook:
        """One balance; what was never booked is unknown, not empty."""
        _, amount, place = self.speech.gettext, "–", stock.place_name
        if stock.amount is None:
            place = f"{place} · {_('belum dibukukan')}"
        else:
            amount = self.speech.amount(stock.amount, stock.unit)
        low = stock.minimum is not None and stock.amount is not None and stock.amount < stock.minimum
        return StockLook(
            place=stock.place, item=stock.item, item_name=stock.item_name, place_name=place, amount=amount,
            low=_("menipis") if low else "",
        )  # fmt: skip

    def movement(self, movement: MovementView) -> MovementLook:
        """One movement; the direction also stands in its sign and word."""
        way = "in" if movement.amount > 0 else "out"
        kind = movement_words(self.speech.gettext).get(movement.kind) or movement_words(self.speech.gettext)[way]
        return MovementLook(
            id=movement.id, state=movement.state, way=way, item_name=movement.item_name,
            amount=self.speech.amount(movement.amount, movement.unit, signed=True),
            when=self.moment(movement.occurred_ms), detail=f"{kind} · {movement.place_name}",
            note=note_words(self.speech.gettext).get(movement.state, ""),
        )  # fmt: skip

    def batch(self, batch: BatchView) -> BatchLook:
        """One batch by its clock: how long until the first critical step, and what the newest step says to do."""
        _, now_ms, english = self.speech.gettext, self.snapshot.now_ms, self.speech.language == "en"
        words = batch_words(_)
        passed = [step for step in batch.steps if step.at_ms <= now_ms]
        state: TileState = "critical" if any(step.severity == "critical" for step in passed) else (
            "warning" if passed else "ok")  # fmt: skip
        last = next((step.at_ms for step in batch.steps if step.severity == "critical"), None)
        figure, word, sign = "–", words[batch.state], "measured" if not batch.steps else state
        if last is not None:
            figure = countdown(last - now_ms)
            word = words["over" if now_ms >= last else "remaining"]
        what = (passed[-1].action_en if english else passed[-1].action_id) if passed else ""
        if not batch.named:
            what = what or words["unnamed"]
        elif last is not None:
            what = what or words["before"].format(time=self.clock(last))
        return BatchLook(
            id=batch.id, state=state, sign=sign, name=batch.name, figure=figure, word=word, what=what,
            size="s" if len(figure) <= LONG_FIGURE else "l",
            wave=words["wave"].format(wave=batch.wave) if batch.named else "",
        )  # fmt: skip

    @property
    def uneaten(self) -> list[BatchView]:
        """The batches of which something is left."""
        return [one for one in self.snapshot.batches if one.state not in ("eaten", "discarded")]

    def calm(self) -> Calm:
        """The line for a time without an incident; ``well`` only when every sensor has a believable, good value."""
        _, tiles = self.speech.gettext, self.snapshot.tiles
        states = {tile.sensor: shown_state(tile) for tile in tiles}
        missing = [tile.name for tile in tiles if states[tile.sensor] in ("no_data", "fault")]
        beyond = [tile.name for tile in tiles if states[tile.sensor] in ("warning", "critical")]
        if missing or not tiles:
            title = _("{good} dari {all} titik terukur").format(good=len(tiles) - len(missing), all=len(tiles))
            return Calm(mood="unknown", title=title, detail=self._names(_("Tidak terukur: {names}"), missing))
        if beyond:
            return Calm(mood="watch", title=_("Perhatikan"), detail=self._names(_("Di luar batas: {names}"), beyond))
        if any(gateway.online is False for gateway in self.snapshot.gateways):
            # The values are still believable, but nobody is measuring any more.
            return Calm(mood="unknown", title=_("Alat pengirim terputus"), detail=_("Angka terakhir masih terlihat."))
        detail = _("Semua {all} titik terukur sekarang").format(all=len(tiles))
        streak = ""
        ended = [incident.closed_ms for incident in self.snapshot.recent_incidents if incident.closed_ms is not None]
        if ended:
            streak = self.speech.span(self.snapshot.now_ms - max(ended))
        return Calm(mood="well", title=_("Semua aman"), detail=detail, streak=streak)

    def _names(self, template: str, names: list[str]) -> str:
        shown = ", ".join(names[: self.rows["more"]])
        more = len(names) - self.rows["more"]
        return template.format(names=shown + (f" +{more}" if more > 0 else "")) if names else ""

    def link(self) -> tuple[str, str]:
        """How the gateways do, in one word for the style and one line for people."""
        _, gateways = self.speech.gettext, self.snapshot.gateways
        link = link_words(_)
        if not gateways or any(gateway.online is None for gateway in gateways):
            return "unknown", link["unknown"]
        away = sum(not gateway.online for gateway in gateways)
        if away:
            return "away", link["away"].format(away=away, all=len(gateways))
        queue = sum(gateway.queue_rows or 0 for gateway in gateways)
        if queue > QUEUE_WORTH_TELLING:
            return "behind", link["behind"].format(rows=self.speech.number(queue))
        return "ok", link["ok"]
