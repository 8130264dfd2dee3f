"""The simulator's HTTP and WebSocket server."""
