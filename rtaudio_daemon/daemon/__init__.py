"""The daemon: connects microphone, loudspeaker, session, HTTP API and systemd."""
