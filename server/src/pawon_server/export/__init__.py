"""What leaves the store for other programs. ``points``: how a row looks in InfluxDB; ``influx``: carries it there."""
