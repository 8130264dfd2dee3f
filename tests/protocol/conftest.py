"""The fake service of the client's tests, in each dialect."""

from __future__ import annotations

from tests.realtime.conftest import dialect, service

__all__ = ["dialect", "service"]
