"""The daemon as a satellite of Assist: it speaks with its own voice, and listens by itself.

Home Assistant's own speech is left out: `async_internal_…` are overridden, which in the base class
make a sound file of the text first. No text-to-speech engine is needed.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from hassil.errors import HassilError
from hassil.parse_expression import parse_sentence
from hassil.sample import sample_expression
from homeassistant.components import media_source
from homeassistant.components.assist_pipeline import PipelineEvent
from homeassistant.components.assist_satellite import (
    AssistSatelliteAnswer,
    AssistSatelliteConfiguration,
    AssistSatelliteEntity,
    AssistSatelliteEntityFeature,
)
from homeassistant.components.assist_satellite.const import PREANNOUNCE_URL
from homeassistant.components.assist_satellite.entity import AssistSatelliteState
from homeassistant.components.media_player import async_process_play_media_url
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import Json
from .const import DOMAIN
from .coordinator import VoiceConfigEntry, for_people
from .entity import VoiceEntity

PARALLEL_UPDATES = 0  # the daemon keeps the order
_STATES = {
    "idle": AssistSatelliteState.IDLE,
    "listening": AssistSatelliteState.LISTENING,
    "thinking": AssistSatelliteState.PROCESSING,
    "speaking": AssistSatelliteState.RESPONDING,
}
_SENTENCES_MOST = 32
_SENTENCE_MOST = 200


async def async_setup_entry(
    hass: HomeAssistant, entry: VoiceConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the satellite."""
    async_add_entities([Satellite(entry.runtime_data, "satellite")])


class Satellite(VoiceEntity, AssistSatelliteEntity):
    """Announces, asks and begins conversations; its state is the daemon's."""

    _attr_name = None
    _attr_supported_features = (
        AssistSatelliteEntityFeature.ANNOUNCE | AssistSatelliteEntityFeature.START_CONVERSATION
    )

    async def async_added_to_hass(self) -> None:
        """Show the state that it has."""
        await super().async_added_to_hass()
        self._handle_coordinator_update()

    @callback
    def _handle_coordinator_update(self) -> None:
        self._set_state(_STATES.get(self.status.get("status", ""), AssistSatelliteState.IDLE))

    async def async_internal_announce(
        self,
        message: str | None = None,
        media_id: str | None = None,
        preannounce: bool = True,
        preannounce_media_id: str = PREANNOUNCE_URL,
    ) -> None:
        """Speak `message`, or play `media_id`; returns when it was heard."""
        chime = await self._chime(preannounce, preannounce_media_id)
        if media_id:
            await self._play(media_id)
        elif message and message.strip():
            body = {"text": message, "mode": "verbatim", "chime": chime, "remember": True}
            await self.say("/api/say", body)

    async def async_internal_start_conversation(
        self,
        start_message: str | None = None,
        start_media_id: str | None = None,
        extra_system_prompt: str | None = None,
        preannounce: bool = True,
        preannounce_media_id: str = PREANNOUNCE_URL,
    ) -> None:
        """Speak `start_message` and listen without a wake word; the daemon's model answers."""
        body: Json = {"text": _words(start_message, start_media_id)}
        body["chime"] = await self._chime(preannounce, preannounce_media_id)
        if extra_system_prompt and extra_system_prompt.strip():
            body["instructions"] = extra_system_prompt
        await self.say("/api/start_conversation", body)

    async def async_internal_ask_question(
        self,
        question: str | None = None,
        question_media_id: str | None = None,
        preannounce: bool = True,
        preannounce_media_id: str = PREANNOUNCE_URL,
        answers: list[dict[str, Any]] | None = None,
    ) -> AssistSatelliteAnswer | None:
        """Ask, and return the one spoken answer; None if nobody answered."""
        body: Json = {"question": _words(question, question_media_id)}
        body["chime"] = await self._chime(preannounce, preannounce_media_id)
        body["answers"] = [
            {"id": each["id"], "sentences": plain_sentences(each["sentences"])}
            for each in answers or []
        ]
        found = await self.ask(body)
        if found.get("outcome") == "no_answer":
            return None
        if found.get("outcome") != "answered":
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="not_answered",
                translation_placeholders={"reason": str(found.get("reason", ""))},
            )
        text = str(found.get("text", ""))
        by_words = self._question_response_to_answer(text, answers) if answers else None
        if by_words is not None and by_words.id is not None:
            return by_words  # with its slots
        return AssistSatelliteAnswer(id=found.get("id"), sentence=text)

    async def say(self, path: str, body: Json) -> Json:
        """Say or play something to its end. Raises HomeAssistantError if nobody heard it."""
        with for_people():
            said = await self.coordinator.client.say(path, body)
        begun = said["outcome"] == "interrupted" and said.get("heard_ms")  # somebody wants silence
        if said["outcome"] != "said" and not begun:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="not_heard",
                translation_placeholders={"outcome": str(said["outcome"])},
            )
        return said

    async def ask(self, body: Json) -> Json:
        """What people answered. Raises HomeAssistantError if that cannot be asked."""
        with for_people():
            return await self.coordinator.client.ask(body)

    async def _chime(self, preannounce: bool, media_id: str) -> bool:
        """Whether the daemon is to play its own chime; another sound is played here."""
        if preannounce and media_id != PREANNOUNCE_URL:
            await self._play(media_id)
            return False
        return preannounce

    async def _play(self, media_id: str) -> None:
        if media_source.is_media_source_id(media_id):
            media = await media_source.async_resolve_media(self.hass, media_id, self.entity_id)
            media_id = media.url
        await self.say("/api/play", {"url": async_process_play_media_url(self.hass, media_id)})

    @callback
    def async_get_configuration(self) -> AssistSatelliteConfiguration:
        """No wake words to choose from: the daemon's configuration has them."""
        return AssistSatelliteConfiguration([], [], 0)

    async def async_set_configuration(self, config: AssistSatelliteConfiguration) -> None:
        """There is nothing to set."""
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="no_wake_words")

    @callback
    def on_pipeline_event(self, event: PipelineEvent) -> None:
        """No pipeline of Home Assistant ever runs."""


def plain_sentences(sentences: list[str]) -> list[str]:
    """What the templates of Home Assistant ("[please] open (it|the door)") stand for, in words."""
    found: list[str] = []
    for sentence in sentences:
        try:
            expanded = sample_expression(parse_sentence(sentence).expression)
            found += islice((each.strip() for each in expanded), _SENTENCES_MOST)
        except HassilError:  # it has slots, whose words are not known
            found.append(sentence.translate(str.maketrans("[](){}<>|", " " * 9)))
    known = dict.fromkeys(" ".join(each.split())[:_SENTENCE_MOST] for each in found)
    return [each for each in known if each][:_SENTENCES_MOST]


def _words(text: str | None, media_id: str | None) -> str:
    if media_id or not text or not text.strip():
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="only_words")
    return text
