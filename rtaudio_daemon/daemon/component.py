"""A part of the daemon, and to what extent it uses the newest settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .. import config
from .reload import Change, differences


@dataclass
class Component:
    """`apply` adapts the part to settings; `applied` are those it uses."""

    name: str
    apply: Callable[[config.Config], Awaitable[None]]
    applied: config.Config
    wanted: config.Config
    """The newest settings."""
    pending: tuple[Change, ...] = ()
    """The options of this part that differ from `wanted`."""
    failure: str = ""
    """Why the newest settings could not be applied."""

    def want(self, settings: config.Config, pending: Sequence[Change]) -> None:
        """Note the newest settings; `pending` lists how they differ from `applied`."""
        self.wanted, self.pending = settings, tuple(pending)

    def runs_with(self, settings: config.Config) -> None:
        """Note that the part uses these settings, which may no longer be the newest."""
        self.applied, self.failure = settings, ""
        if settings is self.wanted:
            self.pending = ()
        else:
            self.pending = tuple(differences({self.name: settings}, self.wanted))
