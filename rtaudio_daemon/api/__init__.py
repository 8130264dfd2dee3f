"""The HTTP API: other programs read the state, follow events and control the daemon.

It knows neither devices nor the service, only `Controls`.
"""
