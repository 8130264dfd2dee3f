"""The settings of turn detection, which a button or a question may override for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..protocol.codec import Json, flat_session, merged


class DetectionSwitches:
    """`resume` and `let_reply` return the settings to change; None: nothing changes."""

    def __init__(self) -> None:
        self.paused = False
        """Whether turn detection is paused."""
        self._paused_detection: Json | None = None  # the settings to restore when the pause ends
        self._silenced = False  # whether we keep the service from answering by itself

    def changed(self, settings: Json, config: Mapping[str, Any]) -> tuple[Json, Json]:
        """Return all settings after a change, and the part of it for the session in use."""
        changed = flat_session(config)
        old, new = settings.get("turn_detection"), changed.get("turn_detection")
        if self.paused:
            old = self._paused_detection
        if old and new and new.get("type", old.get("type")) == old.get("type"):
            changed["turn_detection"] = {**old, **new}
        extra = merged(settings.get("extra") or {}, changed.get("extra") or {})
        detection, above = changed.get("turn_detection"), flat_session(extra).get("turn_detection")
        if isinstance(detection, dict) and isinstance(above, dict) and not self._silenced:
            changed["turn_detection"] = merged(detection, above)  # otherwise it would be undone
        if self.paused and "turn_detection" in changed:
            self._paused_detection = changed.pop(
                "turn_detection"
            )  # takes effect when the pause ends
        return {**settings, **changed, **({"extra": extra} if extra else {})}, changed

    def pause(self, detection: Json | None) -> None:
        """Note that no turns are detected from now on; `detection`: the settings until then."""
        self.paused, self._paused_detection = True, detection

    def resume(self) -> Json | None:
        """Detect turns again as before."""
        if not self.paused:
            return None
        self.paused, detection = False, self._paused_detection
        return {"turn_detection": detection} if detection is not None else None

    def let_reply(self, on: bool, detection: Json | None) -> Json | None:
        """Answer turns as before (`on`), or answer none; `detection`: the current settings."""
        detection = self._paused_detection if self.paused else detection
        replies = bool(detection and detection.get("create_response", True))
        if not (self._silenced if on else replies):
            return None
        self._silenced = not on
        return {"turn_detection": {"create_response": on}} if detection else None
