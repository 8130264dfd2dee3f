"""Holds a session of the Realtime API open, in every dialect.

This package is independent of microphones, loudspeakers and HTTP.
"""
