"""A local realtime service for demos, tests and development.

It does not know the client; of the package it imports words, config and `protocol` only.
"""
