"""Who is silent? A decision of the server's clock, journalled when it is made, so that a rebuild need not guess.

A sensor known to be broken is not also silent, and when a whole gateway is silent its sensors are one cause, not many.
Pure: reads the projections, returns decisions.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..projections.gateways import Gateways
from ..projections.readings import CLOCK_STEP_MS, Readings
from ..projections.sensor_trouble import SensorTrouble, SilenceEntry
from ..rulebook import Rulebook


def declare(
    book: Rulebook, readings: Readings, gateways: Gateways, trouble: SensorTrouble, *, now_ms: int,
    since_ms: Mapping[str, int],
) -> list[SilenceEntry]:  # fmt: skip
    """The silences to declare, to make worse, or to end at ``now_ms``.

    ``since_ms``: when this server began to listen to each gateway; nobody is blamed for what it could not hear before,
    nor for what it does not listen to.
    """
    out: list[SilenceEntry] = []
    quiet_gateways: set[str] = set()
    anywhere = book.profile.silence_at("*")
    for gateway in sorted({sensor.gateway for sensor in book.settings.sensors} & since_ms.keys()):
        spoke_ms = gateways.heard_ms(gateway) or 0
        spoke_ms = 0 if spoke_ms > now_ms + CLOCK_STEP_MS else spoke_ms  # stamped by a clock that was ahead
        heard_ms = max(since_ms[gateway], spoke_ms)
        state = _state(now_ms - heard_ms, anywhere.warning_s, anywhere.critical_s)
        if state is None and now_ms - spoke_ms >= anywhere.warning_s * 1000:
            state = trouble.silence(gateway)  # a restarted server listens anew, but what was silent has not spoken
        if state is not None:
            quiet_gateways.add(gateway)
        out += _decide(trouble, gateway, "gateway", state, heard_ms, now_ms)
    for sensor in (sensor for sensor in book.settings.sensors if sensor.gateway in since_ms):
        fresh = readings.fresh(sensor.id, now_ms)
        fresh_until_ms = readings.fresh_until_ms(sensor.id)
        valid_until_ms = max(since_ms[sensor.gateway], fresh_until_ms if fresh or fresh_until_ms <= now_ms else 0)
        patience = book.profile.silence_at(sensor.point)
        state = _state(now_ms - valid_until_ms, patience.warning_s, patience.critical_s)
        known = trouble.silence(sensor.id)
        if readings.fault(sensor.id) is not None or (sensor.gateway in quiet_gateways and known is None):
            state = None
        elif known is not None and state is None and not fresh:
            state = known
        if known is not None and known == state and trouble.is_overdue(sensor.id, now_ms, patience.warning_s * 1000):
            # Declared again, so that it is told: what explained it is over.
            out.append(
                SilenceEntry(subject=sensor.id, scope="sensor", state=known, since_ms=valid_until_ms, at_ms=now_ms)
            )
        out += _decide(trouble, sensor.id, "sensor", state, valid_until_ms, now_ms)
    return out


def _state(silent_ms: int, warning_s: float, critical_s: float) -> str | None:
    if silent_ms >= critical_s * 1000:
        return "critical"
    return "warning" if silent_ms >= warning_s * 1000 else None


def _decide(
    trouble: SensorTrouble, subject: str, scope: str, state: str | None, since_ms: int, now_ms: int
) -> list[SilenceEntry]:
    known = trouble.silence(subject)
    if known == state or (known == "critical" and state == "warning"):
        return []
    return [SilenceEntry(subject=subject, scope=scope, state=state or "ended", since_ms=since_ms, at_ms=now_ms)]
