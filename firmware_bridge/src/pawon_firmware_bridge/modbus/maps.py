"""The register maps that are shipped, one row each: the only place where a new one is announced.

Two traps stand behind the humidity's `alien` limits. A clone of the XY-MD02 gives hundredths where the original gives
tenths, in the same registers: 4.00 C read by the wrong map would be 40.0 C, and, worse, a warm 30.5 C would be a cold
3.05 C. No kitchen has less than 10 % of humidity and none more than 119 % (the sensor's own formula ends there, and in
a dripping chiller it does pass 100), so the wrong map always shows, and then the temperature is refused too.
"""

from __future__ import annotations

from pawon_firmware_bridge.modbus.frame import READ_INPUT
from pawon_firmware_bridge.modbus.register_map import Channel, RegisterMap, Status

ALL_ONES = 0xFFFF
MOST_HUMIDITY = 119.0
"""The SHT20's formula ends at -6 + 125 (Sensirion SHT20 datasheet, 6.1)."""

LEAST_HUMIDITY = 10.0

LOWEST_C, HIGHEST_C = -60.0, 260.0
"""What a Pt100 meets in a kitchen: nothing is colder than a blast freezer, nothing measured is hotter than oil. Beyond
it the wire is broken or shorted, whatever range the board prints on its box."""

# One word of ones beside a good other is -0.1 C; only both are a sensor chip that does not answer.
_NO_SENTINEL_ALONE = (0x8000, 0x7FFF)
_SHT_DEAD: dict[tuple[int, ...], str] = {(0, 0): "zeros", (ALL_ONES, ALL_ONES): "disconnected"}

_ROWS = (
    RegisterMap(
        name="xy-md02",
        title="XY-MD02 (SHT20 or SHT40): air temperature and humidity",
        source="XY-MD02 manual, register table",
        function=READ_INPUT,
        address=1,
        count=2,
        channels=(
            Channel(
                name="temperature", quantity="temperature_c", offset=0, low=-40, high=60, invalid=_NO_SENTINEL_ALONE
            ),
            Channel(
                name="humidity", quantity="humidity_percent", offset=1, type="uint16", low=0, high=100,
                alien=(0.0, MOST_HUMIDITY),
            ),
        ),
        dead=_SHT_DEAD,
        examples=((bytes.fromhex("01 04 04 01 31 02 22 2A CE"), {"temperature": 30.5, "humidity": 54.6}),),
    ),
    RegisterMap(
        name="md02-hundredths",
        title="clones called MD02 that give hundredths: 25.06 C is 2506; often 8E1 or 8O1",
        source="users' reports of such clones; frame computed",
        function=READ_INPUT,
        address=1,
        count=2,
        channels=(
            Channel(
                name="temperature", quantity="temperature_c", offset=0, scale=0.01, low=-40, high=60,
                invalid=_NO_SENTINEL_ALONE,
            ),
            Channel(
                name="humidity", quantity="humidity_percent", offset=1, type="uint16", scale=0.01, low=0, high=100,
                alien=(LEAST_HUMIDITY, MOST_HUMIDITY),
            ),
        ),
        dead=_SHT_DEAD,
        examples=((bytes.fromhex("01 04 04 09 CA 13 BF 94 A6"), {"temperature": 25.06, "humidity": 50.55}),),
    ),
    RegisterMap(
        name="simex-trs-02a",
        title="Simex TRS-02a, Pt100",
        source="Simex TRS-02a manual p. 14",
        address=1,
        count=2,
        channels=(
            # The status register speaks for it, so that -0.1 C is a temperature here.
            Channel(
                name="temperature", quantity="temperature_c", offset=0, low=LOWEST_C, high=HIGHEST_C,
                invalid=_NO_SENTINEL_ALONE, above="open",
            ),
        ),
        # The value beside a broken line is the last good one.
        status=Status(offset=1, faults={0xA0: "open"}),
        dead={},
        examples=((bytes.fromhex("01 03 04 00 C1 00 00 AB CF"), {"temperature": 19.3}),),
    ),
    RegisterMap(
        name="pt100-board",
        title="cheap Pt100 boards, one channel: register 0, tenths",
        source="sellers' descriptions of such boards",
        address=0,
        count=1,
        channels=(
            # A broken wire is endless resistance: the top of the scale, or one of the sentinels.
            Channel(
                name="temperature", quantity="temperature_c", offset=0, low=LOWEST_C, high=HIGHEST_C,
                invalid_state="open", above="open",
            ),
        ),
        dead={},
        examples=((bytes.fromhex("01 03 02 00 FA 38 07"), {"temperature": 25.0}),),
    ),
)  # fmt: skip

MAPS: dict[str, RegisterMap] = {row.name: row for row in _ROWS}
