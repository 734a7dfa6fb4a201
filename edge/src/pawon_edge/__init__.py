"""The gateway: what the sensors say becomes a durable record and travels to the server.

One reading's way: ``drivers`` (port -> ``Sample``) -> ``intake`` (plausibility, health, ``reporting``, ``weighing``)
-> ``spool`` (accepted from here on) -> ``uplink`` -> broker. ``guard`` watches beside it and alarms when the server
does not answer. ``gateway`` is the only place that knows all of them.
"""

VERSION = "0.1.0"
