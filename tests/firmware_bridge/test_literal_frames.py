"""Frames as devices send them, with their values: a new sensor of a known kind starts as a row here."""

from __future__ import annotations

from pathlib import Path

import pytest

from pawon_firmware_bridge.measurement import BadFrame, Measurement
from pawon_firmware_bridge.protocols import PROTOCOLS, read_w1_text
from pawon_firmware_bridge.protocols.ds18b20_w1 import encode_w1_text

DOCS = Path(__file__).parents[2] / "docs" / "sensors.md"

NINE_SPACES = "20 20 20 20 20 20 20 20 20 "

# protocol, bytes, (grams, state, stable, load), source
SCALE_FRAMES = [
    (
        "yaohua-a12-wg",
        "57 47 30 30 34 2E 31 33 39 6B 67 33 44 0D 0A",
        (4139.0, "ok", None, "gross"),
        "A12 manual p. 13",
    ),
    ("yaohua-a12-wg", "57 4E 2D 31 32 2E 34 35 30 6B 67 32 34 0D 0A", (-12450.0, "ok", None, "net"), "layout of p. 13"),
    ("yaohua-a12-wg", NINE_SPACES + "4F 4C 32 33 0D 0A", (None, "overload", None, None), "A12 manual p. 13"),
    ("yaohua-a12-wg", NINE_SPACES + "4C 4F 32 33 0D 0A", (None, "underload", None, None), "A12 manual p. 13"),
    ("yaohua-a12-wg", "57 47 30 30 30 2E 30 30 30 6B 67 33 32 0D 0A", (0.0, "ok", None, "gross"), "an emptied scale"),
    ("yaohua-a12-wg", "57 47 30 30 30 31 32 33 20 6B 67 33 43 0D 0A", (123000.0, "ok", None, "gross"), "no point"),
    ("yaohua-a9", "02 2B 30 30 31 35 36 30 30 31 39 03", (1560000.0, "ok", None, None), "captured"),
    ("yaohua-a9", "02 2B 30 30 30 30 30 30 30 31 42 03", (0.0, "ok", None, None), "captured"),
    ("yaohua-a9", "02 2B 30 31 32 33 34 35 32 31 38 03", (123450.0, "ok", None, None), "A9+ manual p. 10"),
    ("yaohua-a9", "02 2D 30 30 30 30 35 30 32 31 41 03", (-500.0, "ok", None, None), "A9+ manual p. 10"),
    ("st-gs", "53 54 2C 47 53 2C 2B 30 30 30 31 33 2E 35 6B 67 0D 0A", (13500.0, "ok", True, "gross"), "CAS: AND 18"),
    ("st-gs", "53 54 2C 2B 30 30 31 32 33 34 2E 35 20 20 67 0D 0A", (1234.5, "ok", True, None), "A&D EK-L manual"),
    (
        "st-gs",
        "53 54 2C 47 53 2C 31 E4 2C 30 30 30 30 31 33 2E 35 20 6B 67 0D 0A",
        (13500.0, "ok", True, "gross"),
        "CAS CI manual, 22 bytes",
    ),
    ("st-gs", b"ST,GS,+ 0.876kg\r\n".hex(), (876.0, "ok", True, "gross"), "Brecknell S122 manual"),
    ("st-gs", b"US,NT,-  12.34lb\r\n".hex(), (-5597.3298458, "ok", False, "net"), "same, moving, net, pounds"),
    ("st-gs", b"ST,GS,   0.000,kg\r\n".hex(), (0.0, "ok", True, "gross"), "Dini Argeo DGT manual"),
    ("st-gs", b"ST,NT,-  0.000kg\r\n".hex(), (0.0, "ok", True, "net"), "minus zero is zero"),
    ("st-gs", b"OL,GS,+9999999kg\r\n".hex(), (None, "overload", None, "gross"), "whatever the field holds"),
    ("st-gs", b"UL,GS,-9999999kg\r\n".hex(), (None, "underload", None, "gross"), "Dini Argeo DGT manual"),
    (
        "yaohua-a12-ww",
        "77 77 30 30 30 2E 30 30 30 6B 67 0D 0A",
        (0.0, "ok", None, "gross"),
        "public driver code: ww000.000kg",
    ),
    ("yaohua-a12-ww", b"wn-0000.1kg\r\n".hex(), (-100.0, "ok", None, "net"), "public driver code"),
    ("yaohua-a12-ww", b"wt001.500kg\r\n".hex(), (1500.0, "ok", None, "tare"), "public driver code: wt000.000kg"),
    (
        "yaohua-a9-command",
        "02 41 42 2B 30 31 32 33 34 35 32 31 42 03",
        (123450.0, "ok", None, "gross"),
        "A9+ manual p. 11: layout, computed",
    ),
    ("yaohua-a9-command", b"\x02AD+00156001C\x03".hex(), (1560000.0, "ok", None, "net"), "same, net"),
    ("yaohua-a9-command", b"\x02CC-00005021A\x03".hex(), (-500.0, "ok", None, "tare"), "same, tare, address C"),
    ("yaohua-equals-reversed", b"=000.3000".hex(), (3000.0, "ok", None, None), "A9+ manual"),
    ("yaohua-equals-reversed", b"=00.1000-".hex(), (-1000.0, "ok", None, None), "A9+ manual"),
    ("yaohua-equals-forward", b"=0003.000".hex(), (3000.0, "ok", None, None), "A9+ manual"),
    ("yaohua-equals-forward", b"=-0001.00".hex(), (-1000.0, "ok", None, None), "A9+ manual"),
    (
        "mettler-sics",
        "53 20 53 20 20 20 20 20 31 30 30 2E 30 30 20 67 0D 0A",
        (100.0, "ok", True, None),
        "MT-SICS reference manual",
    ),
    ("mettler-sics", b"S D     -1.250 kg\r\n".hex(), (-1250.0, "ok", False, None), "same, moving, kilograms"),
    ("mettler-sics", b"S S      2.000 lb\r\n".hex(), (907.18474, "ok", True, None), "same, pounds"),
    ("mettler-sics", b"TA A      1.500 kg\r\n".hex(), (1500.0, "ok", None, "tare"), "MT-SICS: answer to TA"),
    ("mettler-sics", b"S +\r\n".hex(), (None, "overload", None, None), "MT-SICS reference manual"),
    ("mettler-sics", b"S -\r\n".hex(), (None, "underload", None, None), "MT-SICS reference manual"),
    (
        "toledo-continuous-checksum",
        "02 2C 30 20 20 20 31 32 33 34 20 20 20 20 20 30 0D 1B",
        (12340.0, "ok", True, "gross"),
        "IND560 manual, appendix D: 12.34 kg",
    ),
    (
        "toledo-continuous-checksum",
        "02 2C 39 20 20 20 31 32 33 34 20 20 20 31 35 30 0D 6C",
        (12340.0, "ok", False, "net"),
        "same, net, moving, tare 1.50",
    ),
    (
        "toledo-continuous",
        "02 2C 30 20 20 20 31 32 33 34 20 20 20 20 20 30 0D",
        (12340.0, "ok", True, "gross"),
        "IND560 manual, appendix D: without checksum",
    ),
    (
        "toledo-continuous",
        "02 2C 39 20 20 20 31 32 33 34 20 20 20 31 35 30 0D",
        (12340.0, "ok", False, "net"),
        "same, net, moving, tare 1.50",
    ),
    ("toledo-continuous", b"\x02+2     15     0\r".hex(), (-1500.0, "ok", True, "gross"), "negative, point code 3"),
    (
        "toledo-continuous",
        b"\x02,    1000     0\r".hex(),
        (4535.9237, "ok", True, "gross"),
        "bit 4 of B clear: pounds",
    ),
    ("toledo-continuous", b"\x02)0    123     0\r".hex(), (1230000.0, "ok", True, "gross"), "point code 1: tens"),
    ("toledo-continuous", b"\x02*0!  1234     0\r".hex(), (1234.0, "ok", True, "gross"), "C says grams"),
    ("toledo-continuous", b"\x02,4   9999     0\r".hex(), (None, "overload", None, "gross"), "bit 2 of B"),
    ("toledo-continuous", b"\x02,6      5     0\r".hex(), (None, "underload", None, "gross"), "bits 1 and 2 of B"),
    ("toledo-continuous", b"\x02,p      0     0\r".hex(), (None, "power_on", None, "gross"), "bit 6 of B"),
    (
        "and-standard",
        "53 54 2C 2B 30 30 31 32 33 34 2E 35 20 20 67 0D 0A",
        (1234.5, "ok", True, None),
        "A&D EK-L manual",
    ),
    ("and-standard", b"US,-0012.345 kg\r\n".hex(), (-12345.0, "ok", False, None), "same, moving, kilograms"),
    ("and-standard", b"OL,+9999999E+19\r\n".hex(), (None, "overload", None, None), "A&D EK-L manual"),
    ("and-standard", b"OL,-9999999E+19\r\n".hex(), (None, "underload", None, None), "A&D EK-L manual"),
    (
        "cas-22",
        "53 54 2C 47 53 2C 31 E4 2C 30 30 30 30 31 33 2E 35 20 6B 67 0D 0A",
        (13500.0, "ok", True, "gross"),
        "CAS CI-400 manual",
    ),
    (
        "cas-22",
        b"US,NT,\n\x82,-00001.5 kg\r\n".hex(),
        (-1500.0, "ok", False, "net"),
        "same; id 10 looks like a line feed",
    ),
    ("cas-22", b"OL,GS,1\x84,".hex() + "20 " * 8 + b" kg\r\n".hex(), (None, "overload", None, "gross"), "same"),
    ("cas-10", b"000013.5\r\n".hex(), (13500.0, "ok", None, None), "CAS CI-400 manual"),
    ("cas-10", b"-  1.250\r\n".hex(), (-1250.0, "ok", None, None), "same, negative, filled with spaces"),
    (
        "cas-pos",
        "01 02 53 20 30 31 2E 32 33 34 6B 67 65 03 04",
        (1234.0, "ok", True, None),
        "CAS PD-II manual: layout, computed",
    ),
    ("cas-pos", b"\x01\x02U-00.050kg\x6f\x03\x04".hex(), (-50.0, "ok", False, None), "same, moving, negative"),
    ("cas-pos", b"\x01\x02UF00.000kg\x01\x03\x04".hex(), (None, "overload", None, None), "same, sign F"),
    (
        "and-18",
        "53 54 2C 47 53 2C 2B 30 30 30 31 33 2E 35 6B 67 0D 0A",
        (13500.0, "ok", True, "gross"),
        "CAS CI-400 manual, AND format",
    ),
    ("and-18", b"US,NT,-00001.5kg\r\n".hex(), (-1500.0, "ok", False, "net"), "same, moving, net"),
    ("and-18", b"OL,GS,+0000000kg\r\n".hex(), (None, "overload", None, "gross"), "same"),
    (
        "ohaus",
        "20 20 20 31 32 2E 33 34 35 20 6B 67 20 20 20 20 4E 45 54 0D 0A",
        (12345.0, "ok", True, "net"),
        "Defender 3000 manual",
    ),
    ("ohaus", b"-   0.050 kg   ?G  \r\n".hex(), (-50.0, "ok", False, "gross"), "same, negative, moving, gross"),
    ("ohaus", b"    1.500 kg    T  \r\n".hex(), (1500.0, "ok", True, "tare"), "same, tare"),
]

POWER_ON_TEXT = b"50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 05 4b 46 7f ff 0c 10 1c t=85000\n"
FF_TEXT = b"ff ff ff ff ff ff ff ff ff : crc=c9 NO\n50 05 4b 46 7f ff 0c 10 1c t=23125\n"
ZEROS_TEXT = b"00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n"

# text, (degrees Celsius, state), what it shows
W1_TEXTS = [
    (b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n", (23.125, "ok"), "a room"),
    (b"5e ff 4b 46 7f ff 02 10 b6 : crc=b6 YES\n5e ff 4b 46 7f ff 02 10 b6 t=-10125\n", (-10.125, "ok"), "a freezer"),
    (POWER_ON_TEXT, (None, "power_on"), "never converted"),
    (FF_TEXT, (None, "crc"), "a loose line"),
    (ZEROS_TEXT, (None, "zeros"), "a shorted line, with a good CRC"),
]


@pytest.mark.parametrize(("protocol", "frame", "expected", "source"), SCALE_FRAMES)
def test_scale_frame(protocol: str, frame: str, expected: tuple[object, ...], source: str) -> None:
    """A literal frame gives exactly one measurement with the device's value in grams and its state."""
    raw = bytes.fromhex(frame)
    parser = PROTOCOLS[protocol].parser()
    [event] = [*parser.feed(raw), *parser.finish()]
    assert isinstance(event, Measurement)
    value, state, stable, load = expected
    said = event.stable if event.value is not None else None
    assert (event.quantity, event.value, event.state, said, event.load) == ("mass_g", value, state, stable, load)
    # As text, because -0.0 equals 0.0 and would still be shown as "-0".
    assert str(event.value) == str(value)
    assert event.raw == raw


@pytest.mark.parametrize(("text", "expected", "shows"), W1_TEXTS)
def test_w1_text(text: bytes, expected: tuple[float | None, str], shows: str) -> None:
    """A file of the kernel gives its temperature only if the reading can be trusted, else the reason as a state."""
    event = read_w1_text(text, "28-00000a1b2c3d")
    assert isinstance(event, Measurement)
    assert (event.value, event.state, event.channel) == (*expected, "28-00000a1b2c3d")
    [streamed] = PROTOCOLS["ds18b20-w1"].parser().feed(text)
    assert isinstance(streamed, Measurement)
    assert (streamed.value, streamed.state) == expected


def test_real_85_degrees_is_a_temperature() -> None:
    """A probe in a pan at 85 C is believed: only the power-on byte makes 85 C suspicious."""
    event = read_w1_text(encode_w1_text(bytes.fromhex("50054b467fff1010bd")), "28-1")
    assert isinstance(event, Measurement)
    assert (event.value, event.state) == (85.0, "ok")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "empty"),
        (b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n", "not a w1_slave text"),
        (b"72 01 4b 46 7f ff 0e 10 58 : crc=58 YES\n72 01 4b 46 7f ff 0e 10 58 t=23125\n", "checksum"),
        (
            b"72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=24125\n",
            "the two lines disagree",
        ),
    ],
)
def test_w1_text_that_is_not_one(text: bytes, reason: str) -> None:
    """A file that is empty, half, or contradicts itself is a bad frame with the reason, never a temperature."""
    event = read_w1_text(text, "28-1")
    assert isinstance(event, BadFrame)
    assert event.reason == reason


@pytest.mark.parametrize(
    ("protocol", "frame", "reason"),
    [
        ("mettler-sics", b"S I\r\n", "not ready"),
        ("mettler-sics", b"ES\r\n", "syntax error"),
        ("mettler-sics", b"ET\r\n", "transmission error"),
        ("mettler-sics", b"EL\r\n", "logical error"),
        ("mettler-sics", b"S S     100.00 ct\r\n", "unit ct is no mass"),
        ("and-standard", b"QT,+00000012 PC\r\n", "counting mode"),
        ("and-standard", b"ST,+001234.5  %\r\n", "unit % is no mass"),
        ("ohaus", b"   12.345 lb:oz G  \r\n", "unit lb:oz is no mass"),
        ("cas-pos", b"\x15", "not ready"),
        ("cas-pos", b"\x01\x02S 01.235kge\x03\x04", "checksum"),
        ("toledo-continuous", b"\x02,0'  1234     0\r", "unit 7 is not known"),
        ("toledo-continuous", b"\x02,00  1234     0\r", "not a frame"),  # display expanded tenfold
        ("toledo-continuous", b"\x02,0            0\r", "not a frame"),  # a blank display
        ("toledo-continuous-checksum", b"\x02,0   1234     0\r\x1a", "checksum"),
        ("yaohua-a9-command", b"\x02AB+01234521C\x03", "checksum"),
        ("yaohua-equals-forward", b"=0.03.000", "not a frame"),
        ("cas-10", b"  12 3.5\r\n", "not a frame"),
    ],
)
def test_words_that_are_no_weight(protocol: str, frame: bytes, reason: str) -> None:
    """Refusals, errors, pieces and percent are bad frames with their reason, never a weight."""
    parser = PROTOCOLS[protocol].parser()
    [event] = [*parser.feed(frame), *parser.finish()]
    assert event == BadFrame(reason=reason, raw=frame)


def test_tare_in_the_same_frame() -> None:
    """A Toledo frame says the tare beside the weight: one measurement with both, because they belong together."""
    [event] = PROTOCOLS["toledo-continuous"].parser().feed(bytes.fromhex("022C39202020313233342020203135300D"))
    assert isinstance(event, Measurement)
    assert (event.value, event.tare_g) == (12340.0, 1500.0)


def test_echoes_on_a_two_wire_line() -> None:
    """What the host asked comes back on some lines; it is neither a weight nor a fault."""
    request, answer = bytes.fromhex("024142303303"), PROTOCOLS["yaohua-a9-command"].example
    [event] = PROTOCOLS["yaohua-a9-command"].parser().feed(request + answer + request)
    assert isinstance(event, Measurement)
    assert event.channel == "A"


def test_a_spoiled_first_frame_does_not_fix_the_unit() -> None:
    """One flipped bit turns Toledo's kilograms into pounds; if it is in the very first frame, the second and third
    frame outvote it."""
    parser = PROTOCOLS["toledo-continuous"].parser()
    pounds, kilograms = b"\x02,    1000     0\r", b"\x02,0   1000     0\r"
    values = [getattr(parser.feed(frame)[0], "value", "bad") for frame in (pounds, kilograms, kilograms, pounds)]
    assert values == [4535.9237, "bad", 10_000.0, "bad"]


def test_unit_key_pressed() -> None:
    """Pounds in a stream of kilograms are refused, because the place's stock and limits are in the old unit."""
    parser = PROTOCOLS["st-gs"].parser()
    frames = [b"ST,GS,+ 0.876kg\r\n", b"ST,GS,+ 1.931lb\r\n", b"ST,GS,+ 0.876kg\r\n"]
    first, second, third = (parser.feed(frame)[0] for frame in frames)
    assert isinstance(first, Measurement)
    assert second == BadFrame(reason="unit changed from kg to lb", raw=frames[1])
    assert third == first


def test_lost_digit() -> None:
    """A frame without a checksum that lost one digit is not believed; two of a new length in a row are."""
    parser = PROTOCOLS["st-gs"].parser()
    good, short = b"ST,GS,+ 10.876kg\r\n", b"ST,GS,+ 1.876kg\r\n"
    values = [getattr(parser.feed(frame)[0], "value", "bad") for frame in (good, short, good, short, short, short)]
    assert values == [10876.0, "bad", 10876.0, "bad", 1876.0, 1876.0]


def test_every_protocol_is_documented_and_has_a_literal_frame() -> None:
    """A protocol without a row in docs/sensors.md and a literal case here is not finished."""
    table = DOCS.read_text().partition("\n## ")[0].splitlines()
    told = {line.split("|")[1].strip().strip("`") for line in table if line.startswith("| `")}
    assert told == set(PROTOCOLS)
    cases = {protocol for protocol, *_ in SCALE_FRAMES} | {"ds18b20-w1", "pawon-board"}
    assert cases == set(PROTOCOLS)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_example_of_the_registry(name: str) -> None:
    """The example shown to people is a whole good frame."""
    parser = PROTOCOLS[name].parser()
    events = [*parser.feed(PROTOCOLS[name].example), *parser.finish()]
    assert events
    assert all(isinstance(event, Measurement) and event.state == "ok" for event in events)
    assert PROTOCOLS[name].name == name
