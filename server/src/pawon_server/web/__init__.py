"""What people see: ``board`` knows what screens show now, ``events`` tells it, ``pages`` draw it, ``api`` answers.

Reading only: nothing here writes to the store.
"""
