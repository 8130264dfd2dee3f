"""The doctor and the broker."""

from __future__ import annotations

import sys

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.cli.doctor.broker import check_broker
from rtaudio_daemon.cli.doctor.finding import Finding
from rtaudio_daemon.mqtt.link import Trouble
from tests.mqtt.fakes import FakeBroker


async def findings(broker: FakeBroker, options: str = "") -> list[Finding]:
    settings = config.parse(f"mqtt: {{host: nas, id: kitchen{options}}}\n")
    return [each async for each in check_broker(settings, broker.connect)]


async def test_a_broker_that_answers_is_fine_and_nothing_is_published() -> None:
    broker = FakeBroker()
    (found,) = await findings(broker)
    assert (found.verdict, found.what) == (
        "pass",
        "the broker nas:1883 answers; we are rtaudio-daemon/kitchen there",
    )
    ((_, caller),) = broker.attempts
    assert (caller.name, caller.will) == ("rtaudio-daemon-kitchen-doctor", None)
    assert broker.published == []
    assert broker.subscribed == ["rtaudio-daemon/kitchen/+/set"]


@pytest.mark.parametrize(
    ("trouble", "key_at_fault"),
    [(Trouble.AWAY, False), (Trouble.SILENT, False), (Trouble.REFUSED, True)],
)
async def test_a_broker_that_cannot_be_used_is_a_fault_with_a_remedy(
    trouble: Trouble, key_at_fault: bool
) -> None:
    broker = FakeBroker()
    broker.troubles = [trouble]
    (found,) = await findings(broker)
    assert (found.verdict, found.key_at_fault) == ("fail", key_at_fault)
    assert found.what == f"it is {trouble}"
    assert "mqtt" in found.remedy


async def test_an_old_broker_is_fine_too() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.OLD]
    (found,) = await findings(broker)
    assert found.verdict == "pass"
    assert [caller.old for _, caller in broker.attempts] == [False, True]


async def test_a_broker_that_lets_us_read_nothing_is_warned_of() -> None:
    broker = FakeBroker()
    broker.denied = "rtaudio-daemon/kitchen/+/set"
    _, found = await findings(broker)
    assert found.verdict == "warn"
    assert found.what.startswith("the broker does not let us read rtaudio-daemon/kitchen/+/set")
    assert len(await findings(broker, ", commands: false")) == 1


async def test_without_a_broker_or_the_package_nothing_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [each async for each in check_broker(config.parse(""))] == []
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    settings = config.parse("mqtt: {host: 127.0.0.1}\n")
    (found,) = [each async for each in check_broker(settings)]
    assert found.verdict == "warn"
    assert "pip install 'aiomqtt" in found.what
