"""`daemon.py report`: what developers need to know, without secrets or spoken words."""
