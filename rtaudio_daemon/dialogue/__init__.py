"""The dialogue: one state machine decides whose turn it is, for the daemon and the client class."""
