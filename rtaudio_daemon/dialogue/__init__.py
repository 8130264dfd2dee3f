"""Who has the floor: one state machine, for the daemon and for the client class alike."""
