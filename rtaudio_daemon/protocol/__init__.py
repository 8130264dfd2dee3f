"""The Realtime API's protocol: messages of a service as typed events, in one vocabulary."""
