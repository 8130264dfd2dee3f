"""The tests of the integration run with Home Assistant's own Python: component/run."""

collect_ignore = ["component"]
