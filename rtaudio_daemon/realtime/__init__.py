"""Hold a session of the Realtime API open, in every dialect.

Nothing here knows microphones, loudspeakers or HTTP.
"""
