"""The stock book's own sense: what is pure about masses, the scales that tell them, and how far both are believed."""
