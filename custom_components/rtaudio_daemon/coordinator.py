"""Follows the events of a daemon and keeps its status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryError, HomeAssistantError
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .client import DaemonError, Event, Json, NotAllowedError, VoiceClient, whole
from .const import DOMAIN, LOGGER
from .happenings import Happenings

_WAIT_MOST_S = 30.0
_SETTLE_S = 0.1
_NEED_A_LOOK = frozenset({"connection", "device", "sound", "timer"})


class VoiceCoordinator(DataUpdateCoordinator[Json]):
    """`data` is the newest status of the daemon, as `GET /api/status` gives it."""

    config_entry: VoiceConfigEntry

    def __init__(self, hass: HomeAssistant, entry: VoiceConfigEntry, client: VoiceClient) -> None:
        super().__init__(hass, LOGGER, config_entry=entry, name=entry.title, update_interval=None)
        self.client = client
        self.reconnects = 0
        self._last_id = ""
        self._happenings = Happenings()
        self._listener: Callable[[str, Json], None] | None = None
        self._look: asyncio.TimerHandle | None = None

    async def _async_update_data(self) -> Json:
        """The status, of the daemon that was set up."""
        try:
            status = await self.client.status()
        except NotAllowedError as error:
            raise ConfigEntryAuthFailed(str(error)) from error
        except DaemonError as error:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="unreachable",
                translation_placeholders={"reason": str(error)},
            ) from error
        if status["daemon"]["id"] != self.config_entry.unique_id:
            raise ConfigEntryError(translation_domain=DOMAIN, translation_key="another_daemon")
        return status

    async def follow(self) -> None:
        """Follow the events for ever; a break that is mended at once is not seen."""
        failures = 0
        while True:
            why = "it ended the connection"
            try:
                async for event in self.client.events(self._last_id):
                    if event is None:
                        await self._connected()
                        failures = 0
                    else:
                        self._take(event)
            except (NotAllowedError, ConfigEntryAuthFailed):
                self.async_set_update_error(ConfigEntryAuthFailed("the token is refused"))
                self.config_entry.async_start_reauth(self.hass)
                return  # a new token sets up everything anew
            except (DaemonError, UpdateFailed, ConfigEntryError) as error:
                why = str(error)
            self.reconnects += 1
            failures += 1
            if failures > 1 and self.last_update_success:
                LOGGER.warning("%s is unavailable: %s", self.name, why)
                self.last_update_success = False
                self.async_update_listeners()
            await asyncio.sleep(min(0.25 * 2 ** min(failures, 10), _WAIT_MOST_S))

    async def _connected(self) -> None:
        was_away = not self.last_update_success
        self.async_set_updated_data(await self._async_update_data())
        if was_away:
            LOGGER.warning("%s is available again", self.name)

    @callback
    def _take(self, event: Event) -> None:
        self._last_id = event.id or self._last_id
        name, data = event.name, event.data
        if name == "snapshot":
            if isinstance(data.get("daemon"), dict):
                self.async_set_updated_data(whole(data))
            return
        changed = _changed(name, data)
        if changed:
            self.async_set_updated_data({**self.data, **changed})
        if name in _NEED_A_LOOK and self._look is None:
            self._look = self.hass.loop.call_later(_SETTLE_S, self._refresh)
        happened = self._happenings.of(name, data)
        if happened and self._listener is not None:
            self._listener(*happened)

    @callback
    def _refresh(self) -> None:
        self._look = None
        self.config_entry.async_create_background_task(
            self.hass, self._look_again(), f"{DOMAIN} status"
        )

    async def _look_again(self) -> None:
        try:
            self.async_set_updated_data(await self.client.status())
        except DaemonError as error:  # the stream of events notices what is wrong
            LOGGER.debug("%s did not give its status: %s", self.name, error)

    @callback
    def listen(self, listener: Callable[[str, Json], None]) -> Callable[[], None]:
        """Give every happening to `listener`, with its type; returns how to end that."""
        self._listener = listener

        @callback
        def end() -> None:
            self._listener = None

        return end

    @callback
    def stop(self) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()

    async def do(self, path: str, body: Json) -> None:
        """Ask the daemon for something at once, and take the status that it answers with."""
        with for_people():
            status = await self.client.post(path, body)
            if "daemon" in status:
                self.async_set_updated_data(whole(status))


VoiceConfigEntry = ConfigEntry[VoiceCoordinator]


@contextmanager
def for_people() -> Iterator[None]:
    """Turn a DaemonError into one that Home Assistant shows to people."""
    try:
        yield
    except DaemonError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="not_done",
            translation_placeholders={"reason": str(error)},
        ) from error


def _changed(name: str, data: Json) -> Json:
    """What of the status an event alters by itself; nothing if the event is not whole."""
    match name, data:
        case "status", {"status": str(status), "previous": previous, "time": time}:
            return {"status": status, "previous": previous, "since": time}
        case "mute", {"muted": bool(muted)}:
            return {"muted": muted}
        case "volume", {"level": int() | float() as level}:
            return {"volume": level}
        case "uplink", {"open": bool(is_open)}:
            return {"uplink": {"open": is_open, "bytes": data.get("bytes")}}
        case _:
            return {}
