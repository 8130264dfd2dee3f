"""Who answers: the configured session or a persona, chosen by a wake word or a program.

A session cannot change its voice once it has spoken. Therefore another session takes over, as in a
renewal: after a persona's wake word in the middle of a turn, which waits for it; otherwise in a
quiet moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from .. import config
from ..errors import NotConnectedError, NotFoundError, ServiceError
from ..notifications import PersonaChanged
from ..protocol.session_format import Json, session_settings
from .assistant import Assistant

_LOG = logging.getLogger(__name__)
# The values of session settings that have been removed from the configuration.
_UNSET = {"instructions": "", "max_response_output_tokens": "inf"}


class Personas:
    """The personas of the newest `settings`.

    `with_tools` adds unconfigured parts to the settings of a session. `adjust` is called when
    somebody else answers from now on, or in a different way. `first`: who answers at the start.
    """

    def __init__(
        self,
        assistant: Assistant,
        settings: Callable[[], config.Config],
        with_tools: Callable[[Json], Json],
        adjust: Callable[[], None],
        first: str,
    ) -> None:
        self.name = first
        """Who answers; "" is the configured session without a persona."""
        self.wanted = first
        """Who is to answer as soon as a session has their voice."""
        self._first = first
        self._former = first  # who was to answer before the last wake word
        self._exchanges = 0
        self._assistant = assistant
        self._driver = assistant.driver
        self._settings = settings
        self._with_tools = with_tools
        self._adjust = adjust

    def document(self) -> dict[str, Any]:
        """Return who answers, and who could, for `/api/status`."""
        return {"name": self.name, "wanted": self.wanted, "names": list(self._named)}

    def answering(self, settings: config.Config) -> config.Config:
        """Return `settings` with the session of whoever answers."""
        return _as(settings, self.name)

    def coming(self, settings: config.Config) -> config.Config:
        """Return `settings` with the session of whoever is to answer."""
        return _as(settings, self.wanted)

    def difference(self, settings: config.Config) -> Json:
        """Return the session settings that differ from `settings` with the persona."""
        session = self.coming(settings).realtime.session
        wanted = self._with_tools(session_settings(session, resumes=settings.audio.gate.resumes))
        now = self._driver.settings
        changed = {key: value for key, value in wanted.items() if now.get(key) != value}
        return changed | {key: _UNSET[key] for key in _UNSET if key in now and key not in wanted}

    def refresh(self) -> None:
        """Apply the newest settings. Between turns only."""
        first = self._settings().realtime.persona
        if first != self._first or self.wanted not in self._named:
            self._first = self.wanted = first
        self._adjust()
        self._bring(at_once=False)

    def called(self, name: str) -> None:
        """Note that the wake word of this persona was heard; what follows is for it.

        "": a wake word without persona; what follows is for whoever answers at the start.
        """
        name = name or self._settings().realtime.persona
        self._former = self.wanted
        if not any(each.persona for each in self._settings().audio.wake.words):
            return  # no wake word has a persona
        conversation = self._assistant.conversation
        at_once = not (conversation.asking or conversation.held)
        if name in ("", *self._named):
            self._choose(name, at_once=at_once)

    def take_back(self) -> None:
        """Undo the last wake word: it is answered by another daemon."""
        if self._former in ("", *self._named):
            self._choose(self._former, at_once=False)

    def choose(self, name: str) -> None:
        """Let this persona answer from the next quiet moment on; "": no persona.

        Raises NotFoundError.
        """
        if name and name not in self._named:
            known = ", ".join(self._named) or "none"
            raise NotFoundError(f"there is no persona {name!r}; known are: {known}")
        self._choose(name, at_once=False)

    @property
    def _named(self) -> Mapping[str, config.Persona]:
        return self._settings().personas or {}

    def _choose(self, name: str, *, at_once: bool) -> None:
        if name == self.wanted:
            if at_once and name != self.name:
                self._driver.hold_back()
            return
        self.wanted = name
        self._bring(at_once=at_once)

    def _bring(self, *, at_once: bool) -> None:
        """Apply the settings of whoever is to answer to the session."""
        changed = self.difference(self._settings())
        if not changed and self._driver.exchanging:
            return  # the session being opened has them already
        self._exchanges += 1
        over = partial(self._over, self._exchanges, self.wanted)
        try:
            if changed:
                self._driver.exchange_session(changed, over, at_once=at_once)
            else:
                over(None)
        except NotConnectedError as error:
            _LOG.debug("%s; the next session has another voice", error)
            over(None)

    def _over(self, exchange: int, name: str, error: ServiceError | None) -> None:
        """Note that a session has the settings of `name`, or that none could be opened."""
        if exchange != self._exchanges or name != self.wanted:
            return  # another choice was made meanwhile
        before, self.name = self.name, self.name if error else name
        if error is not None:
            self.wanted = self.name
            self._go_back()
            self._assistant.publish(PersonaChanged(self.name, name, str(error)))
        elif before != name:
            self._adjust()
            self._assistant.publish(PersonaChanged(name, name))

    def _go_back(self) -> None:
        if changed := self.difference(self._settings()):
            try:
                self._driver.update_session(changed)
            except NotConnectedError as error:
                _LOG.debug("%s", error)


def _as(settings: config.Config, name: str) -> config.Config:
    realtime = settings.realtime
    session = config.session_as(realtime.session, settings.personas, name)
    return replace(settings, realtime=replace(realtime, session=session))
