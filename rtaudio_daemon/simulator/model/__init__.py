"""The simulated session: what it hears, and what it answers."""
