"""Where the broker is."""

from __future__ import annotations

import pytest

from pawon_contract.broker import parse_broker


def test_an_address_is_read_with_its_usual_port() -> None:
    """Host alone is enough; TLS has its own port; the password shows nowhere."""
    plain, tls = parse_broker("mqtt://pi.local", user="gw-1", password="s3cret"), parse_broker("mqtts://b:9")
    assert (plain.host, plain.port, plain.password) == ("pi.local", 1883, "s3cret")
    assert (tls.host, tls.port) == ("b", 9)
    assert "s3cret" not in repr(plain)


@pytest.mark.parametrize("url", ["", "pi.local", "http://pi.local", "mqtt://", "mqtt://pi:seven", "mqtt://pi:70000"])
def test_a_wrong_address_is_told(url: str) -> None:
    """A typing mistake ends in a sentence."""
    with pytest.raises(ValueError, match=r"mqtt|port"):
        parse_broker(url)
