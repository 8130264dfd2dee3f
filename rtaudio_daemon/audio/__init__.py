"""Audio: devices become sources and sinks of frames in one format.

Nothing here depends on the service, its protocol or HTTP.
"""
