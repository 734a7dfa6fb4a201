"""Where the broker is, as both ends are told: ``mqtt://host:1883`` or ``mqtts://host:8883``."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and who we are to it. ``ca_file`` set means TLS. The password shows in no text of it."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


def parse_broker(
    url: str, *, user: str | None = None, password: str | None = None, ca_file: str | None = None
) -> BrokerAddress:
    """The address in ``url``. Raises ``ValueError`` that says how it should look."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must look like mqtt://host:1883 or mqtts://host:8883")
    try:
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError as error:
        raise ValueError(f"port of {url!r}: {error}") from error
    return BrokerAddress(host=parts.hostname, port=port, user=user, password=password, ca_file=ca_file)
