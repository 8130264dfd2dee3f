"""Who answers: the session as it stands, or a persona, as a wake word or a program chooses.

A voice that was heard cannot change in its session. So another session takes over, as at a
renewal: in the middle of what is said after the word of a persona, which waits for it, else in a
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
# What a setting of the session is set to when it is gone from the configuration.
_UNSET = {"instructions": "", "max_response_output_tokens": "inf"}


class Personas:
    """Those of the newest `settings`.

    `with_tools` adds to the settings of a session what is not configured. `adjust` is called when
    somebody else answers from now on, or in another way. `first`: who answers at the start.
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
        """Who answers; "" is the session as it stands."""
        self.wanted = first
        """Who is to answer, as soon as a session has their voice."""
        self._first = first
        self._former = first  # whoever was to answer before the last word
        self._exchanges = 0
        self._assistant = assistant
        self._driver = assistant.driver
        self._settings = settings
        self._with_tools = with_tools
        self._adjust = adjust

    def document(self) -> dict[str, Any]:
        """Who answers, and who could, as `/api/status` shows it."""
        return {"name": self.name, "wanted": self.wanted, "names": list(self._named)}

    def answering(self, settings: config.Config) -> config.Config:
        """`settings` with the session of whoever answers."""
        return _as(settings, self.name)

    def coming(self, settings: config.Config) -> config.Config:
        """`settings` with the session of whoever is to answer."""
        return _as(settings, self.wanted)

    def difference(self, settings: config.Config) -> Json:
        """What of the settings of the session is not as `settings` and the persona have it."""
        session = self.coming(settings).realtime.session
        wanted = self._with_tools(session_settings(session, resumes=settings.audio.gate.resumes))
        now = self._driver.settings
        changed = {key: value for key, value in wanted.items() if now.get(key) != value}
        return changed | {key: _UNSET[key] for key in _UNSET if key in now and key not in wanted}

    def refresh(self) -> None:
        """Go on with the newest settings. Between turns only."""
        first = self._settings().realtime.persona
        if first != self._first or self.wanted not in self._named:
            self._first = self.wanted = first
        self._adjust()
        self._bring(at_once=False)

    def called(self, name: str) -> None:
        """The wake word of this persona was heard; what follows is for them.

        "": the word of nobody; then it is for whoever answers at the start.
        """
        name = name or self._settings().realtime.persona
        self._former = self.wanted
        if not any(each.persona for each in self._settings().audio.wake.words):
            return  # words choose nobody here
        conversation = self._assistant.conversation
        at_once = not (conversation.asking or conversation.held)
        if name in ("", *self._named):
            self._choose(name, at_once=at_once)

    def take_back(self) -> None:
        """The word that was just heard is answered elsewhere."""
        if self._former in ("", *self._named):
            self._choose(self._former, at_once=False)

    def choose(self, name: str) -> None:
        """Let this persona answer from the next quiet moment on; "": the session as it stands.

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
        """Give the session the settings of whoever is to answer."""
        changed = self.difference(self._settings())
        if not changed and self._driver.exchanging:
            return  # the session that is being opened has them
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
        """A session has the settings of `name`, or none could be opened."""
        if exchange != self._exchanges or name != self.wanted:
            return  # something else was wanted meanwhile
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
