"""Optional engines: speech and wake word detectors, echo cancellers."""
