"""``server.toml``: all mistakes at once, each at its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pawon_server.config import ConfigError, load_config
from pawon_server.rulebook import encode

GOOD = """
kitchen = "dapur-1"
name = "Dapur Satu"
store = "/var/lib/pawon/pawon.db"
[[gateway]]
id = "gw-1"
[[sensor]]
id = "chiller-1"
gateway = "gw-1"
name = "Chiller 1"
point = "chiller"
[[sensor]]
id = "timbangan-1"
gateway = "gw-1"
name = "Timbangan"
quantity = "mass_g"
[[item]]
id = "beras"
name = "Beras"
[[place]]
id = "gudang"
name = "Gudang"
scale = "timbangan-1"
item = "beras"
"""
STORE = 'store = "/var/lib/pawon/pawon.db"\n'


def problems(folder: Path, text: str, *, demo: bool = False) -> list[str]:
    """What is wrong with a file."""
    path = folder / "server.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, demo=demo)
    assert caught.value.path == path
    return caught.value.problems


def test_a_good_file_has_its_defaults(tmp_path: Path) -> None:
    """A kitchen writes what is its own; everything listens on loopback only."""
    path = tmp_path / "server.toml"
    path.write_text(GOOD)
    config = load_config(path)
    assert (config.profile, config.timezone, config.broker) == ("ID-MBG", "Asia/Jakarta", "embedded")
    assert (config.embedded_listen, config.http.host, config.http.port) == ("127.0.0.1:1883", "127.0.0.1", 8080)
    assert (config.place[0].filled_from, config.place[0].emptied_to, config.influx) == ("supplier", "prep", None)


def test_three_mistakes_are_three_problems_with_their_places(tmp_path: Path) -> None:
    """All mistakes at once, each with the key to look at."""
    text = (
        GOOD.replace('kitchen = "dapur-1"', 'kitchen = "Dapur Satu"')
        .replace("mass_g", "kg")
        .replace(STORE, STORE + "http.port = 99999\n")
    )
    assert {text.split(":")[0] for text in problems(tmp_path, text)} >= {"kitchen", "sensor[1].quantity", "http.port"}


def test_mistakes_of_the_whole_are_told_beside_those_of_single_settings(tmp_path: Path) -> None:
    """A misspelt zone hides neither an unknown gateway, nor a point that no profile has, nor the refused profile."""
    text = (
        GOOD.replace(STORE, STORE + 'timezone = "WIB"\nprofile = "DEMO"\n')
        .replace('gateway = "gw-1"', 'gateway = "gw-2"', 1)
        .replace('point = "chiller"', 'point = "chiler"')
        .replace('item = "beras"', 'item = "bers"')
    )
    found = [text.split(":")[0] for text in problems(tmp_path, text)]
    assert found == ["timezone", "profile", "sensor[0].gateway", "sensor[0].point", "place[0].item"]


@pytest.mark.parametrize(
    ("old", "new", "place", "word"),
    [
        (STORE, "", "store", "required"),
        (STORE, STORE + "kitschen = 1\n", "kitschen", "Extra inputs"),
        (STORE, STORE + 'broker = "localhost:1883"\n', "broker", "mqtt://host:1883"),
        (STORE, STORE + 'broker = "mqtt://localhost:99999"\n', "broker", "port"),
        (STORE, STORE + 'broker = "mqtts://localhost"\n', "broker_ca_file", "mqtts needs one"),
        (STORE, STORE + 'broker = "mqtt://localhost"\nbroker_ca_file = "ca"\n', "broker_ca_file", "encrypted"),
        (STORE, STORE + 'embedded_listen = "0.0.0.0:1883"\n', "embedded_listen", "loopback only"),
        (STORE, STORE + 'embedded_listen = "192.168.1.5:1883"\n', "embedded_listen", "mosquitto"),
        (STORE, STORE + 'embedded_listen = "127.0.0.1"\n', "embedded_listen", "127.0.0.1:1883"),
        (STORE, STORE + 'embedded_listen = "127.0.0.1:70000"\n', "embedded_listen", "127.0.0.1:1883"),
        (STORE, STORE + 'timezone = "WIB"\n', "timezone", "Asia/Makassar"),
        (STORE, STORE + 'profile = "ID-MBC"\n', "profile", "ID-MBG"),
        ('[[gateway]]\nid = "gw-1"', '[[gateway]]\nid = "gw-1"\n[[gateway]]\nid = "gw-1"', "gateway[1].id", "twice"),
        ('id = "timbangan-1"', 'id = "chiller-1"', "sensor[1].id", "twice"),
        ('scale = "timbangan-1"', 'scale = "nowhere"', "place[0].scale", "no sensor 'nowhere'"),
        ('scale = "timbangan-1"', 'scale = "chiller-1"', "place[0].scale", "no scale"),
        ('name = "Beras"', 'name = "Beras"\nunit = "piece"', "item[0].unit_g", "how many grams has one piece"),
        ('name = "Beras"', 'name = "Beras"\ngtin = ["8991234567892"]', "item[0].gtin[0]", "no GTIN"),
        ('name = "Beras"', 'name = "Beras"\ngtin = 5', "item[0].gtin", "list"),
        ('name = "Beras"', 'name = "Beras"\ncooked_factor = [2.5, 2.2]', "item[0].cooked_factor", "least comes first"),
        ('name = "Beras"', 'name = "Beras"\ncooked_factor = [2.2, 25]', "item[0].cooked_factor[1]", "less than"),
        ('name = "Beras"', 'name = "Beras"\ncooked_factor = 2.2', "item[0].cooked_factor", "tuple"),
        ('id = "gudang"', 'id = "prep"', "place[0].emptied_to", "the place itself"),
        ('id = "gudang"', 'id = "gudang"\nfilled_from = "gudang"', "place[0].filled_from", "the place itself"),
        ('id = "gudang"', 'id = "opening"', "place[0].id", "not in the kitchen"),
        ('name = "Beras"', 'name = "Beras"\nunit = "ml"\nunit_g = 1e-14', "item[0].unit_g", "0.001"),
        (
            'item = "beras"',
            'item = "beras"\nemptied_to = "dapur"\n[[sensor]]\nid = "timbangan-2"\ngateway = "gw-1"\nname = "T 2"\n'
            'quantity = "mass_g"\n[[place]]\nid = "dapur"\nname = "Dapur"\nscale = "timbangan-2"\nitem = "beras"',
            "place[0].emptied_to",
            "a second time",
        ),
        ('name = "Dapur Satu"', 'name = ""', "name", "at least 1"),
        ("[[gateway]]", "[[gateway", "not TOML", ""),
    ],
)
def test_each_mistake_is_named_at_its_place(tmp_path: Path, old: str, new: str, place: str, word: str) -> None:
    """One mistake is told at its key and with a word that helps."""
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(text.startswith(f"{place}: ") and word in text for text in found), found


def test_two_places_do_not_share_a_scale(tmp_path: Path) -> None:
    """One weighing would be booked to two places."""
    second = '[[place]]\nid = "dapur"\nname = "Dapur"\nscale = "timbangan-1"\nitem = "beras"\n'
    assert problems(tmp_path, GOOD + second) == ["place[1].scale: 'timbangan-1' watches another place already"]


def test_the_demonstration_profile_is_for_demonstrations(tmp_path: Path) -> None:
    """Its minutes are seconds: refused by name outside the demonstration, taken inside it."""
    text = GOOD.replace(STORE, STORE + 'profile = "DEMO"\n')
    assert problems(tmp_path, text) == ["profile: DEMO is for demonstrations only; kitchens use ID-MBG"]
    assert load_config(tmp_path / "server.toml", demo=True).profile == "DEMO"


@pytest.mark.parametrize("value", ["3", '"text"', "[1, 2]", "true", "[[]]", "[{id = [1]}]", "[{id = {a = 1}}]"])
@pytest.mark.parametrize("key", ["gateway", "sensor", "item", "place", "profile", "broker", "http", "influx"])
def test_a_setting_of_the_wrong_kind_is_a_problem_at_its_key(tmp_path: Path, key: str, value: str) -> None:
    """Whatever stands in a place of the file, its reader gets an answer and not a traceback."""
    head = GOOD.split("[[gateway]]", maxsplit=1)[0]
    found = problems(tmp_path, f"{head}\n{key} = {value}\n")
    assert any(text.startswith(key) for text in found)


def test_a_file_that_cannot_be_read_is_a_problem_not_a_traceback(tmp_path: Path) -> None:
    """Missing, or damaged on its card: told in plain words."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "nowhere.toml")
    assert caught.value.problems == ["cannot be read: No such file or directory"]
    (tmp_path / "damaged.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "damaged.toml")
    assert caught.value.problems[0].startswith("not TOML")


def test_overrides_change_what_the_kitchen_is_judged_by(tmp_path: Path) -> None:
    """A stricter row is taken and the version says so; a laxer one only with its source and its approval."""
    path = tmp_path / "server.toml"
    path.write_text(GOOD + '[[override]]\nid = "chiller-hot"\nabove = 4.5\n')
    rules = load_config(path).rules()
    assert [row.value for row in rules.limit if row.id == "chiller-hot"] == [4.5]
    assert rules.version.startswith("2026.11+")
    laxer = GOOD + '[[override]]\nid = "chiller-hot"\nabove = 6.0\nsource = "Buku dapur"\n'
    assert problems(tmp_path, laxer) == [
        "override[0].above: chiller-hot would be laxer; say source and approved_by beside it"
    ]
    path.write_text(laxer + 'approved_by = "Ahli gizi"\n')
    assert load_config(path).rules().version != rules.version
    path.write_text(GOOD)
    assert load_config(path).rules().version == "2026.11"


def test_mistakes_of_overrides_are_told_beside_all_others(tmp_path: Path) -> None:
    """Each at its place; what is no array of tables is one mistake and hides no other."""
    text = GOOD.replace('point = "chiller"', 'point = "oven"') + '[[override]]\nid = "x"\n[[override]]\nabove = 1\n'
    assert [problem.split(": ")[0] for problem in problems(tmp_path, text)] == [
        "override[0]", "override[1]", "sensor[0].point",
    ]  # fmt: skip
    told = problems(tmp_path, 'override = "chiller"\n' + GOOD.replace('point = "chiller"', 'point = "oven"'))
    assert [problem.split(": ")[0] for problem in told] == ["override", "sensor[0].point"]


def test_a_licence_for_portions_reaches_what_the_projections_know(tmp_path: Path) -> None:
    """A number in the file is in the settings; none is none, and stands in no journal."""
    path = tmp_path / "server.toml"
    path.write_text(GOOD)
    plain = load_config(path).settings()
    assert plain.portion_limit is None
    assert b"portion_limit" not in encode(plain)
    path.write_text("portion_limit = 3000\n" + GOOD)
    assert load_config(path).settings().portion_limit == 3000
    assert problems(tmp_path, "portion_limit = 0\n" + GOOD)[0].startswith("portion_limit")


def test_thermometers_that_are_not_connected(tmp_path: Path) -> None:
    """Their kind is a hand probe's unless said; none bears a sensor's name; the altitude is one where people cook."""
    path = tmp_path / "server.toml"
    extra = '[[thermometer]]\nid = "tangan-1"\nname = "Termometer tangan"\n'
    path.write_text(GOOD.replace(STORE, STORE + "altitude_m = 768\n") + extra)
    settings = load_config(path).settings()
    assert settings.altitude_m == 768
    assert [(row.id, row.kind) for row in settings.thermometers] == [("tangan-1", "hand")]
    assert problems(tmp_path, GOOD + extra.replace("tangan-1", "chiller-1")) == [
        "thermometer[0].id: 'chiller-1' is a sensor"
    ]
    assert "altitude_m" in problems(tmp_path, GOOD.replace(STORE, STORE + "altitude_m = 9000\n"))[0]


@pytest.mark.parametrize(
    ("plate", "said"),
    [
        ("division_g = 20", "belong together"), ('accuracy_class = "III"', "belong together"),
        ('division_g = 5\nmax_g = 60000\naccuracy_class = "III"', "12000 divisions are more than class III has"),
        ('division_g = 20\nmax_g = 200\naccuracy_class = "III"', "below the least"),
        ('division_g = 20\naccuracy_class = "I"', "accuracy_class"),
        ('division_g = 0\nmax_g = 60000\naccuracy_class = "III"', "division_g"),
    ],
)  # fmt: skip
def test_a_scales_plate_is_one_that_exists(tmp_path: Path, plate: str, said: str) -> None:
    """Halves of a plate, and plates that no scale of the class has, are told at their key."""
    told = problems(tmp_path, GOOD.replace('quantity = "mass_g"', f'quantity = "mass_g"\n{plate}'))
    assert len(told) == 1, told
    assert told[0].startswith("sensor[1].")
    assert said in told[0]


def test_only_scales_have_plates(tmp_path: Path) -> None:
    """A division on a thermometer is somebody's mistake; a whole plate on a scale is kept, and so is its absence."""
    told = problems(tmp_path, GOOD.replace('point = "chiller"', 'point = "chiller"\ndivision_g = 20'))
    assert told == ["sensor[0].division_g: only a scale has one; quantity must be mass_g"]
    path = tmp_path / "server.toml"
    path.write_text(
        GOOD.replace('= "mass_g"', '= "mass_g"\ndivision_g = 20\nmax_g = 60000\naccuracy_class = "III"')
    )  # fmt: skip
    scale = load_config(path).settings().scales[0]
    assert (scale.division_g, scale.max_g, scale.accuracy_class) == (20, 60_000, "III")
    path.write_text(GOOD)
    bare = load_config(path).settings()
    assert (bare.scales[0].division_g, bare.scale_check_h) == (None, 24)
    assert not {b"division_g", b"scale_check_h"} & set(encode(bare).split(b'"')), (
        "a kitchen that says nothing of plates has the settings it had"
    )


def test_cooking_factors_reach_what_the_projections_know(tmp_path: Path) -> None:
    """Least and most, also of whole numbers; none is none, and stands in no journal."""
    path = tmp_path / "server.toml"
    path.write_text(GOOD.replace('name = "Beras"', 'name = "Beras"\ncooked_factor = [2, 2.5]'))
    assert load_config(path).settings().items[0].cooked_factor == (2.0, 2.5)
    path.write_text(GOOD)
    assert b"cooked_factor" not in encode(load_config(path).settings())
