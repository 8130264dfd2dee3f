"""The realtime room speaks the Realtime API in every dialect and holds a session open.

It refuses to know of microphones, loudspeakers and HTTP.
"""
