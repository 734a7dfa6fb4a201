"""The two files by which Grafana finds its data source and its dashboards at start. No secret is in them.

Grafana puts ``$PAWON_INFLUX_URL``, ``$PAWON_INFLUX_BUCKET`` and ``$PAWON_INFLUX_TOKEN`` in from its own environment.
InfluxDB 2 answers InfluxQL on its 1.x address when the token comes in an ``Authorization`` header and the bucket's name
as the database.
"""

from __future__ import annotations

from .influxql import DATASOURCE_UID

# A dashboard made by code is read-only in Grafana: a change in the browser would be gone at the next start.
DATASOURCES = f"""\
apiVersion: 1
prune: true
datasources:
  - name: Pawon
    uid: {DATASOURCE_UID}
    type: influxdb
    access: proxy
    url: $PAWON_INFLUX_URL
    isDefault: true
    editable: false
    jsonData:
      version: InfluxQL
      httpMode: POST
      dbName: $PAWON_INFLUX_BUCKET
      httpHeaderName1: Authorization
      timeInterval: 10s
    secureJsonData:
      httpHeaderValue1: Token $PAWON_INFLUX_TOKEN
"""


def dashboards(folder: str) -> str:
    """The provider of the dashboards that lie in ``folder`` on Grafana's machine."""
    return f"""\
apiVersion: 1
providers:
  - name: Pawon
    folder: Pawon
    folderUid: pawon
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: {folder}
"""
