"""What can be wrong with a sensor: the names that a ``SensorFault`` and the status counters carry, and what they mean.

A name is for good: screens have words for each, and records keep them. A second party's driver may send others.
"""

from __future__ import annotations

FAULTS: dict[str, str] = {
    # The line to the device
    "silent": "the line is there and nothing comes: device off, hung, or its cable loose at the far end",
    "port_lost": "the port is gone or cannot be opened",
    "hub_lost": "several ports went at one moment: their USB hub or its power",
    "unreadable": "bytes come and not one frame: wrong speed, framing or protocol",
    "bad_frames": "frames come damaged: noise, a loose cable, two devices at once",
    "half_frame": "the device stopped in the middle of a frame",
    "babble": "more bytes than the line can carry",
    "refused": "the device answered that it cannot do this: wrong register, address or setting",
    # What the device says of itself
    "disconnected": "nothing is connected where the sensor should be",
    "open": "the sensor's wire is broken",
    "short_ground": "the sensor's wire touches ground",
    "short_supply": "the sensor's wire touches the supply",
    "power_on": "the sensor has just got its power and has not measured yet",
    "low_power": "the sensor's supply is too weak",
    "crc": "the sensor's answer does not fit its checksum",
    "zeros": "the data line is shorted: all zeros are no measurement",
    "overload": "more load than the scale can carry",
    "underload": "less than the scale can show: its platform was lifted or its zero is wrong",
    "no_zero": "a load cell without a zero: nobody knows what empty is",
    "battery": "the sensor's battery is empty",
    "unavailable": "the sensor's own radio or hub says that it is gone",
    # What came whole and still cannot be believed
    "nonsense": "a value that cannot be, or of another quantity than configured",
    "frozen": "the value stands still for longer than such a sensor can",
    "swapped": "another device is where this one should be",
    "old": "the value was measured long before it came",
}
