"""The HTTP API: other programs read the state, follow events and control the daemon.

It is independent of devices and of the service; it only uses `Controls`.
"""
