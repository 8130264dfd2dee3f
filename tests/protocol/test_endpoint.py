"""Where the service is and how we show who we are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.config import Secret
from rtaudio_daemon.config.profiles import PROFILES, Profile
from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.protocol.endpoint import Endpoint, endpoint, problems

KEY = "sk-very-secret"
AZURE: dict[str, Any] = {
    "host_name": "res.openai.azure.com",
    "deployment": "gpt-realtime",
    "api_key": KEY,
}


@pytest.mark.parametrize(
    ("profile", "options", "url", "dialect", "headers"),
    [
        (
            "azure",
            AZURE,
            "wss://res.openai.azure.com/openai/v1/realtime?model=gpt-realtime",
            "ga",
            {"api-key": KEY},
        ),
        (
            "azure",
            {**AZURE, "api_version": "2025-04-01-preview"},
            "wss://res.openai.azure.com/openai/realtime"
            "?api-version=2025-04-01-preview&deployment=gpt-realtime",
            "preview",
            {"api-key": KEY},
        ),
        (
            "azure-preview",
            {**AZURE, "api_version": "2024-12-17", "auth": "bearer"},
            "wss://res.openai.azure.com/openai/realtime"
            "?api-version=2024-12-17&deployment=gpt-realtime",
            "preview",
            {"Authorization": f"Bearer {KEY}"},
        ),
        (
            "azure",
            {"host_name": "ws://127.0.0.1:8771", "deployment": "a b&c"},
            "ws://127.0.0.1:8771/openai/v1/realtime?model=a%20b%26c",
            "ga",
            {},
        ),
        (
            "azure",
            {**AZURE, "host_name": "https://res.openai.azure.com/", "auth": "none"},
            "wss://res.openai.azure.com/openai/v1/realtime?model=gpt-realtime",
            "ga",
            {},
        ),
        (
            "azure",
            {"url": "wss://res.openai.azure.us/x?model=y", "api_key": KEY},
            "wss://res.openai.azure.us/x?model=y",
            "ga",
            {"api-key": KEY},
        ),
        (
            "openai",
            {"deployment": "gpt-realtime", "api_key": Secret(KEY)},
            "wss://api.openai.com/v1/realtime?model=gpt-realtime",
            "ga",
            {"Authorization": f"Bearer {KEY}"},
        ),
        ("compatible", {"url": "ws://[::1]:9/v1"}, "ws://[::1]:9/v1", "ga", {}),
        (
            "compatible",
            {"url": "wss://home/v1", "api_key": KEY, "auth": "bearer"},
            "wss://home/v1",
            "ga",
            {"Authorization": f"Bearer {KEY}"},
        ),
        (
            "simulator",
            {"host_name": "ws://127.0.0.1:5", "api_key": KEY},
            "ws://127.0.0.1:5/openai/v1/realtime?model=simulator",
            "ga",
            {},
        ),
        (
            "simulator",
            {},
            "ws://127.0.0.1:8771/openai/v1/realtime?model=simulator",
            "ga",
            {},
        ),
    ],
)
def test_every_profile_has_its_address_dialect_and_headers(
    profile: str, options: dict[str, Any], url: str, dialect: str, headers: dict[str, str]
) -> None:
    place = endpoint(profile, **options)
    assert (place.url, place.dialect, place.headers()) == (url, dialect, headers)


@pytest.mark.parametrize(
    ("profile", "options", "wrong"),
    [
        ("azure", {}, ["host_name", "deployment", "api_key"]),
        ("azure", {**AZURE, "host_name": "https://res.openai.azure.com/openai"}, ["host_name"]),
        ("azure", {**AZURE, "host_name": "res:port"}, ["host_name"]),
        ("azure", {**AZURE, "host_name": "a b"}, ["host_name"]),
        ("azure", {**AZURE, "host_name": "ftp://res"}, ["host_name"]),
        ("azure", {**AZURE, "host_name": "user:pw@res"}, ["host_name"]),
        ("azure", {**AZURE, "api_version": "v2"}, ["api_version"]),
        ("azure", {**AZURE, "api_key": KEY + "\n"}, ["api_key"]),
        ("azure", {**AZURE, "api_key": "schlüssel"}, ["api_key"]),
        ("azure", {**AZURE, "api_key": Secret("two words")}, ["api_key"]),
        ("azure", {**AZURE, "auth": "password"}, ["auth"]),
        ("azure-preview", AZURE, ["api_version"]),
        ("openai", {}, ["deployment", "api_key"]),
        ("compatible", {}, ["url"]),
        ("compatible", {"url": "home/v1"}, ["url"]),
        ("compatible", {"url": "https://home/v1"}, ["url"]),
        ("compatible", {"url": "wss://home/v1?api-key=x"}, ["url"]),
        ("azur", {}, ["profile"]),
    ],
)
def test_every_mistake_is_named_by_its_option(
    profile: str, options: dict[str, Any], wrong: list[str]
) -> None:
    found = problems(profile, **options)
    assert [option for option, _ in found] == wrong
    with pytest.raises(ValueError, match=f"^{wrong[0]}: ") as caught:
        endpoint(profile, **options)
    assert all(message in str(caught.value) for _, message in found)
    assert KEY not in str(caught.value)


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    assert problems("x")[0][1].endswith(", ".join(PROFILES))


def test_nothing_shows_the_key() -> None:
    place = endpoint("azure", **AZURE)
    assert KEY not in f"{place!r} {place} {place.url}"
    assert place.host == "res.openai.azure.com"


def test_endpoints_without_a_key_send_no_header() -> None:
    assert Endpoint("ws://x", "ga", PROFILES["compatible"], "bearer").headers() == {}


def test_a_token_of_entra_is_shown_as_bearer() -> None:
    place = endpoint("azure", **{**AZURE, "api_key": "", "auth": "entra"})
    assert place.headers("token") == {"Authorization": "Bearer token"}
    assert dict(problems("openai", api_key="", auth="entra"))["auth"].endswith("no Entra ID tokens")


def test_profiles_know_what_differs() -> None:
    assert PROFILES["azure"].transcription_is_deployment
    assert not PROFILES["openai"].transcription_is_deployment
    assert PROFILES["compatible"].detects_dialect
    assert all(profile.service_interrupts for profile in PROFILES.values())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_what_a_profile_needs_is_said_alike_by_the_configuration_and_the_library(
    profile: Profile,
) -> None:
    needed = [("host_name", "host"), ("deployment", "model"), ("url", "ws://host/v1")]
    assert [name for name, _ in profile.needs] == [
        name
        for name, _ in needed
        if (name == "url") == profile.url_is_used and not getattr(profile, name, "")
    ], "whatever it has no value of its own for"
    key = {"api_key": KEY} if profile.key_needed else {}
    date = {"api_version": "2025-04-01-preview"} if profile.needs_date else {}
    assert problems(profile.name, **key, **date) == list(profile.needs)
    settings = {"profile": profile.name, **key, **date}
    if profile.needs:
        with pytest.raises(ConfigError) as told:
            config.parse(json.dumps({"realtime": settings}))
        assert [each.split(": ", 2)[1:] for each in told.value.problems] == [
            [f"realtime.{name}", what] for name, what in profile.needs
        ]
    given = {name: value for name, value in needed if name in dict(profile.needs)}
    assert config.parse(json.dumps({"realtime": {**settings, **given}})).realtime.profile
    assert problems(profile.name, **key, **date, **given) == []
