"""Writes docs/asyncapi.json from the contract's own types: run after changing a message (a test says when).

.envs/dev/bin/python scripts/asyncapi.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pawon_contract.messages import Committed, Envelope, GatewayStatus, Item, Live

TARGET = Path(__file__).resolve().parents[1] / "docs/asyncapi.json"
# leaf -> (message, who sends it, what it is)
LEAVES: dict[str, tuple[type[msgspec.Struct], str, str]] = {
    "log": (
        Envelope,
        "gateway",
        "Durable batches, in order, QoS 1. Items are described under components/schemas/Item.",
    ),
    "live": (Live, "gateway", "Newest values for repainting tiles, QoS 0, never stored."),
    "status": (GatewayStatus, "gateway", "Birth, state and last will, QoS 1, retained."),
    "committed": (Committed, "server", "Every row up to `upto` is stored without a hole, QoS 1, retained."),
}


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 description of the wire."""
    kinds = [message for message, _, _ in LEAVES.values()]
    *_, item = (schemas := msgspec.json.schema_components([*kinds, Item], ref_template="#/components/schemas/{name}"))[
        0
    ]
    channels, operations = {}, {}
    for leaf, (message, sender, text) in LEAVES.items():
        channels[leaf] = {
            "address": f"pawon/v1/{{kitchen}}/{{gateway}}/{leaf}",
            "description": text,
            "parameters": {"kitchen": {"description": "kitchen id"}, "gateway": {"description": "gateway id"}},
            "messages": {message.__name__: {"$ref": f"#/components/messages/{message.__name__}"}},
        }
        operations[f"{sender} sends {leaf}".replace(" ", "-")] = {
            "action": "send", "channel": {"$ref": f"#/channels/{leaf}"},
        }  # fmt: skip
    messages = {
        kind.__name__: {
            "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
            "contentType": "application/json",
            "description": "JSON; deflated (zlib) when over 1 kB",
        }
        for kind in kinds
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Pawon gateway and server", "version": "1", "description": "See wire.md beside this file."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {**schemas[1], "Item": item}},
    }


def text() -> str:
    """The file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
    print(f"{TARGET.name}: {len(document()['components']['schemas'])} schemas")
