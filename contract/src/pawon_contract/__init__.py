"""What a gateway and a server say to each other, and nothing else.

Read in this order: ``ids`` and ``units`` (the words), ``topics`` (where), ``messages`` (what), ``chain`` (how a row is
proved), ``codec`` (bytes). Only what both edge and server import belongs here.
"""
