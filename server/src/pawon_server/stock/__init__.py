"""The stock book's own rules, pure: accounts, what lies where, which lot goes first, what a scale is worth, what became
of a lot. Only ``cli`` touches a store.
"""
