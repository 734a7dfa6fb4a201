"""A month of a kitchen that cooks 3,000 meals a day: 60 items, 12 places, scales that round, people who write late.

What lies where is known here to the gram; what the record is told are rows of scales and acts of people, in the order
in which they arrive: late, after outages, of a boot that guessed its time. Not a test by itself.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, NamedTuple

import msgspec
from tests.server.conftest import BOOK
from tests.server.sender import Sender, temperature

from pawon_contract.messages import ClockFix, Reading, Weighing, WeighingKind
from pawon_server.acts import AnyAct
from pawon_server.food_safety.batch import id_of
from pawon_server.food_safety.batch_acts import ArriveBatch, CookedPan, Destination, EatBatch, LeaveBatch, OpenBatch
from pawon_server.food_safety.lot import lot_id
from pawon_server.food_safety.lot_acts import DiscardLot, MoveLot, ReceiveLot
from pawon_server.rulebook import Item, Place, Rulebook, Sensor
from pawon_server.stock.movement_acts import ConfirmMovement, CountStock, DecideCount, RefuseMovement

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
# Midnight in Jakarta.
FIRST_DAY, ZERO_MS = date(2025, 10, 6), 1_759_683_600_000
ZONE = "Asia/Jakarta"
PORTIONS = 3_000
# Grams of one portion of everything together, as bought.
GRAMS_A_PORTION = 260
# A weighing is off by rounding to the division, and by noise of a third of it.
NOISE = 0.3
# What a person writes by hand is off by up to this share.
BY_HAND = 0.02

POURED = ("beras", "gula", "tepung", "kacang-hijau")  # each in a bin on a scale of its own
NAMES = (
    "ayam", "daging-sapi", "ikan-kembung", "telur", "tahu", "tempe", "udang", "bakso", "sosis", "hati", "bayam",
    "kangkung", "wortel", "buncis", "kol", "sawi", "labu-siam", "terong", "timun", "tomat", "kentang", "jagung",
    "brokoli", "tauge", "kacang-panjang", "daun-singkong", "bawang-merah", "bawang-putih", "cabai",
    "cabai-rawit", "jahe", "kunyit", "lengkuas", "sereh", "daun-salam", "ketumbar", "merica", "garam", "kecap",
    "santan", "minyak", "susu", "pisang", "pepaya", "semangka", "melon", "jeruk", "apel", "mangga", "nanas",
    "margarin", "mi", "bihun", "saus-tomat", "kaldu", "cuka",
)  # fmt: skip
ITEMS = (*POURED, *NAMES[: 60 - len(POURED)])
HOMES = ("gudang-kering", "chiller-1", "chiller-2", "freezer-1", "rak-sayur", "rak-buah")
# Receiving and preparing have a shared scale each; with the bins and the homes that makes twelve places.
RECEIVING, TABLE = "terima", "meja"
BINS = {item: f"bak-{item}" for item in POURED}
DIVISION_G = {RECEIVING: 20, TABLE: 5, **dict.fromkeys(BINS.values(), 20)}
SCHOOLS = tuple(f"SD {number}" for number in range(1, 21))


def kitchen_book() -> Rulebook:
    """The kitchen as it is configured."""
    scales = [RECEIVING, TABLE, *BINS.values()]
    places = [
        Place(id=RECEIVING, name="Penerimaan", scale=f"t-{RECEIVING}"),
        Place(id=TABLE, name="Meja racik", scale=f"t-{TABLE}", filled_from="gudang-kering"),
        *(Place(id=name, name=name, scale=f"t-{name}", item=item, auto_confirm=True, filled_from=RECEIVING,
                emptied_to=TABLE) for item, name in BINS.items()),
        *(Place(id=name, name=name) for name in HOMES),
    ]  # fmt: skip
    sensors = [
        *(Sensor(id=f"t-{name}", gateway="gw-1", name=name, point="", quantity="mass_g") for name in scales),
        *(Sensor(id=f"p-{name}", gateway="gw-1", name=name, point="", quantity="temperature_c", place=name)
          for name in HOMES),
    ]  # fmt: skip
    settings = msgspec.structs.replace(
        BOOK.settings, timezone=ZONE, items=[Item(id=name, name=name) for name in ITEMS], places=places, sensors=sensors
    )
    return Rulebook(settings=settings, profile=BOOK.profile)


class Told(NamedTuple):
    """What reaches the server at a moment: a batch of rows, or an act."""

    arrive_ms: int
    payload: bytes | AnyAct


class Served(NamedTuple):
    """A dish as it truly was: who ate it when, and which items are in it."""

    batch: str
    schools: tuple[str, ...]
    eaten_ms: int
    items: frozenset[str]


class Row(NamedTuple):
    """What a gateway accepted, in UTC; acts name it by its key."""

    at_ms: int
    key: int
    make: Callable[[int], Weighing | Reading | ClockFix]


@dataclass
class Month:
    """``days`` of a kitchen by ``seed``. ``told()`` is what the server hears; ``truth`` what lies where at the end, in
    grams; ``within_g`` how far the book of an item in a place may be off by what its scales and people can see."""

    seed: int = 1
    days: int = 30
    readings_every_ms: int = 0
    truth: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    served: list[Served] = field(default_factory=list)
    _square: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _by_hand: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _rows: list[Row] = field(default_factory=list)
    _acts: list[tuple[int, int, Callable[[dict[int, str]], AnyAct]]] = field(default_factory=list)
    _lots: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _shown: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _at_ms: dict[int, int] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._home = {item: BINS.get(item, HOMES[number % len(HOMES)]) for number, item in enumerate(ITEMS)}
        for day in range(self.days):
            self._day(day, ZERO_MS + day * DAY_MS)
        if self.readings_every_ms:
            self._temperatures()

    # --- what happens -------------------------------------------------------------------------------------------------

    def _day(self, day: int, begun_ms: int) -> None:
        serving = day % 7 != 6
        last_count = max(2, self.days - 4)
        if serving:
            self._cook(begun_ms)
        for number in range(self._chance.randint(10, 30)):  # hands, pans put down, children
            self._nothing(begun_ms + self._chance.randrange(DAY_MS), number)
        if day < last_count:
            item = self._chance.choice(ITEMS)
            self.truth[item, self._home[item]] *= 0.995  # dries out, is nibbled at; nobody writes it
        if day == last_count:
            for item in ITEMS:
                for place in (self._home[item], TABLE, RECEIVING):
                    self._count(item, place, begun_ms + 12 * HOUR_MS)
        elif day % 7 == 5 and day < last_count:
            place = self._chance.choice(HOMES)
            for item in ITEMS:
                if self._home[item] == place:
                    self._count(item, place, begun_ms + 12 * HOUR_MS)
        for item in ITEMS:
            if self._stock(item) < 3.5 * self._daily(item):
                self._deliver(item, begun_ms + 16 * HOUR_MS + self._chance.randrange(2 * HOUR_MS))

    def _daily(self, item: str) -> float:
        weight = 9.0 if item == "beras" else 1 + ITEMS.index(item) % 5
        return PORTIONS * GRAMS_A_PORTION * weight / 190

    def _stock(self, item: str) -> float:
        return sum(amount for (what, _), amount in self.truth.items() if what == item)

    def _deliver(self, item: str, at_ms: int) -> None:
        mass_g = self._daily(item) * self._chance.uniform(2.5, 4.0)
        crates = max(1, math.ceil(mass_g / 120_000))  # a platform of 150 kg
        for crate in range(crates):
            here_ms = at_ms + crate * 5 * MINUTE_MS
            self._deliver_crate(item, mass_g / crates, here_ms)

    def _deliver_crate(self, item: str, mass_g: float, at_ms: int) -> None:
        came = self._weigh(RECEIVING, 0.0, mass_g, at_ms, "in")
        self._moved(item, None, RECEIVING, mass_g, RECEIVING)
        self._weigh(RECEIVING, mass_g, 0.0, at_ms + 3 * MINUTE_MS, "out", refused="diangkat lagi")
        number = self._new_id()
        supplier, expires = f"Toko {ITEMS.index(item) % 12}", self._chance.choice(["", "2026-03-01", "2026-01-15"])
        act = ReceiveLot(id=number, by="-", item=item, supplier=supplier, amount=max(1, round(mass_g)), place=RECEIVING,
                         at_ms=at_ms + 2 * MINUTE_MS, expires=expires, note=f"SJ-{number[-6:]}")  # fmt: skip
        lot = lot_id(act, ZONE)
        written_ms = self._write(
            at_ms + 4 * MINUTE_MS, [came], lambda names: msgspec.structs.replace(act, movement=names[came])
        )
        self.counts["lots"] += 1
        home = self._home[item]
        carried_ms = at_ms + 20 * MINUTE_MS
        if item in BINS:
            self._pour(item, mass_g, carried_ms)
        else:
            move = MoveLot(id=self._new_id(), by="-", lot=lot, place=RECEIVING, to_place=home, at_ms=carried_ms)
            self._moved(item, RECEIVING, home, mass_g, RECEIVING)
            written_ms = self._write(max(carried_ms, written_ms), [], lambda _: move)
            self._lots[item].append((lot, written_ms))
            if self._chance.random() < 0.15:
                self._throw_away(item, lot, home, mass_g * 0.04, carried_ms + HOUR_MS, written_ms)

    def _pour(self, item: str, mass_g: float, at_ms: int) -> None:
        """Into its bin, whose scale books it by itself."""
        home = self._home[item]
        before = self.truth[item, home]
        self._weigh(home, before, before + mass_g, at_ms, "in")
        self._moved(item, RECEIVING, home, mass_g, home)

    def _throw_away(self, item: str, lot: str, place: str, mass_g: float, at_ms: int, after_ms: int) -> None:
        """Estimated by eye, written by hand."""
        told = max(1, round(mass_g * self._chance.uniform(1 - BY_HAND, 1 + BY_HAND)))
        self.truth[item, place] -= mass_g
        self._by_hand[item, place] += mass_g * BY_HAND + 1
        act = DiscardLot(id=self._new_id(), by="-", lot=lot, place=place, amount=told, at_ms=at_ms, reason="busuk")
        self._write(max(at_ms, after_ms), [], lambda _: act)

    def _cook(self, begun_ms: int) -> None:
        served = self._chance.sample(ITEMS[1:], 27)
        waves = [[*served[wave::3], "beras"] for wave in range(3)]
        for wave, items in enumerate(waves):
            began_ms = begun_ms + 30 * MINUTE_MS + wave * 90 * MINUTE_MS
            schools = SCHOOLS[wave * 7 : wave * 7 + 7] if wave < 2 else SCHOOLS[14:]
            share = PORTIONS // 3 // len(schools)
            for dish, chosen in enumerate((items[:4], items[4:8], items[8:])):
                self._dish(f"{wave + 1}", f"menu {dish + 1}", chosen, schools, share, began_ms)

    def _dish(
        self, wave: str, dish: str, items: list[str], schools: tuple[str, ...], share: int, began_ms: int
    ) -> None:
        day = (FIRST_DAY + timedelta(days=(began_ms - ZERO_MS) // DAY_MS)).isoformat()
        opened = OpenBatch(
            id=self._new_id(), by="-", wave=wave, dish=dish, day=day, portions=share * len(schools), began_ms=began_ms,
            schools=tuple(Destination(school=name, portions=share) for name in schools),
        )  # fmt: skip
        batch = id_of(opened)
        last_ms = self._write(began_ms, [], lambda _: opened)
        used = frozenset(item for item in items if self._use(item, batch, began_ms, last_ms))
        at = {name: began_ms + minutes * MINUTE_MS for name, minutes in (("cooked", 60), ("left", 110), ("came", 150))}
        about = {"by": "-", "batch": batch}
        told: list[AnyAct] = [
            CookedPan(id=self._new_id(), **about, at_ms=at["cooked"], core_c=82.0),
            LeaveBatch(id=self._new_id(), **about, at_ms=at["left"], vehicle="B 1234 XY", first_c=68.0),
            *(ArriveBatch(id=self._new_id(), **about, at_ms=at["came"], school=school) for school in schools),
            *(EatBatch(id=self._new_id(), **about, at_ms=at["came"] + 20 * MINUTE_MS, school=school)
              for school in schools),
        ]  # fmt: skip
        for act in told:
            last_ms = self._write(max(act.at_ms, last_ms), [], lambda _, act=act: act, late=False)
        self.served.append(Served(batch, schools, at["came"] + 20 * MINUTE_MS, used))

    def _use(self, item: str, batch: str, at_ms: int, after_ms: int) -> bool:
        """Weighed out on the table, then into the pot; whether there was any."""
        home = self._home[item]
        wanted_g = min(self._daily(item) / (3 if item == "beras" else 1), 0.8 * self._stock(item))
        mass_g = min(wanted_g, self.truth[item, home] * 0.9)
        if mass_g < 50:
            return False
        parts = max(1, math.ceil(mass_g / 14_000))  # a table scale of 15 kg
        if item in BINS:
            before = self.truth[item, home]
            out = self._weigh(home, before, before - mass_g, at_ms, "out")
            self._moved(item, home, "cooked", mass_g, home)
            confirm = {"id": self._new_id(), "by": "-", "place": "cooked", "batch": batch}
            self._write(max(at_ms, after_ms), [out], lambda names: ConfirmMovement(**confirm, movement=names[out]))
            return True
        for part in range(parts):
            here_ms = at_ms + part * 2 * MINUTE_MS
            one_g = mass_g / parts
            came = self._weigh(TABLE, 0.0, one_g, here_ms, "in")
            self._moved(item, home, TABLE, one_g, TABLE)
            gone = self._weigh(TABLE, one_g, 0.0, here_ms + MINUTE_MS, "out")
            self._moved(item, TABLE, "cooked", one_g, TABLE)
            told = {"id": self._new_id(), "by": "-", "item": item, "place": home}
            if self._lots[item] and self._chance.random() < 0.2:
                told["lot"], known_ms = self._lots[item][-1]
                after_ms = max(after_ms, known_ms)
            used = {"id": self._new_id(), "by": "-", "item": item, "place": "cooked", "batch": batch}
            self._write(
                max(here_ms, after_ms),
                [came],
                lambda names, told=told, came=came: ConfirmMovement(**told, movement=names[came]),
            )
            self._write(
                max(here_ms, after_ms),
                [gone],
                lambda names, used=used, gone=gone: ConfirmMovement(**used, movement=names[gone]),
            )
        return True

    def _nothing(self, at_ms: int, number: int) -> None:
        """What a detector tells and what is no stock; now and then it believes a hand, and a person does not."""
        place = self._chance.choice([RECEIVING, TABLE])
        kind = self._chance.choice(["touch", "person", "tare", "drift", "touch"])
        if number % 12 == 0:
            self._weigh(place, 0.0, 800.0, at_ms, "in", refused="tangan")
            self._weigh(place, 800.0, 0.0, at_ms + MINUTE_MS, "out", refused="tangan")
        else:
            self._weigh(place, 0.0, 0.0, at_ms, kind)
        self.counts["disturbances"] += 1

    def _count(self, item: str, place: str, at_ms: int) -> None:
        """A stocktake, by one, approved by another (here: the machine)."""
        true_g = self.truth[item, place]
        counted = max(0, round(true_g))
        act = CountStock(id=self._new_id(), by="-", item=item, place=place, counted=counted, at_ms=at_ms)
        decide = DecideCount(id=self._new_id(), by="-", count=act.id, approved=True)
        written_ms = self._write(at_ms, [], lambda _: act)
        self._write(written_ms, [], lambda _: decide)
        self._square[item, place], self._by_hand[item, place] = 0.0, 1.0
        self.counts["counts"] += 1

    def _temperatures(self) -> None:
        for at_ms in range(ZERO_MS, ZERO_MS + self.days * DAY_MS, self.readings_every_ms):
            for number, name in enumerate(HOMES):
                value = round(28.0 if name.startswith(("gudang", "rak")) else 3 + math.sin(at_ms / 1e6 + number) / 2, 2)
                self._row(at_ms + number, lambda at, name=name, value=value: temperature(value, at, f"p-{name}"))

    # --- how it is told -----------------------------------------------------------------------------------------------

    def _moved(self, item: str, here: str | None, there: str, mass_g: float, scale: str) -> None:
        for place, sign in ((here, -1), (there, 1)):
            if place is not None and place != "cooked":
                self.truth[item, place] += sign * mass_g
                self._square[item, place] += DIVISION_G[scale] ** 2 * 2 * (1 / 12 + NOISE**2)

    def _weigh(
        self, place: str, before_g: float, after_g: float, at_ms: int, kind: str, *, refused: str = ""
    ) -> int:  # fmt: skip
        """What the scale says of a change; the key of its row. The plateau before is the one that was seen last."""
        division = DIVISION_G[place]
        before = self._shown[place] if place in BINS.values() else _rounded(before_g, division, self._chance)
        after = _rounded(after_g, division, self._chance)
        self._shown[place] = after
        told: WeighingKind = kind  # type: ignore[assignment]
        key = self._row(at_ms, lambda at: Weighing(
            at_ms=at, sensor=f"t-{place}", kind=told, before_g=before, after_g=after, start_ms=max(0, at - 8_000),
            end_ms=at, confidence=0.95, division_g=division,
        ))  # fmt: skip
        self.counts["weighings"] += 1
        if refused:
            no = self._new_id()
            self._write(at_ms, [key], lambda names: RefuseMovement(id=no, by="-", movement=names[key], reason=refused))
        return key

    def _row(self, at_ms: int, make: Callable[[int], Weighing | Reading | ClockFix]) -> int:
        self._number += 1
        self._rows.append(Row(at_ms, self._number, make))
        self._at_ms[self._number] = at_ms
        return self._number

    def _write(
        self, at_ms: int, rows: list[int], make: Callable[[dict[int, str]], AnyAct], *, late: bool = True
    ) -> int:  # fmt: skip
        """A person writes some time after it happened, and after the server has shown what it is about; when."""
        delay_ms = round(self._chance.expovariate(1 / (10 * MINUTE_MS))) if late else MINUTE_MS
        after_ms = max((self._arrival(self._at_ms[key]) for key in rows), default=0)
        written_ms = max(at_ms, after_ms) + 1_000 + min(delay_ms, 6 * HOUR_MS)
        self._acts.append((written_ms, len(self._acts), make))
        return written_ms

    def _new_id(self) -> str:
        self._number += 1
        return f"{self._number:016x}"

    def _arrival(self, at_ms: int) -> int:
        """Rows are sent every minute; every fifth night the internet is gone from 22:00 to 05:00."""
        day, hour_ms = divmod(at_ms - ZERO_MS, DAY_MS)
        if day % 5 == 3 and hour_ms >= 22 * HOUR_MS:
            return ZERO_MS + (day + 1) * DAY_MS + 5 * HOUR_MS
        if day % 5 == 4 and hour_ms < 5 * HOUR_MS:
            return ZERO_MS + day * DAY_MS + 5 * HOUR_MS
        return (at_ms // MINUTE_MS + 1) * MINUTE_MS

    @property
    def ended_ms(self) -> int:
        """When the month is over and everything has been told."""
        return ZERO_MS + (self.days + 1) * DAY_MS

    def within_g(self, item: str, place: str) -> float:
        """Four standard deviations of what the scales rounded away since it was counted, and what was told by hand."""
        key = (item, place)
        division = DIVISION_G.get(place, 0)
        return 4 * math.sqrt(self._square[key]) + self._by_hand[key] + 2 * division + 1

    def told(self) -> Iterator[Told]:
        """Everything in the order in which it arrives. A third into the month the gateway restarts into the past and
        learns the time six hours later."""
        reboot_ms = ZERO_MS + self.days // 3 * DAY_MS + 3 * HOUR_MS
        fixed_ms = reboot_ms + 6 * HOUR_MS
        self._row(fixed_ms, lambda at: ClockFix(at_ms=at, boot="0000aaaa-cab1-4b42-8e06-9e3512dfe0a6",
                                                offset_ms=reboot_ms, error_ms=1, source="server"))  # fmt: skip
        self._rows.sort()
        sender = Sender(offset_ms=ZERO_MS - DAY_MS)
        names: dict[int, str] = {}
        batches: list[Told] = []
        stage: Literal["before", "guessed", "fixed"] = "before"
        first, arrive_ms = 1, 0
        for row in self._rows:
            now: Literal["before", "guessed", "fixed"] = (
                "before" if row.at_ms < reboot_ms else "guessed" if row.at_ms < fixed_ms else "fixed"
            )
            due_ms = self._arrival(row.at_ms)
            if len(sender.rows) >= first and (due_ms != arrive_ms or now != stage or len(sender.rows) - first > 500):
                batches.append(Told(arrive_ms, sender.batch(first, sent_ms=arrive_ms - self._offset(stage, reboot_ms))))
                first = len(sender.rows) + 1
            if now != stage:
                stage = now
                sender.boot = "0000aaaa-cab1-4b42-8e06-9e3512dfe0a6"
                sender.clock = "guess" if stage == "guessed" else "synced"
                sender.offset_ms = reboot_ms - 2 * DAY_MS if stage == "guessed" else reboot_ms
            arrive_ms = due_ms
            sender.add(row.make(row.at_ms - self._offset(stage, reboot_ms)))
            names[row.key] = f"gw-1.{sender.spool}.{len(sender.rows)}.movement"
        batches.append(Told(arrive_ms, sender.batch(first, sent_ms=arrive_ms - self._offset(stage, reboot_ms))))
        acts = [Told(at_ms, make(names)) for at_ms, _, make in sorted(self._acts, key=lambda one: one[:2])]
        yield from sorted([*batches, *acts], key=lambda one: one.arrive_ms)

    @staticmethod
    def _offset(stage: str, reboot_ms: int) -> int:
        return ZERO_MS - DAY_MS if stage == "before" else reboot_ms


def _rounded(mass_g: float, division: int, chance: random.Random) -> int:
    if mass_g == 0:
        return 0
    return round((mass_g + chance.gauss(0, NOISE * division)) / division) * division
