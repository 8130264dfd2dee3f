"""The sources of tools, one module each."""
