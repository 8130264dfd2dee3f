"""The bridge between the daemon and a broker, on virtual time."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace

import pytest

from rtaudio_daemon.errors import NotConnectedError
from rtaudio_daemon.mqtt.bridge import MissingPackageError
from rtaudio_daemon.mqtt.discovery import Shown
from rtaudio_daemon.mqtt.link import Trouble
from rtaudio_daemon.mqtt.waiting import Message
from rtaudio_daemon.notifications import (
    MuteChanged,
    SpeechIgnored,
    Transcript,
    TurnFinished,
    VolumeChanged,
    WakeWordHeard,
)

from .fakes import SETTINGS, TOPICS, FakeBroker, world

DEVICE = "homeassistant/device/base-me/config"
OFFLINE = Message(TOPICS.availability, "offline", retain=True)
STARTED_AT = 1000.0  # of the virtual clock


async def test_at_a_connection_everything_is_published_before_the_device_is_online() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        assert broker.subscribed == ["base/me/+/set", "base/broadcast", "homeassistant/status"]
        assert [(each.topic, each.retain) for each in broker.published] == [
            (DEVICE, True),
            (TOPICS.state, True),
            (TOPICS.timers, True),
            (TOPICS.availability, True),
        ]
        assert broker.at(TOPICS.availability) == ["online"]
        assert found.bridge.document() == {
            "state": "ok",
            "broker": "nas:1883",
            "topic": "base/me",
            "notes": [],
        }
        ((_, caller),) = broker.attempts
        assert (caller.name, caller.will, caller.old) == ("base-me", OFFLINE, False)
    assert broker.published[-1] == OFFLINE, "a goodbye sends no will"


async def test_nothing_is_loaded_before_the_daemon_is_ready() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        found.ready.clear()
    other = FakeBroker()
    waiting = type(found)(other, SETTINGS, None, 0.5)
    running = asyncio.create_task(waiting.bridge.run())
    await asyncio.sleep(100)
    assert other.attempts == []
    assert waiting.bridge.document()["state"] == "starting"
    running.cancel()
    await asyncio.wait([running])


async def test_a_package_that_is_missing_is_named_and_the_daemon_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    from rtaudio_daemon.mqtt.bridge import load_connect

    async with world(FakeBroker(), load=load_connect) as found:
        await asyncio.sleep(1)
        document = found.bridge.document()
        assert document["state"] == "refused"
        (note,) = document["notes"]
        assert note.startswith("needs a package that is not installed; run: ")
        assert note.endswith("-m pip install 'aiomqtt>=2.5,<3'")


async def test_a_package_that_cannot_be_loaded_is_a_note() -> None:
    async def load() -> None:
        raise MissingPackageError("it is broken")

    async with world(FakeBroker(), load=load) as found:
        assert found.bridge.document()["notes"] == ["it is broken"]


async def test_a_broker_that_is_down_at_the_start_is_tried_until_it_is_there() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.AWAY] * 4
    async with world(broker) as found:
        assert found.bridge.document()["state"] == "unreachable"
        assert found.bridge.document()["notes"] == ["it is away"]
        await asyncio.sleep(20)
        assert [round(at - STARTED_AT) for at, _ in broker.attempts] == [0, 1, 3, 7, 15]
        assert found.bridge.connected
        assert found.bridge.document()["notes"] == []


async def test_a_lost_broker_gets_everything_anew_and_nothing_old() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await asyncio.sleep(20)
        broker.lose()
        await asyncio.sleep(0.1)
        assert not found.bridge.connected
        found.happen(WakeWordHeard("okay_nabu"))  # too old to be reported later
        broker.published.clear()
        await asyncio.sleep(2)
        assert [each.topic for each in broker.published[:4]] == [
            DEVICE,
            TOPICS.state,
            TOPICS.timers,
            TOPICS.availability,
        ]
        assert broker.at(TOPICS.event) == []
        assert found.bridge.losses == 1


async def test_a_loss_leaves_no_cancellation_behind() -> None:
    """Python 3.11.2 would take it for one of the next limit in time, and end the bridge."""
    broker = FakeBroker()
    async with world(broker) as found:
        await asyncio.sleep(20)
        broker.lose()
        await asyncio.sleep(0.1)
        assert found.bridge.losses == 1
        assert found.running.cancelling() == 0


async def test_a_broker_that_takes_nothing_any_more_is_left() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        broker.lost_while_publishing = True
        found.happen(WakeWordHeard("okay_nabu"))
        await asyncio.sleep(0.1)
        assert found.bridge.document()["state"] == "unreachable"
        broker.lost_while_publishing = False
        await asyncio.sleep(2)
        assert found.bridge.connected


async def test_a_wrong_password_is_one_note_and_tried_once_a_minute() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.REFUSED] * 100
    async with world(broker) as found:
        await asyncio.sleep(300)
        assert len(broker.attempts) == 6
        assert found.bridge.document()["state"] == "refused"
        assert found.bridge.document()["notes"] == ["it is refused"]


async def test_a_reload_tries_a_broker_at_once_that_was_mended() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.REFUSED]
    async with world(broker) as found:
        await asyncio.sleep(1)
        found.bridge.try_again()
        await asyncio.sleep(0.1)
        assert found.bridge.connected
        found.bridge.try_again()
        await asyncio.sleep(100)
        assert len(broker.attempts) == 2, "a connection that is there is left alone"


async def test_an_old_broker_is_spoken_to_in_the_old_version() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.OLD]
    async with world(broker) as found:
        assert [caller.old for _, caller in broker.attempts] == [False, True]
        assert found.bridge.connected
        broker.lose()
        await asyncio.sleep(2)
        assert not broker.attempts[-1][1].old, "it may have been updated"


async def test_a_broker_that_says_nothing_is_spoken_to_in_both_versions() -> None:
    broker = FakeBroker()
    broker.troubles = [Trouble.SILENT] * 3
    async with world(broker) as found:
        await asyncio.sleep(60)
        assert [caller.old for _, caller in broker.attempts] == [False, True, False, True]
        assert found.bridge.connected


async def test_who_is_thrown_out_by_another_of_the_same_name_stops_and_says_why() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        for _ in range(3):
            broker.lose(Trouble.TAKEN)
            await asyncio.sleep(1.5)
        assert len(broker.attempts) == 3
        document = found.bridge.document()
        assert document["state"] == "conflict"
        assert "another client probably has the name base-me, too" in document["notes"][0]
        assert "give each its own mqtt.id" in document["notes"][0]
        await asyncio.sleep(290)
        assert len(broker.attempts) == 3
        await asyncio.sleep(20)
        assert len(broker.attempts) == 4
        assert found.bridge.document()["notes"] == []


async def test_changes_are_published_four_times_a_second_at_most_and_the_last_one_counts() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await asyncio.sleep(5)
        before = len(broker.published)
        for number in range(100):
            found.person.now["volume"] = number / 100
            found.happen(VolumeChanged(number / 100))
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        assert len(broker.published) - before <= 4 + 4 * 3
        assert json.loads(broker.at(TOPICS.state)[-1])["volume"] == 0.99
        published = len(broker.published)
        found.happen(VolumeChanged(0.99))
        await asyncio.sleep(1)
        assert len(broker.published) == published, "nothing is new"


async def test_what_changes_by_itself_is_looked_at_every_minute() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        usage = found.person.snapshot().usage
        found.person.now["usage"] = replace(usage, cost_today=1.25)  # as midnight does
        await asyncio.sleep(61)
        assert json.loads(broker.at(TOPICS.state)[-1])["cost_today"] == 1.25


async def test_events_are_published_and_not_kept() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        found.happen(SpeechIgnored())
        found.happen(TurnFinished("r", "completed", {"first_sound_ms": 400}))
        await asyncio.sleep(1)
        events = [each for each in broker.published if each.topic == TOPICS.event]
        assert [json.loads(each.payload)["event_type"] for each in events] == [
            "ignored",
            "answered",
        ]
        assert not any(each.retain for each in events)
        assert json.loads(broker.at(TOPICS.state)[-1])["first_sound_ms"] == 400


@pytest.mark.parametrize("said", [True, False])
async def test_what_is_said_is_published_only_where_that_is_wanted_and_never_kept(
    said: bool,
) -> None:
    broker = FakeBroker()
    async with world(broker, replace(SETTINGS, said=said)) as found:
        found.happen(Transcript("user", "What", False, "item"))
        found.happen(Transcript("user", "What time is it?", True, "item"))
        found.happen(Transcript("assistant", "Noon. " * 60, True, "item"))
        await asyncio.sleep(1)
        words = [each for each in broker.published if "last_" in each.topic]
        assert not any(each.retain for each in words)
        found_words = {each.topic: json.loads(each.payload) for each in words}
    if not said:
        assert found_words == {}
        assert "noon" not in str(broker.published).lower()
        return
    assert found_words[TOPICS.last_heard]["text"] == "What time is it?"
    assert len(found_words[TOPICS.last_said]["text"]) == 250
    assert found_words[TOPICS.last_said]["whole"] == "Noon. " * 60


async def test_home_assistant_gets_everything_again_after_its_start() -> None:
    broker = FakeBroker()
    async with world(broker, chance=1.0) as found:
        await asyncio.sleep(1)
        broker.published.clear()
        broker.send("homeassistant/status", "offline")
        await asyncio.sleep(5)
        assert broker.published == []
        broker.send("homeassistant/status", "online")
        broker.send("homeassistant/status", "online")
        await asyncio.sleep(2.9)
        assert broker.published == [], "not all daemons at once"
        await asyncio.sleep(0.2)
        assert [each.topic for each in broker.published] == [
            DEVICE,
            TOPICS.state,
            TOPICS.timers,
            TOPICS.availability,
        ]
        broker.published.clear()
        found.bridge.show(Shown("1.2.3", priced=True))
        await asyncio.sleep(4)
        assert json.loads(broker.at(DEVICE)[0])["cmps"]["cost_today"]["unit_of_meas"] == "USD"
        broker.published.clear()
        found.bridge.show(Shown("1.2.3", priced=True))
        await asyncio.sleep(4)
        assert broker.published == [], "that is known"


async def test_without_a_prefix_no_device_is_announced() -> None:
    broker = FakeBroker()
    async with world(broker, replace(SETTINGS, discovery_prefix="")):
        assert broker.subscribed == ["base/me/+/set", "base/broadcast"]
        assert DEVICE not in [each.topic for each in broker.published]


async def test_commands_are_carried_out() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        for name, payload in (
            ("microphone", "OFF"),
            ("microphone", "ON"),
            ("volume", "40"),
            ("persona", "mycroft"),
            ("persona", "sherlock"),
            ("interrupt", "PRESS"),
            ("dismiss", "PRESS"),
            ("say", "Dinner is ready."),
            ("prompt", '{"text": "Tell a joke.", "priority": "high", "chime": true}'),
        ):
            broker.send(TOPICS.command(name), payload)
        await asyncio.sleep(0.1)
        assert found.person.told == [
            "mute",
            "unmute",
            0.4,
            ("persona", "mycroft"),
            "interrupt",
            "dismiss",
            ("Dinner is ready.", "verbatim"),
            ("Tell a joke.", "prompt", "urgent", "chime"),
        ]
        assert (found.bridge.command_runner.taken, found.bridge.command_runner.refused) == (8, 1), (
            "one was of nobody"
        )


async def test_a_press_from_afar_lets_the_button_go_after_eight_seconds() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        broker.send(TOPICS.command("listen"), "PRESS")
        await asyncio.sleep(7.9)
        assert found.person.told == ["listen"]
        await asyncio.sleep(0.2)
        assert found.person.told == ["listen", "listened"]
        broker.send(TOPICS.command("listen"), "PRESS")
        await asyncio.sleep(1)
        broker.lose()
        await asyncio.sleep(0.1)
        assert found.person.told[2:] == ["listen", "listened"], "nobody else would let it go"


async def test_where_speech_begins_a_turn_no_button_is_held() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        found.person.attends = True
        broker.send(TOPICS.command("listen"), "PRESS")
        await asyncio.sleep(10)
        assert found.person.told == ["attend"]


async def test_what_cannot_be_done_is_an_error_that_is_published_and_counted() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        broker.send(TOPICS.command("say"), "An old wish.", retained=True)
        await asyncio.sleep(1)
        found.person.connected = False
        broker.send(TOPICS.command("say"), "Hello.")
        await asyncio.sleep(1)
        broker.send(TOPICS.command("reboot"), "")
        await asyncio.sleep(1)
        assert found.person.told == []
        assert found.errors[0].startswith("say: was retained by the broker")
        assert found.errors[1] == "nothing was said"
        assert found.errors[2].startswith("there is no command 'reboot'")
        events = [json.loads(each) for each in broker.at(TOPICS.event)]
        assert [(each["event_type"], each["source"]) for each in events] == [("error", "mqtt")] * 3
        assert (found.bridge.command_runner.taken, found.bridge.command_runner.refused) == (0, 3)


async def test_a_flood_of_nonsense_is_counted_and_reported_once_a_second() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        for number in range(300):
            broker.send(TOPICS.command("volume"), f"loud {number}")
            await asyncio.sleep(0.01)
        assert found.bridge.command_runner.refused == 300
        assert len(found.errors) == 3


async def test_who_may_only_be_seen_takes_no_commands() -> None:
    broker = FakeBroker()
    async with world(broker, replace(SETTINGS, commands=False)) as found:
        assert broker.subscribed == ["homeassistant/status"]
        broker.send(TOPICS.command("say"), "Hello.")
        await asyncio.sleep(1)
        assert found.person.told == []
        assert found.errors == []


async def test_a_state_that_home_assistant_sends_back_as_a_command_ends_the_loop() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await asyncio.sleep(5)
        broker.send(TOPICS.command("microphone"), "OFF")
        await asyncio.sleep(0.1)
        found.happen(MuteChanged(True))
        await asyncio.sleep(1)
        published = len(broker.published)
        broker.send(TOPICS.command("microphone"), "OFF")
        await asyncio.sleep(5)
        assert len(broker.published) == published, "an equal value changes nothing"


async def test_a_broker_that_permits_no_commands_is_a_note() -> None:
    broker = FakeBroker()
    broker.denied = "base/me/+/set"
    async with world(broker) as found:
        assert found.bridge.document()["state"] == "ok"
        (note,) = found.bridge.document()["notes"]
        assert note == "the broker does not let us read base/me/+/set"


async def test_others_publish_through_it_and_learn_at_once_that_the_broker_is_away() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await found.bridge.publish("garden/gate/set", "open", retain=True)
        assert broker.published[-1] == Message("garden/gate/set", "open", retain=True)
        broker.lost_while_publishing = True
        with pytest.raises(NotConnectedError, match="the MQTT broker did not take it"):
            await found.bridge.publish("garden/gate/set", "open")
        broker.troubles = [Trouble.AWAY] * 9
        broker.lose()
        await asyncio.sleep(1.5)
        with pytest.raises(NotConnectedError, match="the MQTT broker is away: it is away"):
            await found.bridge.publish("garden/gate/set", "open")


async def test_what_all_say_is_said_here_but_for_what_we_sent_ourselves() -> None:
    broker = FakeBroker()
    async with world(broker) as found:
        await found.bridge.broadcast("all_1", "Dinner is ready.")
        (sent,) = broker.at("base/broadcast")
        assert json.loads(sent) == {"id": "all_1", "from": "me", "text": "Dinner is ready."}
        assert not broker.published[-1].retain
        broker.send("base/broadcast", sent)
        broker.send("base/broadcast", sent.replace('"me"', '"bath"'))
        broker.send("base/broadcast", "An old wish.", retained=True)
        broker.send("base/broadcast", "Good night.")
        await asyncio.sleep(0.1)
        assert found.person.told == [
            ("Dinner is ready.", "verbatim", "chime"),
            ("Good night.", "verbatim", "chime"),
        ]
        (error,) = found.errors
        assert error.startswith("broadcast: was retained by the broker")
        broker.lose()
        await asyncio.sleep(0.01)
        with pytest.raises(NotConnectedError):
            await found.bridge.broadcast("all_2", "Nobody hears it.")


async def test_a_device_is_forgotten_only_where_it_will_not_be_again() -> None:
    async with world(FakeBroker()) as found:
        bridge = found.bridge
        assert bridge.stays(replace(SETTINGS, commands=False), TOPICS)
        assert not bridge.stays(replace(SETTINGS, host=""), TOPICS)
        assert not bridge.stays(replace(SETTINGS, discovery_prefix="ha"), TOPICS)
        assert not bridge.stays(SETTINGS, replace(TOPICS, id="bath"))
