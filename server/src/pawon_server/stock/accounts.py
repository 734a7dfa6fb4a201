"""The accounts of the stock book that are no places of the kitchen: where goods come from and where they end.

Every movement leaves one account and enters another, so all accounts together always sum to nothing. What is outside
may go below zero; a place of the kitchen cannot, and is told of when it does.
"""

from __future__ import annotations

SUPPLIER = "supplier"
RETURNED = "returned"
# What was there before the book began, and what a stocktake found more or less of.
OPENING = "opening"
DIFFERENCE = "difference"
# Raw material that became a cooked batch; what was cut off, thrown away, kept as a sample; what schools got.
COOKED = "cooked"
TRIMMING = "trimming"
WASTE = "waste"
SAMPLE = "sample"
SCHOOL = "school"

OUTSIDE = frozenset({SUPPLIER, RETURNED, OPENING, DIFFERENCE, COOKED, TRIMMING, WASTE, SAMPLE, SCHOOL})
