"""`daemon.py report`: what developers need to know, without secrets and without words."""
