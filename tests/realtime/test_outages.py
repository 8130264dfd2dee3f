"""A session that is always there: outages, expiry, renewal, told as stories on virtual time."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

import pytest

from rtaudio_daemon.protocol.codec import Json
from rtaudio_daemon.realtime.options import SessionPolicy
from rtaudio_daemon.realtime.usage import Prices
from tests.realtime.user import Talk, sentence, talking

HOUR = 3600.0
in_every_dialect = pytest.mark.parametrize("kind", ["ga", "preview", "voice-live"])


def now() -> float:
    return asyncio.get_running_loop().time()


def told(talk: Talk) -> list[tuple[str, str]]:
    """Who said what, as the newest session was told by us."""
    items = [m["item"] for m in talk.session.received if m["type"] == "conversation.item.create"]
    return [(item["role"], item["content"][0]["text"]) for item in items if "role" in item]


# ------------------------------------------------------------------- expiry


@in_every_dialect
async def test_a_session_that_expires_in_mid_sentence_costs_not_one_frame(kind: str) -> None:
    async with talking(kind, lifetime_s=HOUR) as talk:
        opened = now()
        talk.client.is_quiet = lambda: False  # somebody has the floor until the very end
        await asyncio.sleep(HOUR - 1)
        said = sentence(3000)
        await talk.say(said)
        assert len(talk.simulator.sessions) == 2
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert now() - opened > HOUR
        assert said in talk.session.heard, "the whole sentence, in order"
        (item,) = talk.named("input_audio_buffer.committed")
        assert talk.changes[-1].renewals == 1
        assert talk.changes[-1].gap_ms == 0, "the next session was ready"
        assert talk.client.counters.dropped == 0
        assert "closed" not in talk.states
        assert talk.states == ["connecting", "open", "renewing", "open"], item


@in_every_dialect
@pytest.mark.parametrize("fault", ["expire", "drop", "close"])
async def test_a_session_that_ends_unforeseen_in_mid_sentence_costs_not_one_frame(
    kind: str, fault: str
) -> None:
    async with talking(kind) as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(20)
        said = sentence(4000, seed=2)
        half = len(said) // 2
        await talk.say(said[:half])
        talk.simulator.fault(fault)
        await talk.say(said[half:])
        await talk.pause()
        await talk.until(lambda: len(talk.named("response.done")) == 2)
        assert said in talk.session.heard
        assert sentence(800) not in talk.session.heard, "what was answered is not said again"
        assert talk.client.counters.dropped == 0
        opened = [change for change in talk.changes if change.state.value == "open"]
        gap_ms = opened[-1].gap_ms
        assert gap_ms is not None
        assert gap_ms < (1 if fault == "expire" else 1000)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4000])
async def test_every_close_code_but_our_own_is_followed_by_another_session(code: int) -> None:
    async with talking() as talk:
        await talk.turn(sentence(800))
        await asyncio.sleep(15)
        talk.simulator.fault("close", code=code, reason="who knows")
        await talk.until(lambda: len(talk.simulator.sessions) == 2 and talk.client.is_initialized)
        assert f"({code}: who knows)" in str(talk.changes[-2].reason)
        await talk.turn(sentence(800, seed=2))
        assert len(talk.named("response.done")) == 2


# ------------------------------------------------------------------ renewal


@in_every_dialect
async def test_an_idle_session_is_renewed_before_it_expires_and_nobody_notices(kind: str) -> None:
    async with talking(kind, lifetime_s=HOUR, policy=SessionPolicy(forget_after_s=0)) as talk:
        await talk.turn(sentence(1000))
        await asyncio.sleep(HOUR)
        assert talk.states == ["connecting", "open", "renewing", "open"]
        renewed = talk.changes[-1]
        assert (renewed.renewals, renewed.reconnects, renewed.gap_ms) == (1, 0, 0)
        assert renewed.session_id == talk.session.id
        assert [session.open for session in talk.simulator.sessions] == [False, True]
        assert told(talk)[0][0] == "user"
        assert told(talk)[1][0] == "assistant"
        await talk.turn(sentence(1000, seed=2))
        assert talk.named("error") == []


async def test_a_renewal_that_is_due_in_a_long_answer_waits_for_its_end() -> None:
    async with talking(lifetime_s=1000.0) as talk:
        opened = now()
        await asyncio.sleep(790)
        await talk.say(sentence(1000))
        await talk.pause()
        await talk.until(lambda: talk.client.status.value == "speaking")
        await asyncio.sleep(185)  # the loudspeaker has a lot to say; the wire is idle
        assert len(talk.simulator.sessions) == 2, "the next session is ready, just in case"
        assert talk.states[-1] == "renewing"
        talk.client.set_model_speak_done()
        await talk.until(lambda: talk.states[-1] == "open", 5)
        assert 975 < now() - opened < 985
        assert talk.changes[-1].renewals == 1


async def test_sound_in_a_quiet_moment_is_heard_by_the_next_session_too() -> None:
    """With a gate that is always open somebody may begin to speak right when sessions change."""
    async with talking(lifetime_s=25.0) as talk:
        said, renewing = sentence(2000), asyncio.Event()
        talk.client.on(
            "connection", lambda change: renewing.set() if change.state == "renewing" else None
        )
        silence = asyncio.create_task(talk.pause(200_000))
        await renewing.wait()
        silence.cancel()
        await talk.say(said)
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert any(said in session.heard for session in talk.simulator.sessions)


async def test_a_renewal_that_fails_is_tried_again_and_the_old_session_goes_on() -> None:
    async with talking(lifetime_s=1000.0) as talk:
        talk.simulator.fault("refuse", status=503, times=3)
        await asyncio.sleep(850)
        assert talk.states[-1] == "open"
        assert talk.changes[-1].renewals == 1
        assert talk.client.counters.reconnects == 0


async def test_a_next_session_that_dies_while_it_waits_is_replaced() -> None:
    async with talking(lifetime_s=1000.0) as talk:
        talk.client.is_quiet = lambda: False
        await asyncio.sleep(975)
        assert len(talk.simulator.sessions) == 2
        first, second = talk.simulator._connections.values()
        await second.close(1011, "oops")
        talk.client.is_quiet = lambda: True
        await talk.until(lambda: talk.states[-1] == "open", 20)
        assert talk.changes[-1].session_id == talk.session.id
        await talk.turn(sentence(500))
        assert first is not None


@pytest.mark.parametrize("wrong_by", [-4e8, 4e8])
async def test_on_a_machine_whose_clock_is_wrong_a_session_lasts_as_long_as_usual(
    wrong_by: float,
) -> None:
    import time

    async with talking(lifetime_s=HOUR, wall_clock=lambda: time.time() + wrong_by) as talk:
        await asyncio.sleep(22 * 60)
        assert len(talk.simulator.sessions) == 1
        await asyncio.sleep(3 * 60)
        assert talk.states[-1] == "open"
        assert talk.changes[-1].renewals == 1


async def test_after_a_silence_the_conversation_is_forgotten_by_the_service_too() -> None:
    async with talking(policy=SessionPolicy(forget_after_s=300)) as talk:
        await talk.turn(sentence(1000))
        await asyncio.sleep(320)
        assert talk.changes[-1].renewals == 1
        assert told(talk) == []
        await asyncio.sleep(900)
        assert talk.changes[-1].renewals == 1, "there is nothing more to forget"


# ------------------------------------------------------------------ outages


async def test_a_service_that_is_away_for_20_s_hears_what_was_said_in_the_last_10() -> None:
    async with talking() as talk:
        await asyncio.sleep(15)
        await talk.simulator.stop()
        old, new = sentence(3000), sentence(25_000, seed=2)
        await talk.say(old)
        await asyncio.sleep(2)
        talking_on = asyncio.create_task(talk.say(new))
        await asyncio.sleep(15)
        await talk.simulator.start()
        await talking_on
        await talk.pause()
        await talk.until(lambda: talk.named("input_audio_buffer.committed"))
        heard = talk.session.heard
        assert old not in heard
        assert old[:960] not in heard
        assert old[-960:] not in heard, "half an old question is not asked either"
        at = heard.find(new[-48_000:])
        assert at >= 0
        kept = next(n for n in range(0, len(new), 960) if new[n : n + 960] in heard)
        assert new[kept:] in heard, "without a hole"
        # While somebody speaks it is looked for every other second.
        gap_ms = talk.changes[-1].gap_ms
        assert gap_ms is not None
        assert 20_000 < gap_ms < 23_000
        assert talk.client.counters.dropped > 0


async def test_a_question_asked_in_a_short_outage_is_answered() -> None:
    async with talking() as talk:
        await asyncio.sleep(15)
        await talk.simulator.stop()
        said = sentence(1500)
        await talk.say(said)
        await talk.pause(600)
        await talk.simulator.start()
        await talk.until(lambda: talk.client.is_initialized)
        await talk.pause()
        await talk.until(lambda: talk.named("response.done"))
        assert said in talk.session.heard
        assert talk.client.counters.dropped == 0


async def test_a_question_from_before_a_long_outage_is_not_asked_late() -> None:
    async with talking() as talk:
        await asyncio.sleep(15)
        await talk.simulator.stop()
        await talk.say(sentence(1500))
        await talk.pause(600)
        await asyncio.sleep(30)
        await talk.simulator.start()
        await talk.until(lambda: talk.client.is_initialized)
        await asyncio.sleep(5)
        assert talk.session.heard == b""
        assert talk.client.counters.dropped == 105, "pieces of 20 ms"


async def test_what_was_muted_in_an_outage_is_never_sent() -> None:
    async with talking() as talk:
        await asyncio.sleep(15)
        await talk.simulator.stop()
        await talk.say(sentence(1500))
        with pytest.raises(Exception, match="not connected"):
            talk.client.clear_audio_buffer()
        await talk.simulator.start()
        await talk.until(lambda: talk.client.is_initialized)
        await asyncio.sleep(5)
        assert talk.session.heard == b""


@pytest.mark.parametrize("speaking", [False, True])
async def test_a_dead_peer_is_noticed_within_30_s(speaking: bool) -> None:
    async with talking() as talk:
        await asyncio.sleep(100)
        stalled_at = now()
        talk.simulator.fault("stall")
        if speaking:
            said = sentence(1500)
            await asyncio.sleep(15)
            await talk.say(said)
        await talk.until(lambda: talk.states[-1] != "open", 40)
        assert now() - stalled_at <= 30
        assert "did not answer a ping" in str(talk.changes[-1].reason)
        await talk.until(lambda: talk.states[-1] == "open")
        if speaking:
            await talk.pause()
            await talk.until(lambda: talk.named("response.done"))
            assert said in talk.session.heard


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("status", "words", "pause_s"),
    [
        (401, "401: 401 Access denied", 60),
        (404, "404: DeploymentNotFound The API deployment", 60),
        (429, "429: 429 Requests to this deployment have exceeded the rate limit", 7),
        (503, "503: ServiceUnavailable The service is temporarily unable", 0.5),
    ],
)
async def test_a_refused_handshake_is_told_in_the_services_own_words_and_tried_again(
    status: int, words: str, pause_s: float
) -> None:
    async with talking() as talk:
        await asyncio.sleep(15)
        talk.simulator.fault(
            "refuse", status=status, **({"retry_after_s": 7} if status == 429 else {})
        )
        talk.simulator.fault("drop")
        await talk.until(lambda: any(words in str(change.reason) for change in talk.changes), 5)
        refused_at = now()
        pause = talk.changes[-1].retry_in_s
        assert pause is not None
        assert pause == pytest.approx(pause_s, rel=1.6 if status == 503 else 0.01)
        await talk.until(lambda: talk.states[-1] == "open", 100)
        assert now() - refused_at == pytest.approx(pause, abs=0.1)


# ------------------------------------------------------------------ holding


@in_every_dialect
async def test_held_on_speech_a_session_is_opened_by_speech_and_no_word_is_lost(kind: str) -> None:
    policy = SessionPolicy(hold="on_speech", idle_s=30)
    async with talking(kind, policy=policy, connect=False) as talk:
        run = asyncio.create_task(talk.client.run())
        await asyncio.sleep(600)
        assert len(talk.simulator.sessions) == 0
        assert talk.states == ["closed"]
        said = sentence(1500)
        await talk.turn(said)
        assert said in talk.session.heard
        await asyncio.sleep(25)
        assert talk.client.is_initialized
        await asyncio.sleep(10)
        assert talk.states == ["closed", "connecting", "open", "closed"]
        assert talk.client.asleep
        await asyncio.sleep(600)
        await talk.turn(sentence(1500, seed=2))
        assert len(talk.simulator.sessions) == 2
        run.cancel()


# ------------------------------------------------------------------- budget


async def test_a_used_up_budget_ends_in_a_clear_state_until_midnight(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    start, evening = now(), datetime(2026, 11, 22, 22, 0).timestamp()
    prices = Prices(audio_input=1e5, audio_output=1e5, text_output=1e5, text_input=1e5)
    policy = SessionPolicy(prices=prices, daily_limit=0.5)
    async with talking(policy=policy, wall_clock=lambda: evening + now() - start) as talk:
        await talk.turn(sentence(1000))
        assert talk.client.usage["cost_today"] > 0.5
        await talk.until(lambda: talk.states[-1] == "closed", 5)
        closed = talk.changes[-1]
        assert "the daily limit of 0.5 is used up" in str(closed.reason)
        assert "midnight" in str(closed.reason)
        await asyncio.sleep(HOUR)
        assert talk.states[-1] == "closed"
        await asyncio.sleep(HOUR)
        assert talk.states[-1] == "open"
        assert talk.client.usage["cost_today"] == 0
        assert talk.client.usage["cost_total"] > 0.5
        await talk.turn(sentence(1000, seed=2))


@pytest.mark.parametrize("step_s", [3 * HOUR, 365 * 24 * HOUR], ids=["sleep", "year"])
async def test_a_new_day_that_comes_at_once_brings_a_new_budget_at_once(step_s: float) -> None:
    start, evening, stepped_s = now(), datetime(2026, 11, 22, 22, 0).timestamp(), 0.0
    prices = Prices(audio_input=1e5, audio_output=1e5, text_output=1e5, text_input=1e5)
    policy = SessionPolicy(prices=prices, daily_limit=0.5)
    async with talking(
        policy=policy, wall_clock=lambda: evening + now() - start + stepped_s
    ) as talk:
        await talk.turn(sentence(1000))
        await talk.until(lambda: talk.states[-1] == "closed", 5)
        closed = talk.states.count("closed")
        stepped_s = step_s
        await talk.until(lambda: talk.states[-1] == "open", 15)
        assert talk.client.usage["cost_today"] == 0
        assert talk.states.count("closed") == closed, "said once"
        stepped_s = 0.0
        await talk.until(lambda: talk.states[-1] == "closed", 15)
        assert talk.client.usage["cost_today"] > 0.5, "the day before is known again"


async def test_what_was_said_before_a_sleep_is_as_old_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept_s = 0.0
    monkeypatch.setattr("rtaudio_daemon.realtime.suspension.suspended_s", lambda: slept_s)
    async with talking(policy=SessionPolicy(forget_after_s=300)) as talk:
        await talk.turn(sentence(1000))
        await asyncio.sleep(30)
        assert talk.changes[-1].renewals == 0
        slept_s = 8.0 * HOUR
        await asyncio.sleep(30)
        assert talk.changes[-1].renewals == 1
        assert told(talk) == []


# ------------------------------------------------------------- one at a time


def message(text: str) -> Json:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@in_every_dialect
async def test_answers_are_given_one_at_a_time(kind: str) -> None:
    async with talking(kind, pacing="realtime") as talk:
        for text in ("one", "two", "three"):
            talk.client.create_conversation_item(message(text))
            talk.client.create_response()
        await talk.until(lambda: len(talk.named("response.done")) == 3)
        assert talk.named("error") == []
        names = [event["type"] for event in talk.events if event["type"].startswith("response.")]
        assert names == ["response.created", "response.done"] * 3


@in_every_dialect
async def test_an_answer_outside_the_conversation_passes_and_leaves_no_trace(kind: str) -> None:
    async with talking(kind, pacing="realtime") as talk:
        talk.client.create_conversation_item(message("one"))
        talk.client.create_response()
        await talk.until(lambda: talk.client.status.value == "speaking")
        before = list(talk.statuses)
        talk.client.create_response(
            {"conversation": "none", "modalities": ["text"], "input": [message("aside")]}
        )
        await talk.until(lambda: len(talk.named("response.created")) == 2)
        await talk.until(lambda: len(talk.named("response.done")) == 2)
        assert talk.statuses == before
        assert talk.named("error") == []
        words = str(talk.client._conversation.history.retell(now()))
        assert "aside" not in words


async def test_an_answer_that_the_service_began_by_itself_is_waited_for() -> None:
    async with talking(pacing="realtime") as talk:
        await talk.say(sentence(800))
        await talk.pause(700)
        await talk.until(lambda: talk.named("input_audio_buffer.committed"))
        talk.client.create_response()
        await talk.until(lambda: len(talk.named("response.done")) == 2)
        codes = [event["error"]["code"] for event in talk.named("error")]
        assert codes in ([], ["conversation_already_has_active_response"])
