"""Creates sessions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import aiohttp

from ..backoff import backoff
from ..protocol.codec import Json
from ..protocol.endpoint import Endpoint
from .connection import Connection
from .options import LONGEST_PAUSE_S, WebsocketOptions
from .session import Session, Traffic
from .wire import WireListener


class SessionFactory:
    """Creates the sessions of one client, one after the other.

    `settings` are the flat settings of the next session; replace the mapping to change them.
    `chance` returns a number from 0 to 1, `wall_clock` Unix seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Json,
        options: WebsocketOptions | None = None,
        *,
        http_session: aiohttp.ClientSession | None = None,
        chance: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.endpoint = endpoint
        self.settings = settings
        self.options = options or WebsocketOptions()
        self.traffic = Traffic()
        self.wants_audio = True
        """Whether the listener plays audio; otherwise it is not decoded."""
        self.wire: WireListener | None = None
        """Who records the traffic; None: nobody."""
        self._http_session = http_session
        self._chance = chance
        self._wall_clock = wall_clock

    def new(self) -> Session:
        """Create a session that is not open yet."""
        protocols = self.options.protocols
        connection = Connection(
            self.endpoint,
            heartbeat_s=self.options.heartbeat_interval or None,
            protocols=(protocols,) if isinstance(protocols, str) else protocols,
            compress=self.options.compress,
            http_session=self._http_session,
        )
        return Session(
            connection,
            self.endpoint,
            self.settings,
            options=self.options,
            traffic=self.traffic,
            wants_audio=self.wants_audio,
            wall_clock=self._wall_clock,
            wire=self.wire,
        )

    def pauses(self) -> Iterator[float]:
        """The delays between attempts that fail in a row, in seconds."""
        return backoff(self.options.reconnect_interval, LONGEST_PAUSE_S, self._chance)
