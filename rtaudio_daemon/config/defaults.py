"""The default address of the HTTP API."""

HTTP_HOST = "127.0.0.1"
HTTP_PORT = 8770
