"""JSON Schemas of the HTTP API's request bodies."""

from __future__ import annotations

from .schema_parts import FLAG, LEVEL, TEXT, TEXT_MAX, TIMER_KIND, Schema, object_of, one_of

_QUEUED: Schema = {
    "priority": {**one_of("normal", "high"), "default": "normal"},
    "id": {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "pattern": r"^[A-Za-z0-9._:-]+$",
        "description": "an id of letters, digits and . _ : -; within ten minutes the same id is "
        "said or played once",
    },
    "wait": {**FLAG, "default": False, "description": "answer when it was said or played"},
}
SAY: Schema = object_of(
    {
        "text": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": r"\S"},
        "mode": {**one_of("verbatim", "prompt"), "default": "prompt"},
        "remember": {**FLAG, "default": False},
        **_QUEUED,
        "chime": {**FLAG, "default": False, "description": "with a short sound before it"},
    },
    "mode",
    "remember",
    "chime",
    *_QUEUED,
)
BROADCAST: Schema = object_of({"text": SAY["properties"]["text"]})
_PLACE_OF_SOUND: Schema = {"type": "string", "minLength": 1, "maxLength": 2000}
PLAY: Schema = {
    **object_of(
        {
            "url": {
                **_PLACE_OF_SOUND,
                "pattern": r"^https?://\S+$",
                "description": "an address that begins with http:// or https://, of a host in "
                "audio.play.hosts",
            },
            "file": {
                **_PLACE_OF_SOUND,
                "pattern": r"\S",
                "description": "a file below audio.play.folder",
            },
            **_QUEUED,
        },
        "url",
        "file",
        *_QUEUED,
    ),
    "oneOf": [{"required": ["url"]}, {"required": ["file"]}],
}
_ANSWER_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"\S"}
_SENTENCE: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
ASK: Schema = object_of(
    {
        "question": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX, "pattern": r"\S"},
        "answers": {
            "type": "array",
            "maxItems": 32,
            "items": object_of(
                {
                    "id": _ANSWER_ID,
                    "sentences": {"type": "array", "maxItems": 32, "items": _SENTENCE},
                },
                "sentences",
            ),
            "description": "the answers that are offered, and sentences that mean them",
        },
        "timeout_s": {
            "type": "number",
            "minimum": 1,
            "maximum": 120,
            "default": 20,
            "description": "for how long nobody may speak after the question",
        },
        "chime": {**FLAG, "default": True, "description": "with a short sound before it"},
    },
    "answers",
    "timeout_s",
    "chime",
)
START_CONVERSATION: Schema = object_of(
    {
        "text": SAY["properties"]["text"],
        "instructions": {
            "type": "string",
            "maxLength": TEXT_MAX,
            "default": "",
            "description": "what the model should know of it, or do next",
        },
        **{name: SAY["properties"][name] for name in ("priority", "id", "wait", "chime")},
    },
    "instructions",
    "priority",
    "id",
    "wait",
    "chime",
)
VOLUME: Schema = object_of({"level": LEVEL})
PERSONA: Schema = object_of(
    {"name": {**TEXT, "maxLength": 48, "description": "empty: the session as it stands"}}
)
MUTE: Schema = object_of(
    {"muted": {**FLAG, "default": True, "description": "false opens the microphone again"}},
    "muted",
)
_WAKE_NAME: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 48,
    "pattern": r"^[^\W_][\w '-]*$",
    "description": "letters, digits, spaces, _ and -, as in hey marvin",
}
TEACH: Schema = object_of(
    {
        "name": _WAKE_NAME,
        "step": {
            **one_of("record", "test", "cancel"),
            "description": "record: hear the word once; test: say whether what is heard is the "
            "word; cancel: forget what was recorded so far",
        },
    }
)
_SECONDS: Schema = {"type": "number", "minimum": 1, "maximum": 604_800}
_TIMER_END: Schema = {
    "seconds": {**_SECONDS, "description": "from now; else give at"},
    "at": {
        "type": "string",
        "maxLength": 40,
        "pattern": r"^(\d{4}-\d\d-\d\d[T ])?\d?\d:\d\d(:\d\d)?$",
        "description": "local time: HH:MM, or with its date as in 2026-12-24T18:30",
    },
    "days": {
        "type": "array",
        "items": one_of("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        "maxItems": 7,
        "description": "weekdays on which it repeats",
    },
    "name": {"type": "string", "maxLength": 60},
    "text": {"type": "string", "maxLength": 500, "description": "what a reminder says"},
}
TIMER_SET: Schema = {
    **object_of({"kind": TIMER_KIND, **_TIMER_END}, *_TIMER_END),
    "oneOf": [{"required": ["seconds"]}, {"required": ["at"]}],
}
TIMER_CHANGE: Schema = object_of(
    {
        **_TIMER_END,
        "more_s": {
            "type": "number",
            "minimum": -604_800,
            "maximum": 604_800,
            "description": "seconds to add",
        },
        "paused": FLAG,
    },
    *_TIMER_END,
    "more_s",
    "paused",
)
SNOOZE: Schema = object_of({"seconds": {**_SECONDS, "default": 600}}, "seconds")
TOOL_CALL: Schema = object_of(
    {
        "arguments": {"type": "object", "description": "as the parameters of the tool say"},
        "confirm": {**FLAG, "default": False, "description": "a person has said yes to it"},
    },
    "arguments",
    "confirm",
)
_CHOSEN_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"\S"}
SETTINGS_CHOICE: Schema = object_of(
    {
        "voice": _CHOSEN_TEXT,
        "persona": {"type": "string", "maxLength": 200, "description": "empty: nobody special"},
        "volume": LEVEL,
        "wake_sensitivity": _CHOSEN_TEXT,
        "microphone": _CHOSEN_TEXT,
        "loudspeaker": _CHOSEN_TEXT,
        "echo": _CHOSEN_TEXT,
    },
    *("voice", "persona", "volume", "wake_sensitivity", "microphone", "loudspeaker", "echo"),
)
