"""Scenarios: what is answered to what; every example is sound and does what it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from rtaudio_daemon.errors import ConfigError
from rtaudio_daemon.simulator.model.items import ConversationItem
from rtaudio_daemon.simulator.model.reply import Turn, turn_from
from rtaudio_daemon.simulator.model.voices import espeak
from rtaudio_daemon.simulator.protocol.client_messages import Dialect
from rtaudio_daemon.simulator.scenario import Scenario, load, plain, scenario_from
from rtaudio_daemon.simulator.server.simulator import Simulator
from tests.simulator.caller import PATHS, Caller, EnergyHearing, call, loud, quiet

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "scenarios"
DELTA = "response.audio.delta"
SOUND = "response.output_audio.delta"


def example(name: str, **settings: Any) -> Simulator:
    path = EXAMPLES / f"{name}.yaml"
    return Simulator(scenario=path, voice_detector=EnergyHearing, **{"voice": "tone", **settings})


async def raw_frames(simulator: Simulator, dialect: Dialect, until: str) -> list[Any]:
    """What a plain WebSocket client gets that speaks once: frames, and how it ended."""
    seen: list[Any] = []
    async with (
        asyncio.timeout(120),
        aiohttp.ClientSession() as http,
        http.ws_connect(simulator.url + PATHS[dialect]) as socket,
    ):
        caller = Caller(dialect, socket, simulator.sessions[-1])
        await caller.speak(quiet(320) + loud(640) + quiet(480))
        async for message in socket:
            try:
                seen.append(json.loads(message.data))
            except ValueError:
                seen.append(message.data)
            if isinstance(seen[-1], dict) and seen[-1]["type"] == until:
                return seen
        seen.append(socket.close_code)
    return seen


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_sound_and_says_what_it_is(path: Path) -> None:
    load(path)
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("answers: [{say: 1}]", "Invalid type for 'answers[0].say': expected a string"),
        ("answer: []", "Unknown parameter: 'answer'."),
        ("answers: [{calls: [{}]}]", "Missing required parameter: 'answers[0].calls[0].name'."),
        ("answers: [{calls: [{name: a, arguments: {b: .nan}}]}]", "that JSON can say"),
        ("faults: [{fault: explode}]", "Invalid value: 'explode'."),
        ("faults: [drop]", "Invalid type for 'faults[0]': expected an object"),
        ("[]", "Invalid type for '': expected an object"),
        ("a: [", "this is not YAML"),
    ],
)
def test_a_mistake_in_a_scenario_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}:")
    assert words in str(refused.value)


def test_a_scenario_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (Turn(1, words="please, TURN ON the light!"), "calls"),
        (Turn(1, text="Turn on the light"), "calls"),
        (Turn(1, words="turn on the lights"), "fallback"),
        (Turn(2, text="hello"), "second"),
        (Turn(3, text="hello"), "fallback"),
        (Turn(3, text="hello", say=True), "hello"),
        (Turn(2, text="ok", function_output=True, result_of="f"), "result"),
        (Turn(3, text="ok", function_output=True, result_of="g"), "The answer is ok."),
    ],
)
def test_the_first_answer_that_fits_is_given(turn: Turn, words: str) -> None:
    answers = [
        {"heard": "turn on the light", "say": "calls"},
        {"result_of": "f", "say": "result"},
        {"turn": 2, "say": "second"},
        {"say": "fallback"},
    ]
    assert scenario_from({"answers": answers}).reply(turn).text == words


def test_a_result_is_of_the_function_that_was_called() -> None:
    called = ConversationItem(
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""}
    )
    result = ConversationItem(
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    )

    def function(*context: ConversationItem) -> str | None:
        turn = turn_from(list(context), number=1, instructions="", metadata={}, tools=[])
        return turn.result_of

    assert function(called, result) == "weather"
    assert function(result) is None, "its call was deleted"
    assert function(called) is None
    assert function() is None


def test_words_are_compared_without_their_clothes() -> None:
    assert plain("  What's  the TIME, now?! ") == "what's the time now"
    assert Scenario().phrases == ()


async def test_written_words_switch_the_light(dialect: Dialect) -> None:
    async with example("light") as simulator, call(simulator, dialect) as caller:
        await caller.write("Turn off the light, please.")
        await caller.send("response.create")
        (item,) = (await caller.until("response.done"))["response"]["output"]
        assert (item["name"], json.loads(item["arguments"])) == ("set_light", {"on": False})
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "ok"}
        await caller.send("conversation.item.create", item=output)
        await caller.send("response.create")
        await caller.until("response.done")
        (done,) = caller.of("response.audio_transcript.done")
        assert done["transcript"] == "Done. The light has changed."


@pytest.mark.parametrize(
    ("phrase", "on"), [("Turn on the light.", True), ("turn off the light", False)]
)
async def test_spoken_words_switch_the_light(phrase: str, on: bool) -> None:
    sound = espeak(phrase)
    assert sound is not None
    async with example("light") as simulator, call(simulator, "ga") as caller:
        await caller.configure(transcription={"model": "whisper-1"})
        await caller.push_to_talk()
        await caller.speak(sound)
        await caller.send("input_audio_buffer.commit")
        await caller.send("response.create")
        (item,) = (await caller.until("response.done"))["response"]["output"]
        assert json.loads(item["arguments"]) == {"on": on}
        kind = "conversation.item.input_audio_transcription.completed"
        completed = caller.of(kind) or [await caller.until(kind)]
        assert completed[0]["transcript"] == phrase.lower().strip(".")


async def test_without_pocketsphinx_speech_gets_the_answer_to_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rtaudio_daemon.simulator.server.simulator.can_recognize", lambda: False)
    async with example("light") as simulator, call(simulator, "ga") as caller:
        await caller.speak(loud(640) + quiet(480))
        await caller.until("response.done")
        (done,) = caller.of("response.audio_transcript.done")
        assert done["transcript"] == "I can only switch the light."


async def test_answers_by_turn_come_in_their_order_and_with_their_delay(dialect: Dialect) -> None:
    clock = asyncio.get_running_loop().time
    async with example("by_turn") as simulator, call(simulator, dialect) as caller:
        taken = []
        for _ in range(3):
            began = clock()
            await caller.send("response.create")
            await caller.until(DELTA)
            taken.append(clock() - began)
            await caller.until("response.done")
        said = [event["transcript"] for event in caller.of("response.audio_transcript.done")]
    assert [words.split()[0] for words in said] == ["Good", "That", "I"]
    assert taken[1] == pytest.approx(taken[0] + 2, abs=0.1)


async def test_one_answer_speaks_and_calls_twice(dialect: Dialect) -> None:
    async with example("two_calls") as simulator, call(simulator, dialect) as caller:
        await caller.write("how warm is it?")
        await caller.send("response.create")
        output = (await caller.until("response.done"))["response"]["output"]
        assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
        for item in output[1:]:
            result = {"type": "function_call_output", "call_id": item["call_id"], "output": "20"}
            await caller.send("conversation.item.create", item=result)
        await caller.send("response.create")
        await caller.until("response.done")
        assert caller.of("response.audio_transcript.done")[-1]["transcript"].startswith("It is")


@pytest.mark.parametrize(
    ("name", "code", "after"),
    [
        ("drop", 1006, 10),
        ("drop_every_minute", 1006, 10),
        ("restart", 1012, 5),
        ("expiry", 1001, 10),
    ],
)
async def test_a_connection_ends_as_the_scenario_says(
    dialect: Dialect, name: str, code: int, after: int
) -> None:
    async with example(name) as simulator:
        seen = await raw_frames(simulator, dialect, until="never")
    assert seen[-1] == code
    assert len(seen) > after


async def test_a_restarting_service_refuses_two_connections(dialect: Dialect) -> None:
    async with example("restart") as simulator, aiohttp.ClientSession() as http:
        await raw_frames(simulator, dialect, until="never")
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(simulator.url + PATHS[dialect])
            assert refused.value.status == 503
        assert (await raw_frames(simulator, dialect, until="response.done"))[-1]["response"]


async def test_a_stalled_service_says_nothing_after_its_first_answer(dialect: Dialect) -> None:
    async with example("stall") as simulator, call(simulator, dialect) as caller:
        await caller.send("response.create")
        with pytest.raises(TimeoutError):
            await caller.until("response.done")


async def test_a_hiccup_takes_five_seconds(dialect: Dialect) -> None:
    clock = asyncio.get_running_loop().time
    async with example("hiccup") as simulator:
        began = clock()
        await raw_frames(simulator, dialect, until="response.done")
        async with call(simulator, dialect) as caller:
            await caller.write("x" * 50)
            await caller.send("response.create")
            await caller.until("response.done")
        assert clock() - began == pytest.approx(5.5, abs=0.7)


async def test_a_failing_service_recovers(dialect: Dialect) -> None:
    async with example("failing_answers") as simulator, call(simulator, dialect) as caller:
        statuses = []
        for _ in range(4):
            await caller.write("word " * 30)
            await caller.send("response.create")
            statuses.append((await caller.until("response.done"))["response"]["status"])
    assert statuses == ["failed", "failed", "incomplete", "completed"]
    assert len(caller.of("error")) == 1


async def test_garbage_is_what_it_says(dialect: Dialect) -> None:
    async with example("garbage") as simulator:
        seen = await raw_frames(simulator, dialect, until="response.done")
    assert sum(isinstance(frame, str) for frame in seen) == 1
    assert [] in seen
    events = [frame for frame in seen if isinstance(frame, dict)]
    kinds = [event["type"] for event in events]
    assert "simulator.unknown" in kinds
    assert "error" in kinds
    assert all("simulator_unknown" in each for each in events if each["type"].endswith(".created"))
    names = ("response.audio.", "response.output_audio.")
    assert not [kind for kind in kinds if kind.startswith(names) and kind.endswith("done")]
    deltas = [each["event_id"] for each in events if each["type"] in (DELTA, SOUND)]
    assert len(deltas) == len(set(deltas)) + 2


async def test_localai_ends_the_transcript_before_the_sound() -> None:
    async with example("quirks_localai") as simulator:
        kinds = [each["type"] for each in await raw_frames(simulator, "ga", "response.done")]
    assert "conversation.item.added" not in kinds
    at = kinds.index
    assert at("response.output_audio_transcript.done") < at("response.output_audio.done")


@pytest.mark.parametrize(("name", "delta"), [("huggingface", SOUND), ("huggingface_old", DELTA)])
async def test_hugging_face_says_little_and_late(name: str, delta: str) -> None:
    async with example(f"quirks_{name}") as simulator:
        kinds = [each["type"] for each in await raw_frames(simulator, "ga", "response.done")]
    assert kinds.count("input_audio_buffer.speech_stopped") == 2
    assert "conversation.item.created" in kinds
    assert "input_audio_buffer.committed" not in kinds
    assert not [kind for kind in kinds if kind.startswith("response.output_item")]
    spoken = [kind for kind in kinds if kind.startswith("response.")]
    assert spoken[0] == "response.created"
    assert delta in spoken


async def test_xai_explains_in_a_plain_string() -> None:
    async with example("quirks_xai") as simulator:
        done = (await raw_frames(simulator, "ga", "response.done"))[-1]
    assert done["response"]["status"] == "failed"
    assert isinstance(done["response"]["status_details"], str)


async def test_sglang_goes_on_after_a_cancelled_answer() -> None:
    async with example("quirks_sglang") as simulator, call(simulator, "ga") as caller:
        await caller.write("word " * 200)
        await caller.send("response.create")
        await caller.until(DELTA)
        await caller.send("response.cancel")
        done = await caller.until("response.done")
        late = await caller.until(DELTA)
        assert late["response_id"] == done["response"]["id"]


async def test_extras_are_on_the_wire(dialect: Dialect) -> None:
    async with example("extras") as simulator, call(simulator, dialect) as caller:
        await caller.write("good morning")
        await caller.send("response.create")
        await caller.until("response.done")
        delta = caller.of("response.audio_transcript.delta")[0]
        part = caller.of("response.content_part.added")[0]
    assert ("obfuscation" in delta) is (dialect == "ga")
    assert part.get("content") == (part["part"] if dialect == "ga" else None)
