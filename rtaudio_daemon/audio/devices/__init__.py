"""Microphones and loudspeakers, and the management of their processes."""
