"""The server: what gateways send becomes a record, a stock book, alarms and screens.

One reading's way: ``ingest`` (broker -> one writer -> journal) -> ``projections`` (journal entry -> tables) ->
``alerting`` and ``web``. ``store`` holds tables and queries; ``export`` feeds InfluxDB by its own cursor.
"""

VERSION = "0.1.0"
