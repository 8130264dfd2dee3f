"""The simulator room is a local realtime service for demos, tests and development.

It refuses to know the client; of the rest of the house it knows only how the wire is spelled.
"""
