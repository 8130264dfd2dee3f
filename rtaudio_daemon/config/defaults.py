"""Where the HTTP API listens by default."""

HTTP_HOST = "127.0.0.1"
HTTP_PORT = 8770
