"""The wire of the Realtime API: what a service sends, as typed events in one vocabulary."""
