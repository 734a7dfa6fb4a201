"""``/staff/recall``: what to stop, whom to call and what to set aside, in the order of the first half hour; one button
holds it all. Printed it is the list that goes to the telephone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from pawon_food_safety.finding import words as words_of

from ..food_safety.batch_clock import words_of as words_of_batch
from ..projections.drills import Drill, drills_of
from ..projections.recall import Stages
from ..projections.recall_rows import Rows
from ..rulebook import Rulebook
from ..stock.recall import TARGET_PERCENT, IncidentTold, LotTold, Recall, Warmth, to_hold
from ..stock.recall_acts import drill_of
from .forms import Form
from .language import Speech
from .lots_page import place_name
from .pages import Screens
from .recall_api import asked_of, hold_all
from .staff import LOGIN, SEE_OTHER, Staff

PATH = "/staff/recall"
# Five years of two a year.
DRILLS_SHOWN = 10
QUESTION = ("school", "eaten", "lot", "batch")


def recall_page(reader: Engine, book: Rulebook, staff: Staff, screens: Screens, utc_ms: Callable[[], int]) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    zone = book.settings.timezone

    def known() -> tuple[list[str], list[Drill]]:
        with reader.connect() as connection:
            kitchen = book.settings.kitchen
            return Rows(connection, kitchen).schools(), drills_of(connection, kitchen, DRILLS_SHOWN)

    async def show(request: Request, form: Form, held: dict[str, Any] | None = None) -> Response:
        speech, _ = screens.speech(request)
        answer: Recall | None = None
        signed_in = await run_in_threadpool(staff.desk.person, request) is not None
        if signed_in and any(form.get(name) for name in ("school", "lot", "batch")):
            question = (form.get("school"), form.get("eaten"), form.get("lot"), form.get("batch"))
            try:
                answer = await run_in_threadpool(asked_of, reader, book, question, utc_ms())
            except HTTPException as error:
                form = replace(form, error=form.error or error.detail, status=max(form.status, error.status_code))
        schools, drills = await run_in_threadpool(known)
        now = datetime.fromtimestamp(utc_ms() / 1000, tz=ZoneInfo(zone))
        return await staff.page(
            request, "staff_recall.html", form=form, schools=schools, drills=drills,
            now=f"{now:%Y-%m-%dT%H:%M}", answer=answer, held=held, target=TARGET_PERCENT,
            look=_Look(answer, book, speech),
        )  # fmt: skip

    @router.get(PATH)
    async def asking(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "")[:100].replace("\0", "") for name in QUESTION}
        if asked["lot"] or asked["batch"]:  # a link from a lot's page says no school
            asked["school"] = asked["eaten"] = ""
        return await show(request, Form(values=asked))

    async def drill(request: Request, form: Form) -> Response:
        question = (form.get("school"), form.get("eaten"), form.get("lot"), form.get("batch"))
        stages = Stages()
        answer = await run_in_threadpool(asked_of, reader, book, question, utc_ms(), stages)
        seconds = sum(stages.seconds.values())
        await staff.desk.write(request, lambda person: drill_of(answer, name=form.act, by=person.id, seconds=seconds))
        return RedirectResponse(f"{PATH}#drills", SEE_OTHER)

    @router.post(PATH)
    async def hold(request: Request) -> Response:
        form = Form()
        try:
            form = await staff.form(request)
            await run_in_threadpool(staff.desk.need, request)
            if form.get("do") == "drill":
                return await drill(request, form)
            if not form.get("sure"):
                raise HTTPException(409, "Centang dulu: semua ini ditahan")
            question = (form.get("school"), form.get("eaten"), form.get("lot"), form.get("batch"))
            answer = await run_in_threadpool(asked_of, reader, book, question, utc_ms())
            held = await hold_all(
                staff.desk, request, answer, token=form.token, reason=form.get("reason"),
                possible=bool(form.get("possible")),
            )  # fmt: skip
        except HTTPException as error:
            if error.status_code == 401:
                return RedirectResponse(f"{LOGIN}?next={PATH}", SEE_OTHER)
            return await show(request, replace(form, error=error.detail, status=error.status_code))
        return await show(request, form, {"count": len(held.lots) + len(held.batches), "refused": held.refused})

    return router


class _Look:
    """An answer's figures as the page writes them."""

    def __init__(self, answer: Recall | None, book: Rulebook, speech: Speech) -> None:
        self._book, self._speech = book, speech
        self.unheld = self.unheld_possible = 0
        if answer is None:
            return
        self.unheld = len(to_hold(answer, possible=False).lots) + len(to_hold(answer, possible=False).batches)
        self.unheld_possible = (
            len(to_hold(answer, possible=True).lots) + len(to_hold(answer, possible=True).batches) - self.unheld
        )

    def at(self, at_ms: int | None) -> str:
        """Day and time of day in the kitchen."""
        if at_ms is None:
            return "?"
        zone = self._book.settings.timezone
        return f"{self._speech.day(at_ms, zone)} {self._speech.clock(at_ms, zone)}"

    def sure(self, sure: str) -> str:
        """How sure it is."""
        _ = self._speech.gettext
        return {"told": _("PASTI"), "assumed": _("DIDUGA"), "possible": _("MUNGKIN")}[sure]

    def why(self, why: str) -> str:
        """Why a lot may be in it."""
        _ = self._speech.gettext
        return {
            "": "", "taken": _("diambil untuk dimasak waktu itu"), "beside": _("ada di tempat lot yang diduga"),
            "item": _("bahan ini dipakai tanpa nomor lot"), "stock": _("ada di dapur waktu itu"),
        }[why]  # fmt: skip

    def doubt(self, doubt: str) -> str:
        """Why a batch may not be what they ate."""
        _ = self._speech.gettext
        return {
            "not-told-eaten": _("tidak dicatat kapan dimakan"), "not-told-arrived": _("tidak dicatat tiba"),
            "undated": _("jam matang hanya perkiraan"), "unnamed": _("masakan tanpa nama"),
        }[doubt]  # fmt: skip

    def item(self, lot: LotTold) -> str:
        """What a lot is."""
        known = self._book.settings.item(lot.item)
        return known.name if known is not None else lot.item

    def amount(self, lot: LotTold, amount: int) -> str:
        """An amount of a lot."""
        return self._speech.amount(amount, lot.unit)

    def place(self, place: str) -> str:
        """What people call a place."""
        return place_name(self._book, place)

    def incident(self, one: IncidentTold) -> str:
        """What was wrong, in the profile's words where it has any."""
        said, english = self._book.profile.spoken(one.rule), self._speech.language == "en"
        if said is not None:
            return words_of(said, one.severity)[english]
        return words_of_batch(self._book.profile, one.rule)[1][english] if one.kind == "batch" else one.rule

    def number(self, value: float) -> str:
        """A figure with one decimal."""
        return self._speech.number(value, 1)

    def verdict(self, verdict: str) -> str:
        """What the profile said of a delivery."""
        _ = self._speech.gettext
        return {"accept": _("terima"), "hold": _("tahan"), "reject": _("tolak")}.get(verdict, verdict)

    def calibration(self, state: str) -> str:
        """A thermometer's state."""
        _ = self._speech.gettext
        return {
            "ok": _("baik"), "overdue": _("terlambat"), "rejected": _("ditolak"), "never": _("belum pernah"),
            "none": _("tidak diminta"),
        }.get(state, state)  # fmt: skip

    def felt(self, warmth: Warmth) -> str:
        """A heat history in a line."""
        _, minute = self._speech.gettext, 60_000
        line = _("Zona bahaya {least} sampai {most}, tidak diketahui {unknown}").format(
            least=self._speech.span(round(warmth.least_min * minute)),
            most=self._speech.span(round(warmth.most_min * minute)),
            unknown=self._speech.span(round(warmth.unknown_min * minute)),
        )
        if warmth.lowest_c is None or warmth.highest_c is None:
            return line
        return f"{line} · {self.number(warmth.lowest_c)} … {self.number(warmth.highest_c)} °C"
