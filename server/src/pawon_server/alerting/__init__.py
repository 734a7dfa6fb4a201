"""Alerts leave the house here. An alert is a row before it is a message (``projections.incident_rows``)."""
