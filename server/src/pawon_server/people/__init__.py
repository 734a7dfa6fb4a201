"""People: who they are, what they may do, and what they wrote. Pure but for the hashing of PINs."""
