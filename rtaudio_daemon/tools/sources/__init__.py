"""Where tools come from, one module for each source."""
