"""A tool that performs one action, configured by `home_assistant` in an entry of `tools.own`."""

from __future__ import annotations

import re

from ....config import OwnAction
from ....config.placeholders import fill, fill_all
from ...tool import CallContext, Json, Outcome, Target, ToolError
from .actions import perform, targets_of
from .client import HomeClient

_ACTION = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")


class HomeAction:
    """Performs the action of `own` with the arguments of a call."""

    def __init__(self, own: OwnAction, client: HomeClient) -> None:
        self._own = own
        self._client = client

    async def run(self, arguments: Json, _context: CallContext) -> Outcome:
        """Perform the action and check its effect. Raises ToolError."""
        action, target, data = self._filled(arguments)
        return await perform(self._client, action, target, data, response=self._own.response)

    async def targets(self, arguments: Json) -> list[Target]:
        """Return what a call with these arguments concerns. Raises ToolError."""
        return await targets_of(self._client, *self._filled(arguments))

    def _filled(self, arguments: Json) -> tuple[str, Json, Json]:
        action = fill(self._own.action, arguments) or ""
        if not _ACTION.fullmatch(action):
            raise ToolError(f"{action[:64] or self._own.action} is no action")
        target = fill_all(self._own.target or {}, arguments)
        if self._own.target and not any(target.values()):
            raise ToolError(f"say what it concerns: {', '.join(self._own.target)}")
        return action, target, fill_all(self._own.data or {}, arguments)
