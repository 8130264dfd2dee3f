"""A local realtime service for demos, tests and development.

It is independent of the client; of the package it imports words, config and `protocol` only.
"""
