"""The daemon: joins microphone, speaker, session, HTTP API and systemd."""
