"""Microphones and speakers, and the processes that hold them."""
