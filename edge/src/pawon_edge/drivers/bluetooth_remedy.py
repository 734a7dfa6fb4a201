"""Why the radio cannot listen, in words that help: from what BlueZ, the bus or the kernel said to what to do."""

from __future__ import annotations

NO_BUS = "no system bus: start it (systemctl start dbus); in a container, mount /run/dbus"
NO_BLUEZ = "BlueZ does not run: systemctl enable --now bluetooth (package bluez)"
NO_PERMISSION = "no permission: add the gateway's user to group bluetooth and restart"
NO_RADIO = "no Bluetooth radio: plug it in, or remove dtoverlay=disable-bt; bluetoothctl list"
NO_POWER = "the radio is off: rfkill unblock bluetooth; bluetoothctl power on"
NO_ANSWER = "BlueZ does not answer: systemctl restart bluetooth"
UNKNOWN = "systemctl status bluetooth; rfkill list"

# Words of the errors of D-Bus, BlueZ and bleak, the more telling ones first.
_WORDS = (
    ("accessdenied", NO_PERMISSION),
    ("notauthorized", NO_PERMISSION),
    ("notpermitted", NO_PERMISSION),
    ("permission", NO_PERMISSION),
    ("denied_by", NO_PERMISSION),
    ("serviceunknown", NO_BLUEZ),
    ("namehasnoowner", NO_BLUEZ),
    ("spawn", NO_BLUEZ),
    ("powered_off", NO_POWER),
    ("notready", NO_POWER),
    ("no_bluetooth", NO_RADIO),
    ("no_ble_central_role", NO_RADIO),
    ("not found", NO_RADIO),
    ("noreply", NO_ANSWER),
)


def name_remedy(error: BaseException) -> str:
    """What a person can do about this error, and the error itself."""
    said = " ".join(str(part) for part in error.args) or type(error).__name__
    if isinstance(error, TimeoutError):
        return f"{NO_ANSWER} ({said})"
    if isinstance(error, PermissionError):
        return f"{NO_PERMISSION} ({said})"
    if isinstance(error, OSError | EOFError):
        return f"{NO_BUS} ({said})"
    lowered = said.lower()
    return f"{next((remedy for word, remedy in _WORDS if word in lowered), UNKNOWN)} ({said})"
