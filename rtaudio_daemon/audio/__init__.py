"""The audio room turns devices into frames of one format, and sound into sound.

It refuses to know of the service, its protocol and HTTP.
"""
