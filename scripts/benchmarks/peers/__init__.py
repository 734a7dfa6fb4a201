"""Pawon beside its peers: what is lost when power or a process goes, and what the same readings cost.

``rows`` is the generator and the checker, ``programs/`` are the contenders as separate processes (each in the
environment that holds it), ``loss`` and ``ingest`` are the measurements, ``section`` makes a page of a report.
"""
