"""Grafana dashboards as code: ``cold_chain`` says what a manager sees, ``build`` turns it into files for Grafana.

The queries ask in InfluxQL, which InfluxDB 1.x and 2.x both answer. What the measurements, tags and fields mean is
written down once, in the server's ``export/points.py``; here they appear by name only.
"""
