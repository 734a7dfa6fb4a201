"""What people see: ``board`` knows what screens show now, ``events`` tells it, ``pages`` draw it, ``api`` answers.

Nothing here writes to the store: ``desk`` hands what a person wrote to the writer.
"""
