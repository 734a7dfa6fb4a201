"""Batches, lots and incidents with what people do about them. Its logic is pure: the store is the projections'."""
