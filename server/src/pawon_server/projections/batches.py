"""Cooked batches, as people's acts, probes in pans and the server's clock made them.

Projection of ``batch``, ``batch_school``, ``batch_event``, ``sample``, and of ``incident`` rows of the kind ``batch``.
What may be written and what is due is decided by ``food_safety``; here it is only kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from pawon_food_safety import serving

from ..food_safety.batch import Batch, Pan, batch_id, id_of, opened, redated, taken, with_pan
from ..food_safety.batch_acts import BatchAct, DiscardSample, DisposeBatch, NameBatch, OfBatch, OpenBatch, TakeSample
from ..food_safety.batch_clock import news, steps, verdicts, words_of
from ..food_safety.batch_refusals import refused
from ..people.act import MACHINE, may
from ..rulebook import Rulebook, Sensor
from ..store.journal import Entry
from ..store.tables import batch as batch_table
from ..store.tables import batch_event, batch_school, incident, sample
from .completeness import MINUTE_MS, day_of
from .context import Arrival, Changes
from .due import Due
from .incident_rows import LATE_AFTER_MS, IncidentRows
from .people import People

SCOPE = "batch"
# A kitchen cooks some thirty a day; people who open more without ending any have to end some first.
MAX_OPEN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Something that happened to a batch, for its list of events."""

    at_ms: int
    what: str
    content: bytes
    journal_id: int
    person: str = ""


# A month of a kitchen that cooks a dozen a day: so far a boot that is dated late moves what is over.
MAX_LOOKED_BACK = 400
# What a clock tells beyond is no time of any calendar (``people.act.Moment``).
CALENDAR_MS = 2**43


class Batches:
    """All batches that are not done; others are read when somebody asks for them."""

    def __init__(self, kitchen: str, rows: IncidentRows, people: People) -> None:
        self._kitchen, self._rows, self._people = kitchen, rows, people
        self._open: dict[str, Batch] = {}

    def load(self, connection: Connection) -> None:
        """Forget what was not committed; remember what was."""
        found = connection.execute(
            select(batch_table.c.content)
            .where(batch_table.c.kitchen == self._kitchen, batch_table.c.done.is_(False))
            .order_by(batch_table.c.opened_ms, batch_table.c.id)
        ).scalars()
        batches = [msgspec.json.decode(content, type=Batch) for content in found]
        self._open = {one.id: one for one in batches}

    # --- people -----------------------------------------------------------------------------------------------------

    def refuse(self, connection: Connection, book: Rulebook, act: BatchAct, now_ms: int) -> str | None:
        """Why an act is not written, in Indonesian."""
        known = self._get(connection, id_of(act) if isinstance(act, OpenBatch) else act.batch)
        if isinstance(act, OpenBatch):
            if known is not None:
                return "Nomor batch sudah dipakai"
            if len(self._open) >= MAX_OPEN:
                return f"Sudah ada {MAX_OPEN} batch terbuka"
        reason = refused(known, act, book.profile, book.settings.timezone, now_ms)
        if reason is None and isinstance(act, DisposeBatch) and act.decision == "use" and act.by != MACHINE:
            person = self._people.get(act.by)
            if person is None or not may(person.role, "nutritionist"):
                return "Hanya ahli gizi atau kepala dapur yang boleh melepas makanan"
        if reason is None and isinstance(act, NameBatch) and known is not None:
            return self._shrunk(book, known, act, now_ms)
        if reason is None and isinstance(act, DiscardSample):
            return self._unfree(connection, book, act, now_ms)
        return reason

    def _shrunk(self, book: Rulebook, known: Batch, act: NameBatch, now_ms: int) -> str | None:
        """What was cooked and named does not become less by another name, nor does its day change its clock."""
        if known.cooked_ms is None or not known.named or (act.portions >= known.portions and act.day == known.day):
            return None
        person = self._people.get(act.by)
        if act.by != MACHINE and (person is None or not may(person.role, "nutritionist")):
            return "Sudah matang: kurangi porsi dengan mencatat yang dimakan atau dibuang"
        late = any(step.row.severity == "critical" and step.at_ms <= now_ms for step in steps(known, book.profile))
        return "Waktunya sudah lewat: porsi hanya berkurang bila dibuang" if late else None

    def take(self, connection: Connection, book: Rulebook, act: BatchAct, entry: Entry, changes: Changes) -> None:
        """Somebody wrote something about a batch."""
        if isinstance(act, OpenBatch):
            made = opened(act, entry.received_ms)
        else:
            known = self._get(connection, act.batch)
            assert known is not None, "refuse has asked for it"
            made = taken(known, act)
        if isinstance(act, OpenBatch | NameBatch):
            made = self._limited(connection, book, made)
        elif isinstance(act, TakeSample):
            made = self._sampled(connection, book, made, act, entry.id)
        elif isinstance(act, DiscardSample):
            connection.execute(
                update(sample)
                .where(sample.c.kitchen == self._kitchen, sample.c.id == act.sample)
                .values(discarded_ms=act.at_ms, reason=act.reason, journal_id=entry.id)
            )
        at_ms = act.at_ms if isinstance(act, OfBatch) else entry.received_ms
        told = _Told(at_ms=at_ms, what=str(type(act).__struct_config__.tag), content=entry.payload,
                     journal_id=entry.id, person=act.by)  # fmt: skip
        self._keep(connection, book, made, told, entry.received_ms, changes)

    # --- probes -----------------------------------------------------------------------------------------------------

    def cooked(
        self, connection: Connection, book: Rulebook, *, sensor: Sensor, began_ms: int | None, cooked_ms: int,
        peak_c: float, f_min: float, arrival: Arrival, changes: Changes,
    ) -> None:  # fmt: skip
        """The probe in a pan passed the rule of cooking: ``cooked_ms`` and ``began_ms`` by the arrival's clock (UTC).

        The pan goes to the batch at the probe's place that waits for one, the oldest first; else it is a batch of its
        own, which somebody has to name.
        """
        at_ms = cooked_ms - arrival.offset_ms
        age_ms = arrival.age_ms(at_ms)
        dated = arrival.trusted and 0 <= cooked_ms < CALENDAR_MS
        if not dated:
            # Until its clock is known, or when it tells no time, the server's own knows better how long ago that was;
            # of an earlier boot nobody does, and it counts from its arrival.
            moved = arrival.received_ms - (age_ms or 0) - cooked_ms
            cooked_ms, began_ms = cooked_ms + moved, None if began_ms is None else began_ms + moved
        waiting = [one for one in self._open.values() if one.place == sensor.place and one.named and not one.over
                   and sum(bool(pan.sensor) for pan in one.pans) < one.pans_planned]  # fmt: skip
        if waiting:
            known = min(waiting, key=lambda one: (one.opened_ms, one.id))
        else:
            known = self._unnamed(connection, book, sensor, cooked_ms, arrival)
        pan = Pan(
            name=f"{sensor.name} {len(known.pans) + 1}", cooked_ms=cooked_ms, began_ms=began_ms, peak_c=peak_c,
            f_min=f_min, sensor=sensor.id, gateway=arrival.gateway, boot=arrival.boot, at_ms=at_ms,
            dated=dated,
        )  # fmt: skip
        told = _Told(at_ms=cooked_ms, what="pan", content=msgspec.json.encode(pan), journal_id=arrival.journal_id)
        self._keep(connection, book, with_pan(known, pan), told, arrival.received_ms, changes)

    def fix_clock(
        self, connection: Connection, book: Rulebook, gateway: str, boot: str, offset_ms: int, journal_id: int,
        changes: Changes,
    ) -> None:  # fmt: skip
        """Date the pans of a boot, which were only guessed, by its now known offset."""
        for known in [*self._open.values(), *self._undated(connection, gateway, boot)]:
            made = redated(known, gateway, boot, offset_ms)
            if made is not known:
                told = _Told(at_ms=made.cooked_ms or 0, what="dated", content=b"{}", journal_id=journal_id)
                self._keep(connection, book, made, told, made.cooked_ms or 0, changes)

    def _undated(self, connection: Connection, gateway: str, boot: str) -> list[Batch]:
        """Of the newest batches that are over those with a pan of a boot whose time was only guessed."""
        found = connection.execute(
            select(batch_table.c.content)
            .where(batch_table.c.kitchen == self._kitchen, batch_table.c.done)
            .order_by(batch_table.c.opened_ms.desc(), batch_table.c.id)
            .limit(MAX_LOOKED_BACK)
        ).scalars()
        batches = (msgspec.json.decode(content, type=Batch) for content in found)
        return [
            one for one in batches
            if any(pan.sensor and not pan.dated and (pan.gateway, pan.boot) == (gateway, boot) for pan in one.pans)
        ]  # fmt: skip

    # --- the clock --------------------------------------------------------------------------------------------------

    def due(self, book: Rulebook, now_ms: int) -> list[Due]:
        """Deadlines that have passed, and what has ended since."""
        return [
            Due(scope=SCOPE, subject=one.id, rule=rule, state=state, since_ms=since_ms, at_ms=now_ms)
            for one in self._open.values()
            for rule, state, since_ms in news(one, verdicts(one, book.profile, book.settings.timezone, now_ms))
        ]

    def take_due(self, connection: Connection, book: Rulebook, due: Due, entry: Entry, changes: Changes) -> None:
        """An incident begins or ends."""
        known = self._get(connection, due.subject)
        assert known is not None, "nothing is due of what is not there"
        told, incidents = {**known.told, due.rule: due.state}, known.incidents
        if due.state == "ended":
            ended = incidents[due.rule]
            self._rows.change(connection, ended, closed_ms=due.at_ms, journal_id=entry.id)
            if all(state == "ended" for state in told.values()):
                self._rows.alert(connection, ended, "closed", due.at_ms, f"Selesai: {known.label}.")
        else:
            name = f"{SCOPE}.{entry.id}"
            incidents = {**incidents, due.rule: name}
            self._begin(connection, book, known, due, name, entry.id)
        made = msgspec.structs.replace(known, told=told, incidents=incidents)
        event = _Told(at_ms=due.since_ms, what="due", content=entry.payload, journal_id=entry.id)
        self._keep(connection, book, made, event, due.at_ms, changes)
        changes.incidents = changes.alerts = True

    def _begin(
        self, connection: Connection, book: Rulebook, known: Batch, due: Due, name: str, journal_id: int
    ) -> None:
        point, words = words_of(book.profile, due.rule)
        late = due.at_ms - due.since_ms > LATE_AFTER_MS
        self._rows.open(
            connection, book, name, kind="batch", severity=due.state, sensor=known.id, point=point, rule=due.rule,
            began_ms=due.since_ms, opened_ms=due.at_ms, worst=None, limit_value=None, quantity=None, late=False,
            boot=None, offset_ms=None, clock=None, journal_id=journal_id, created_ms=due.at_ms, detail=known.label,
            text=f"{known.label}: {words[0]}{' (baru diketahui)' if late else ''}. {words[2]}",
        )  # fmt: skip
        if late:
            # It became known late, and pages as now: no backlog is drained that would tell of it.
            self._rows.change(connection, name, late=True)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _get(self, connection: Connection, name: str) -> Batch | None:
        known = self._open.get(name)
        if known is not None:
            return known
        content = connection.execute(
            select(batch_table.c.content).where(batch_table.c.kitchen == self._kitchen, batch_table.c.id == name)
        ).scalar()
        return None if content is None else msgspec.json.decode(content, type=Batch)

    def _unnamed(
        self, connection: Connection, book: Rulebook, sensor: Sensor, cooked_ms: int, arrival: Arrival
    ) -> Batch:
        day, number = day_of(cooked_ms // MINUTE_MS, book.settings.timezone).name, 1
        while self._get(connection, name := batch_id(day, "", sensor.id, f"{arrival.journal_id}.{number}")) is not None:
            number += 1
        return Batch(id=name, day=day, opened_ms=arrival.received_ms, named=False, place=sensor.place)

    def _limited(self, connection: Connection, book: Rulebook, made: Batch) -> Batch:
        """Whether the dish's portions of the day are more than the licence allows: waves of one dish add up, dishes of
        one meal do not."""
        limit = book.settings.portion_limit
        others = connection.execute(
            select(batch_table.c.dish, batch_table.c.portions).where(
                batch_table.c.kitchen == self._kitchen, batch_table.c.day == made.day, batch_table.c.id != made.id
            )
        ).all()
        total = made.portions + sum(row.portions for row in others if row.dish.casefold() == made.dish.casefold())
        return msgspec.structs.replace(made, over_limit=limit is not None and total > limit)

    def _sampled(self, connection: Connection, book: Rulebook, made: Batch, act: TakeSample, journal_id: int) -> Batch:
        connection.execute(
            insert(sample),
            {
                "kitchen": self._kitchen, "id": act.id, "batch": made.id, "dish": made.dish, "mass_g": act.mass_g,
                "container": act.container, "place": act.place, "taken_ms": act.at_ms, "discarded_ms": None,
                "reason": "", "journal_id": journal_id,
            },
        )  # fmt: skip
        enough = all(act.mass_g >= row.mass_g for row in book.profile.retention)
        return msgspec.structs.replace(made, sampled_ms=act.at_ms) if enough else made

    def _unfree(self, connection: Connection, book: Rulebook, act: DiscardSample, now_ms: int) -> str | None:
        kept = connection.execute(
            select(sample.c.taken_ms, sample.c.discarded_ms).where(
                sample.c.kitchen == self._kitchen, sample.c.id == act.sample, sample.c.batch == act.batch
            )
        ).first()
        if kept is None or kept.discarded_ms is not None:
            return "Sampel ini tidak ada"
        at_ms = min(act.at_ms, now_ms)
        trouble = connection.execute(
            select(incident.c.id)
            .where(incident.c.kitchen == self._kitchen, incident.c.sensor == act.batch, incident.c.closed_ms.is_(None))
            .limit(1)
        ).first()
        for row in book.profile.retention:
            state = serving.sample_due(row, kept.taken_ms, at_ms, trouble is not None)
            if state == "blocked":
                return "Batch ini masih punya masalah terbuka: sampel disimpan"
            if at_ms < kept.taken_ms + row.least_s * 1000:
                return "Sampel belum cukup lama disimpan"
            if state == "keep" and not act.early:
                return "Sebaiknya disimpan lebih lama. Buang lebih awal hanya bila perlu"
        return None

    def _keep(
        self, connection: Connection, book: Rulebook, made: Batch, told: _Told, now_ms: int, changes: Changes
    ) -> None:
        made = msgspec.structs.replace(made, events=made.events + 1)
        done = made.over and not news(made, verdicts(made, book.profile, book.settings.timezone, now_ms))
        self._open.pop(made.id, None)
        if not done:
            self._open[made.id] = made
        for table, key in ((batch_table, batch_table.c.id), (batch_school, batch_school.c.batch)):
            connection.execute(delete(table).where(table.c.kitchen == self._kitchen, key == made.id))
        connection.execute(
            insert(batch_table),
            {
                "kitchen": self._kitchen, "id": made.id, "day": made.day, "wave": made.wave, "dish": made.dish,
                "state": made.state, "portions": made.portions, "opened_ms": made.opened_ms,
                "cooked_ms": made.cooked_ms, "done": done,
                "content": msgspec.json.encode(made, order="deterministic"), "journal_id": told.journal_id,
            },
        )  # fmt: skip
        schools = [{"kitchen": self._kitchen, "school": one.school, "batch": made.id}
                   for one in made.shares if one.school]  # fmt: skip
        if schools:
            connection.execute(insert(batch_school), schools)
        connection.execute(
            insert(batch_event),
            {
                "kitchen": self._kitchen, "batch": made.id, "number": made.events, "at_ms": told.at_ms,
                "what": told.what, "person": told.person, "content": told.content, "journal_id": told.journal_id,
            },
        )  # fmt: skip
        changes.batches = True
