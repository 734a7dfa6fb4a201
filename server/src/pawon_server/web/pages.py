"""The screens: ``/wall`` for the kitchen's television and ``/forum`` for everyone.

A page is rendered with the true values, so that it is right without scripts; the scripts keep it right from ``/events``
and say OLD by themselves when nothing comes. Every word is written here or in the templates and handed to the scripts
as data. Nothing here judges a measurement; it only refuses to show as fine what has no value.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.types import Scope

from .language import DEFAULT, LANGUAGES, Language, Speech, load_speeches, zone_label
from .view import IncidentView, MovementView, Snapshot, StockView, Tile, TileState

HERE = Path(__file__).parent
COOKIE = "pawon_lang"
COOKIE_MAX_AGE_S = 365 * 24 * 3600
# Scripts, styles and pictures only from here and only from files: a name typed into a configuration can never run.
SECURITY = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
)
# What fits without scrolling at 1920x1080; the rest is counted, never hidden in silence.
WALL_ROWS = MappingProxyType({"stock": 5, "movements": 3, "more": 3})
FORUM_ROWS = MappingProxyType({"stock": 40, "movements": 12, "more": 3, "incidents": 20})
# Beyond this many tiles the wall's grid gets a fifth row.
WALL_TILES = 16
OPEN_DATA = ("/api/v1/latest", "/api/v1/incidents", "/api/v1/stock", "/api/v1/movements", "/openapi.json")

Mood = Literal["well", "watch", "unknown"]
# What a tile shows by shape and word: its state, or that a good value is judged by no limit.
Sign = TileState | Literal["measured"]


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
    name: str = ""
    what: str = ""
    action: str = ""
    size: str = ""
    worst: str = ""
    since: str = ""
    late: bool = False
    over: bool = False
    now: str = ""


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
class Calm:
    """What stands where an incident would: is all well, and if it is not known, what is not."""

    mood: Mood
    title: str
    detail: str
    streak: str = ""


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
                worst = _("{worst} (batas {limit})").format(worst=worst, limit=limit)
        return IncidentLook(
            id=incident.id, kind=incident.kind, severity=incident.severity, name=incident.name,
            word=state_words(_)[incident.severity],
            sort=_("Keamanan pangan") if incident.kind == "limit" else _("Masalah sensor"),
            what=incident.text_en if english else incident.text_id,
            action=action, size=action_size(action),
            worst=worst, since=self._since(incident), late=incident.late,
            over=incident.closed_ms is not None, now=_("belum selesai") if incident.closed_ms is None else _("selesai"),
        )  # fmt: skip

    def _since(self, incident: IncidentView) -> str:
        _, began = self.speech.gettext, f"{self.moment(incident.began_ms)} {zone_label(self.zone, incident.began_ms)}"
        until = self.snapshot.now_ms if incident.closed_ms is None else incident.closed_ms
        span = self.speech.span(until - incident.began_ms)
        if incident.closed_ms is None:
            return _("sejak {time} · {span}").format(time=began, span=span)
        return _("{time} · selesai setelah {span}").format(time=began, span=span)

    def stock(self, stock: StockView) -> StockLook:
        """One balance."""
        low = stock.minimum is not None and stock.amount < stock.minimum
        return StockLook(
            place=stock.place, item=stock.item, item_name=stock.item_name, place_name=stock.place_name,
            amount=self.speech.amount(stock.amount, stock.unit),
            low=self.speech.gettext("menipis") if low else "",
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


# A few rows wait between two batches at any time; more than this is a backlog being sent.
QUEUE_WORTH_TELLING = 200


def state_words(_: Callable[[str], str]) -> dict[Sign, str]:
    """The five states, and a good value that no limit judges; capitals, as they are read from far away."""
    return {
        "ok": _("AMAN"), "warning": _("PERINGATAN"), "critical": _("KRITIS"),
        "no_data": _("TIDAK ADA DATA"), "fault": _("SENSOR RUSAK"), "measured": _("TERUKUR"),
    }  # fmt: skip


def fault_words(_: Callable[[str], str]) -> dict[str, str]:
    """What is wrong with the sensor, for the faults that gateways name; others are shown as named."""
    return {
        "silent": _("sensor tidak menjawab"), "disconnected": _("kabel sensor lepas"), "open": _("kabel sensor putus"),
        "crc": _("sinyal sensor rusak"), "zeros": _("sensor kehilangan daya"), "stuck": _("angka tidak bergerak"),
        "power_on": _("sensor mulai ulang (85 °C)"), "low_power": _("daya sensor kurang"),
        "overload": _("beban berlebih"), "underload": _("di bawah nol"), "battery": _("baterai lemah"),
    }  # fmt: skip


def movement_words(_: Callable[[str], str]) -> dict[str, str]:
    """What kind of change a scale saw."""
    return {"in": _("masuk"), "out": _("keluar"), "refill": _("isi ulang"), "restart": _("berubah saat padam"),
            "first": _("stok awal")}  # fmt: skip


def note_words(_: Callable[[str], str]) -> dict[str, str]:
    """What a movement still needs."""
    return {"proposed": _("menunggu konfirmasi"), "ignored": _("diabaikan")}


def link_words(_: Callable[[str], str]) -> dict[str, str]:
    """How the gateways do."""
    return {
        "ok": _("Pengukur tersambung"), "unknown": _("Pengukur belum memberi kabar"),
        "away": _("{away} dari {all} pengukur terputus"), "behind": _("Mengirim {rows} catatan tertunda"),
    }  # fmt: skip


def script_words(speech: Speech, zone: str, now_ms: int, rows: Mapping[str, int]) -> dict[str, object]:
    """Every word and sign that the scripts need. ``{braces}`` are filled in by them."""
    _ = speech.gettext
    return {
        "language": speech.language, "decimal": speech.decimal, "group": speech.group, "months": speech.months,
        "zone": zone, "zone_label": zone_label(zone, now_ms), "rows": dict(rows), "queue": QUEUE_WORTH_TELLING,
        "state": state_words(_), "fault": fault_words(_), "movement": movement_words(_), "note": note_words(_),
        "link": link_words(_),
        "open": _("terbuka"), "closed": _("tertutup"), "power_on": _("menyala"), "power_off": _("padam"),
        "piece": _("buah"), "seconds": _("{s} detik"), "minutes": _("{m} menit"), "hours": _("{h} jam"),
        "hours_minutes": _("{h} jam {m} menit"), "days": _("{d} hari"), "days_hours": _("{d} hari {h} jam"),
        "ago": _("{span} lalu"), "just_now": _("baru saja"),
        "old": _("DATA LAMA · {ago}"), "never": _("belum ada pengukuran"), "limit": _("Batas"),
        "unstable": _("belum stabil"), "low": _("menipis"), "worst": _("{worst} (batas {limit})"),
        "since": _("sejak {time} · {span}"), "done": _("selesai"), "ongoing": _("belum selesai"),
        "ended": _("{time} · selesai setelah {span}"),
        "food": _("Keamanan pangan"), "sensor": _("Masalah sensor"), "more": _("+{n} lagi: {names}"),
        "rest": _("+{n} baris lagi"),
        "incident_open": _("{n} masalah belum selesai"),
        "well": _("Semua aman"), "well_detail": _("Semua {all} titik terukur sekarang"),
        "watch": _("Perhatikan"), "watch_detail": _("Di luar batas: {names}"),
        "partly": _("{good} dari {all} titik terukur"), "missing": _("Tidak terukur: {names}"),
        "cut": _("Keadaan sekarang tidak diketahui"), "cut_detail": _("Layar ini tidak menerima data baru."),
        "old_since": _("tidak ada hubungan dengan server sejak {time} · {span}"),
    }  # fmt: skip


def data_block(value: object) -> Markup:
    """JSON that may stand inside a ``<script type="application/json">``: no ``<`` can end it."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))  # noqa: S704  # escaped just here


def _choose(request: Request) -> tuple[Language, bool]:
    """The language asked for, and whether it was asked for just now."""
    asked, remembered = request.query_params.get("lang"), request.cookies.get(COOKIE)
    for language in LANGUAGES:
        if asked == language:
            return language, True
    for language in LANGUAGES:
        if remembered == language:
            return language, False
    return DEFAULT, False


def pages(snapshot: Callable[[], Snapshot]) -> APIRouter:
    """The router of the screens. ``snapshot`` is called on the event loop for every page: it must be quick."""
    speeches = load_speeches()
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    router = APIRouter(include_in_schema=False)

    def render(request: Request, template: str, rows: Mapping[str, int]) -> Response:
        (language, asked), now = _choose(request), snapshot()
        speech = speeches[language]
        words = script_words(speech, now.kitchen.timezone, now.now_ms, rows)
        screen = Screen(snapshot=now, speech=speech, words=words, rows=rows)
        html = environment.get_template(template).render(
            _=speech.gettext, language=language, screen=screen, snapshot=now, kitchen=now.kitchen, rows=rows,
            words_json=data_block(words), snapshot_json=data_block(now), open_data=OPEN_DATA,
            many=len(now.tiles) > WALL_TILES, empty_tile=TileLook(), empty_incident=IncidentLook(),
            empty_stock=StockLook(), empty_movement=MovementLook(),
        )  # fmt: skip
        response = HTMLResponse(html, headers={**SECURITY, "Content-Language": language})
        if asked:
            response.set_cookie(COOKIE, language, max_age=COOKIE_MAX_AGE_S, samesite="lax", httponly=True)
        return response

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse("/wall")

    @router.get("/wall")
    async def wall(request: Request) -> Response:
        return render(request, "wall.html", WALL_ROWS)

    @router.get("/forum")
    async def forum(request: Request) -> Response:
        return render(request, "forum.html", FORUM_ROWS)

    return router


class _Files(StaticFiles):
    """Files that a browser asks about each time, so that an upgrade reaches a wall without anyone clearing a cache."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def mount_static(app: FastAPI) -> None:
    """Serve the pages' styles, scripts and mark at ``/static``."""
    app.mount("/static", _Files(directory=HERE / "static"), name="static")
