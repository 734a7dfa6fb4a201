"""Food safety beyond single sensors: batches, lots, incidents with people's actions. Its logic is pure."""
