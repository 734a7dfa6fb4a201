"""What people may do about an incident, by the rules alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawon_server.food_safety.incident import (
    MAX_ACTS,
    STRICTER,
    Acknowledge,
    Case,
    Correct,
    Fate,
    IncidentAct,
    Note,
    Settle,
    Sign,
    handling_after,
    needs_second_signature,
    refuse,
    word_of,
)
from pawon_server.people.act import MACHINE, new_id

CRITICAL = Case(kind="limit", severity="critical", ongoing=False, written={})
WARNING = replace(CRITICAL, severity="warning")
SILENT = replace(CRITICAL, kind="silence")


def about(by: str = "sari", **more: Any) -> dict[str, Any]:
    """The first fields of an act."""
    return {"id": new_id(), "by": by, "incident": "i", **more}


def settle(disposition: Fate = "use", by: str = "sari", **more: Any) -> Settle:
    """A complete settlement."""
    return Settle(**about(by), **{"cause": "Pintu terbuka", "action": "Pintu ditutup", **more}, disposition=disposition)


def after(case: Case, *acts: IncidentAct) -> Case:
    """A case with these acts, none of which may be refused."""
    for act in acts:
        assert refuse(case, act) is None, refuse(case, act)
        case = replace(
            case, handling=handling_after(case, act), written={**case.written, act.id: word_of(act)},
            disposition=act.disposition if isinstance(act, Settle) else case.disposition,
            settlement=act.id if isinstance(act, Settle) else case.settlement,
            settled_by=act.by if isinstance(act, Settle) else case.settled_by,
        )  # fmt: skip
    return case


def test_the_way_from_opened_to_settled() -> None:
    """Acknowledged, acted, settled; a warning needs no second signature, a critical food incident does."""
    case = after(WARNING, Acknowledge(**about()))
    assert case.handling == "acknowledged"
    case = after(case, Note(**about(), action="Es batu ditambah"))
    assert case.handling == "acted"
    assert after(case, settle()).handling == "settled"
    waits = after(replace(case, severity="critical"), settle())
    assert waits.handling == "unsigned"
    signed = after(waits, Sign(**about("wulan"), settlement=waits.settlement))
    assert signed.handling == "settled"
    assert refuse(signed, Sign(**about("tono"), settlement=waits.settlement)) is not None
    assert not needs_second_signature(SILENT)


@pytest.mark.parametrize(
    ("act", "missing"),
    [
        (settle(cause=" \n"), "penyebab"), (settle(action=""), "tindakan koreksi"), (settle(""), "makanannya"),
        (Settle(**about()), "penyebab, tindakan koreksi, pilihan"),
    ],
)  # fmt: skip
def test_settling_needs_everything(act: Settle, missing: str) -> None:
    """Cause, action and what becomes of the food; the refusal names what is missing."""
    reason = refuse(WARNING, act)
    assert reason is not None
    assert missing in reason


def test_food_is_never_none_of_anybodys_business() -> None:
    """``none`` is for trouble of what measures or keeps food, and never for trouble of the food itself."""
    for kind in ("limit", "cooling", "cooking", "batch", "lot"):
        assert refuse(replace(WARNING, kind=kind), settle("none")) is not None
    for kind in ("silence", "fault", "fork", "rate", "door", "power", "defrost"):
        assert after(replace(WARNING, kind=kind), settle("none")).handling == "settled"


def test_what_still_lasts_is_settled_only_without_its_food() -> None:
    """While trouble is measured food is thrown away, or was moved and it is said where to."""
    lasts = replace(WARNING, ongoing=True)
    for fate in ("use", "hold"):
        assert refuse(lasts, settle(fate)) is not None
        assert refuse(lasts, settle(fate, moved="  ")) is not None
        assert refuse(lasts, settle(fate, moved="ke chiller 2")) is None
    assert refuse(lasts, settle("discard")) is None


def test_what_is_held_waits_for_a_decision() -> None:
    """``hold`` settles nothing; use or discard does, and of critical food with a signature."""
    for severity, end in (("warning", "settled"), ("critical", "unsigned")):
        held = after(replace(WARNING, severity=severity), settle("hold"))
        assert held.handling == "held"
        assert refuse(held, settle("hold")) is not None
        assert after(held, settle("discard")).handling == end
        assert after(held, settle("use")).handling == end


def test_a_second_signature_is_somebody_elses_under_what_was_read() -> None:
    """Not the settler's, whatever their role by now; not under a settlement that was changed since; not on nothing."""
    waits = after(CRITICAL, settle(by="sari"))
    assert "orang lain" in (refuse(waits, Sign(**about("sari"), settlement=waits.settlement)) or "")
    changed = after(waits, settle("discard", by="wulan"))
    assert refuse(changed, Sign(**about("tono"), settlement=waits.settlement)) is not None
    assert refuse(changed, Sign(**about("wulan"), settlement=changed.settlement)) is not None
    assert refuse(changed, Sign(**about("sari"), settlement=changed.settlement)) is None
    assert refuse(CRITICAL, Sign(**about("tono"), settlement=new_id())) is not None


def test_no_program_decides() -> None:
    """Nothing is done about an incident without a person: a model can never release food."""
    waits = after(CRITICAL, settle())
    acts: list[tuple[Case, IncidentAct]] = [
        (WARNING, Acknowledge(**about(MACHINE))), (WARNING, Note(**about(MACHINE), action="x")),
        (WARNING, settle(by=MACHINE)), (waits, Sign(**about(MACHINE), settlement=waits.settlement)),
        (waits, Correct(**about(MACHINE), corrects=waits.settlement, text="x")),
    ]  # fmt: skip
    for case, act in acts:
        assert refuse(case, act) is not None


def test_corrections_name_what_they_correct() -> None:
    """A note or settlement of this incident, with a text; a cause only where one was; nothing else moves."""
    note = Note(**about(), action="Es batu")
    case = after(WARNING, note, settle())
    fine = Correct(**about("tono"), corrects=case.settlement, field="cause", text="Listrik padam")
    assert after(case, fine).handling == case.handling
    for wrong in (
        Correct(**about(), corrects=new_id(), text="x"), Correct(**about(), corrects=note.id, field="cause", text="x"),
        Correct(**about(), corrects=note.id, text=" "),
        Correct(**about(), corrects=next(iter(after(WARNING, Acknowledge(**about())).written)), text="x"),
    ):  # fmt: skip
        assert refuse(case, wrong) is not None
    assert refuse(WARNING, Acknowledge(**about())) is None
    assert refuse(case, Acknowledge(**about())) is not None
    assert refuse(WARNING, Note(**about(), action=" ")) is not None


def test_the_list_has_an_end() -> None:
    """A program that writes for ever is stopped."""
    full = replace(WARNING, written={str(n): "note" for n in range(MAX_ACTS)})
    assert refuse(full, Note(**about(), action="x")) is not None


PEOPLE = st.sampled_from(["sari", "tono", "wulan", MACHINE])
ANY_ACT = st.one_of(
    st.builds(lambda by: Acknowledge(**about(by)), PEOPLE),
    st.builds(lambda by, action: Note(**about(by), action=action), PEOPLE, st.sampled_from(["", "x"])),
    st.builds(
        lambda by, cause, fate, moved: settle(fate, by, cause=cause, moved=moved),
        PEOPLE, st.sampled_from(["", "x"]), st.sampled_from(["", *STRICTER]), st.sampled_from(["", "x"]),
    ),
    st.builds(lambda by: Sign(**about(by), settlement="newest"), PEOPLE),
)  # fmt: skip


@given(st.lists(ANY_ACT, max_size=12), st.sampled_from(["limit", "fault"]), st.sampled_from(["warning", "critical"]))
def test_whatever_people_try_critical_food_is_settled_by_two(acts: list[IncidentAct], kind: str, severity: str) -> None:
    """In every order of acts: settled food has a decision by a person, critical food the signature of another; and a
    decision that was settled never becomes laxer."""
    case = Case(kind=kind, severity=severity, ongoing=False, written={})
    signed_by = ""
    for act in acts:
        if isinstance(act, Sign):
            act = Sign(**about(act.by), settlement=case.settlement or new_id())
        if refuse(case, act) is not None:
            continue
        before, case = case, after(case, act)
        if isinstance(act, Sign):
            signed_by = act.by
        if before.handling == "settled" and isinstance(act, Settle):
            assert STRICTER[case.disposition or "none"] > STRICTER[before.disposition or "none"]
        assert (case.handling == "held") == (case.disposition == "hold")
        if case.handling == "settled":
            assert case.settled_by not in ("", MACHINE)
            assert case.disposition in (("use", "discard") if kind == "limit" else STRICTER)
            if kind == "limit" and severity == "critical":
                assert signed_by not in ("", MACHINE, case.settled_by)
