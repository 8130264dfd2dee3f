"""All answers, from the request to the last word.

Only one answer inside the conversation is requested at a time; other requests wait. The service
may also answer by itself. An answer is *owed* from the moment a question is put until the answer's
first sound or word arrives. An owed answer outlives its session.

An id that is used again stands for a new answer, and "" stands for the answer under way.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import count

from ..protocol.events import (
    AudioDelta,
    AudioDone,
    Event,
    ResponseCreated,
    ResponseDone,
    ServiceErrorReported,
    TextDelta,
    TextDone,
)
from .answer import Answer, Request, response_id_of
from .outputs import CreateItem, CreateResponse, ServiceCommand
from .request_queue import WAITING_MOST, RequestQueue
from .settings import DialogueSettings

_ATTEMPTS_MOST = 5  # for one request that is refused because another answer is under way
_ASKED_MOST = 3  # sessions to which one question is put
_REMEMBERED = 32  # ids of answers that have ended or were cancelled
_ACTIVE = "conversation_already_has_active_response"


class Answers:
    """Tracks requested and running answers. All times are in seconds on the caller's clock."""

    def __init__(self, settings: DialogueSettings | None = None) -> None:
        self.settings = settings or DialogueSettings()
        self.owed = False
        """Whether a question was put whose answer has not begun."""
        self.expected = False
        """Whether the service will answer a turn by itself and has not begun to."""
        self.unwanted = False
        """Whether the answer that was requested or is expected must be cancelled."""
        self.replies_paused = False
        """Whether the service must not answer by itself; if it does, we cancel the answer."""
        self.heard_at = 0.0
        """When the service last gave a sign of an answer, or was last asked for one."""
        self.queue = RequestQueue()
        """The requests that wait."""
        self._asked: Request | None = None
        self._asked_outside: dict[str, Request] = {}
        self._under_way: dict[str, Answer] = {}
        self._finished: deque[str] = deque(maxlen=_REMEMBERED)
        self._cancelled: deque[str] = deque(maxlen=_REMEMBERED)
        self._sessions_asked = 0
        self._hope_until: float | None = None  # how long an owed answer waits for a session
        self._said_again = ""  # the text whose answer is owed and whose session is gone
        self._numbers = count(1)

    # ----------------------------------------------------------------- facts

    @property
    def pending(self) -> bool:
        """Whether somebody waits for an answer, or for the end of one."""
        return self.coming or self.owed or bool(self.queue)

    @property
    def to_come(self) -> bool:
        """Whether an answer that somebody wants has not begun: it will know what we send now."""
        return bool((self._asked or self.expected) and not self.unwanted) or self.queue.asks

    @property
    def coming(self) -> bool:
        """Whether an answer that somebody wants to hear is expected or under way."""
        if (self._asked or self.expected) and not self.unwanted:
            return True
        return any(each.aloud and not each.interrupted for each in self._under_way.values())

    @property
    def generating(self) -> bool:
        """Whether an answer that is played is under way."""
        return any(each.aloud for each in self._under_way.values())

    @property
    def busy(self) -> bool:
        """Whether the service generates an answer or is about to."""
        return bool(
            self._asked
            or self.expected
            or self.unwanted
            or self._under_way
            or self._asked_outside
            or self.queue
        )

    @property
    def awaited(self) -> bool:
        """Whether the service should give a sign of an answer."""
        return bool(
            self._asked
            or self._asked_outside
            or self.expected
            or self.unwanted
            or self._under_way
            or (self.owed and not self.queue)  # waiting requests have not been made yet
        )

    @property
    def current_id(self) -> str | None:
        """The id of the newest answer under way inside the conversation."""
        inside = [each.response_id for each in self._under_way.values() if not each.outside]
        return inside[-1] if inside else None

    def deadline(self, *, in_session: bool) -> float | None:
        """Return when the awaited answer or session is overdue; None if none is awaited."""
        if not in_session:
            times = [time for time in (self._hope_until, self.queue.deadline) if time is not None]
            return min(times, default=None)
        return self.heard_at + self._patience_s if self.awaited else None

    @property
    def _patience_s(self) -> float:
        settings = self.settings
        return settings.silence_patience_s if self.generating else settings.reply_patience_s

    def silent_for_s(self, now: float) -> float | None:
        """Return the patience in seconds if it has run out without a sign; else None."""
        overdue = self.awaited and now >= self.heard_at + self._patience_s
        return self._patience_s if overdue else None

    def named(self, event: Event) -> Event:
        """Return the event, with the id of the answer filled in if the service gives none."""
        found = None if response_id_of(event) else self._meant("")
        match event:
            case AudioDelta(part) | AudioDone(part) | TextDelta(part) | TextDone(part) if found:
                return replace(event, part=replace(part, response_id=found))
            case ResponseDone() if found:
                return replace(event, response_id=found)
        return event

    def _meant(self, response_id: str) -> str:
        if response_id or "" in self._under_way:
            return response_id
        return self.current_id or next(iter(self._under_way), "")

    def is_outside(self, event: Event) -> bool:
        """Return whether the event belongs to a running answer outside the conversation."""
        answer = self._under_way.get(response_id_of(event))
        return answer is not None and answer.outside

    def get(self, response_id: str) -> Answer | None:
        """Return the answer under way with this id."""
        return self._under_way.get(response_id)

    def is_late(self, response_id: str) -> bool:
        """Return whether this answer was interrupted or cancelled: nobody wants to hear it."""
        response_id = self._meant(response_id)
        answer = self._under_way.get(response_id)
        return answer.interrupted if answer else response_id in self._cancelled

    # -------------------------------------------------------- what we request

    def say(self, request: Request, now: float, *, in_session: bool, urgent: bool) -> None:
        """Queue a request; without a session it waits for one for a limited time."""
        if not in_session:
            self.queue.wait_for_session(now + self.settings.button_patience_s)
        self.queue.wish(request, first=urgent)

    def ask_outside(self, request: Request, now: float) -> list[ServiceCommand]:
        """Return the commands that ask for an answer independently of all others."""
        if len(self._asked_outside) >= WAITING_MOST:
            del self._asked_outside[next(iter(self._asked_outside))]
        self.heard_at = now
        return self._commands(request)

    def next(self, now: float, *, silence: bool) -> list[ServiceCommand]:
        """Return what to send now; `silence`: nobody speaks."""
        first = self.queue.first
        if first is None or first.sound or self._asked or self.unwanted or self.generating:
            return []
        if first.after_speech and (self.expected or not silence):
            return []
        request = self._asked = self.queue.take()
        self.heard_at = now
        if not request.outside:
            self.put_question(now)
        return self._commands(request)

    def next_sound(self, *, silence: bool) -> Request | None:
        """Take the sound that is due, which needs no session; `silence`: nobody speaks or plays."""
        first = self.queue.first
        if first is None or not first.sound or self.coming or not silence:
            return None
        return self.queue.take()

    def _commands(self, request: Request) -> list[ServiceCommand]:
        request.event_id = request.event_id or f"rtaudio_response_{next(self._numbers)}"
        if request.outside:
            self._asked_outside[request.event_id] = request
        before, request.before = request.before, ()
        after, request.after = request.after, ()
        asked = CreateResponse(request.settings, request.event_id)
        return [*map(CreateItem, before), asked, *map(CreateItem, after)]

    def expect(self, now: float) -> None:
        """Note that the service will answer a turn by itself."""
        if not self.coming:
            self.expected = True
            self.heard_at = now

    def put_question(self, now: float) -> None:
        """Note that somebody waits for an answer from now on, and not for one under way."""
        if not self.awaited:
            self.heard_at = now
        self.owed = True
        for answer in self._under_way.values():
            answer.earlier = True

    def expect_none(self) -> None:
        """Note that the answer will be to what is being said now, not to what was said before."""
        self.expected = False
        self.unwanted = self.unwanted and self._asked is not None

    def drop_owed(self) -> bool:
        """Stop waiting for the owed answer; return whether it was owed."""
        was_owed, self.owed, self._sessions_asked = self.owed, False, 0
        self._said_again = ""
        return was_owed

    def say_again(self) -> str:
        """Return the id of the text that is put to another session; "" if none is."""
        return self._said_again

    def says(self, said: str) -> bool:
        """Return whether a request for the text with this id waits, runs, or will be repeated."""
        requests = [*self._asked_outside.values()]
        requests += [self._asked] if self._asked is not None else []
        asked = any(each.said == said for each in requests)
        return said == self._said_again or asked or self.queue.says(said)

    def refuse_to_come(self) -> None:
        """Cancel the audible answer to come as soon as it begins."""
        if (self._asked is not None and self._asked.aloud) or self.expected:
            self.expected, self.unwanted = False, True

    def refuse_unasked(self, now: float) -> None:
        """Cancel the answer of the service to something that nobody said, as soon as it begins."""
        self.expected, self.unwanted = False, True
        self.heard_at = now

    def take_back_question(self) -> None:
        """Drop the requests for answers to a question that turned out to be none."""
        self.queue.drop_questions()
        self.unwanted = self.unwanted or (self._asked is not None and self._asked.question)

    def interrupt(self) -> list[str]:
        """Mark all answers under way as no longer wanted; return their ids."""
        ids = []
        for answer in self._under_way.values():
            if answer.aloud and not answer.interrupted:
                answer.interrupted = True
                ids.append(answer.response_id)
        return ids

    def interrupt_one(self, response_id: str) -> bool:
        """Mark this answer as no longer wanted; return whether it is still being generated."""
        answer = self._under_way.get(response_id)
        if answer is None or answer.interrupted:
            return False
        answer.interrupted = True
        return True

    def cancel(self, response_id: str | None) -> None:
        """Note that this answer was cancelled."""
        answer = self._under_way.get(response_id or "")
        if answer is not None:
            answer.interrupted = True
        elif response_id:
            self._cancelled.append(response_id)

    # ------------------------------------------------- what the service reports

    def created(self, event: ResponseCreated, now: float) -> Answer:
        """Note that the service begins an answer; return it."""
        known = self._under_way.get(event.response_id)
        if known is not None and not known.interrupted and event.response_id:
            return known
        return self._begin(event.response_id, self._request_of(event), now)

    def heard(self, response_id: str, now: float) -> Answer | None:
        """Note a sign of an answer, which may begin it. Returns None if it is over."""
        answer = self._under_way.get(response_id)
        if answer is None:
            over = response_id in self._finished or response_id in self._cancelled
            if over and not (self._asked or self.expected):
                return None
            answer = self._begin(response_id, self._request_of(None), now)
        self.heard_at = now
        return answer

    def begun(self, answer: Answer) -> bool:
        """Note the first sound or word of an answer; return whether it settles what is owed."""
        return not answer.outside and not answer.earlier and self.drop_owed()

    def done(self, event: ResponseDone, now: float) -> Answer | None:
        """Note the end of an answer; return None if it had ended before. This settles nothing."""
        response_id = event.response_id
        answer = self._under_way.pop(response_id, None)
        if answer is None:
            if response_id in self._finished:
                return None
            self._under_way.pop("", None)  # the unknown answer that blocked our request
            # An answer that ends without having begun is the one that we waited for.
            answer = Answer(response_id, self._request_of(None))
            answer.interrupted = answer.refused = self._refuses()
        if response_id:
            self._finished.append(response_id)
        self.heard_at = now
        return answer

    def refused(self, event: ServiceErrorReported, now: float) -> Request | None:
        """Note that the service refused a request; return the request if we give it up."""
        request = self._asked_outside.pop(event.event_id, None)
        if self._asked is None or event.event_id != self._asked.event_id:
            return request
        request, self._asked = self._asked, None
        unwanted, self.unwanted = self.unwanted, False
        if event.code != _ACTIVE or unwanted or request.attempts >= _ATTEMPTS_MOST:
            return request
        request.attempts += 1
        self.queue.again(request)
        self.heard_at = now
        if not self.generating:  # only the message may name its id; we try again when it ends
            self._under_way[""] = Answer("", earlier=True)
        return None

    def reply_refused(self, event: ServiceErrorReported) -> None:
        """Ask for the answer to a turn if another answer kept the service from giving it."""
        if event.code == _ACTIVE and not event.event_id and self.expected:
            self.expected = False
            self.queue.wish(Request(question=True), first=True)

    # -------------------------------------------------------------- sessions

    def hope(self, now: float) -> None:
        """Let what is owed wait for a session from now on."""
        self.owed = True
        if self._hope_until is None:
            self._hope_until = now + self.settings.outage_s

    def hoped_too_long(self, now: float) -> bool:
        """Return whether what is owed has waited too long for a session."""
        over = self._hope_until is not None and now >= self._hope_until
        if over:
            self._hope_until = None
        return over

    def session_opened(self) -> None:
        """Note that a session is in use: nothing waits for one any more."""
        self._hope_until = None
        self.queue.session_opened()

    def session_gone(self) -> list[Request]:
        """Forget what lived in the session; return the requests whose answers never sounded."""
        silent = [
            each.request
            for each in self._under_way.values()
            if each.request is not None and not (each.interrupted or each.sounded)
        ]
        asked = [self._asked] if self._asked is not None and not self.unwanted else []
        again = [each.said for each in (*silent, *asked) if each.said and not each.outside]
        self._said_again = again[-1] if again and self.owed else self._said_again
        self._asked = None
        self.expected = self.unwanted = False
        self._asked_outside.clear()
        self._under_way.clear()
        self._finished.clear()
        self._cancelled.clear()
        return [*silent, *asked]

    def ask_again(self) -> bool:
        """Return whether to put the question to another session. The number of attempts is limited
        because the question may be what ends the sessions."""
        self._sessions_asked += 1
        return self._sessions_asked < _ASKED_MOST

    def give_up(self) -> list[str]:
        """Stop waiting for anything; return the ids of the answers that were under way."""
        ids = list(self._under_way)
        self._asked = None
        self.expected = self.unwanted = False
        self._asked_outside.clear()
        self._under_way.clear()
        self._finished.extend(each for each in ids if each)
        return ids

    # --------------------------------------------------------------- private

    def _begin(self, response_id: str, request: Request | None, now: float) -> Answer:
        for forgotten in (self._finished, self._cancelled):
            while response_id in forgotten:
                forgotten.remove(response_id)
        answer = Answer(response_id, request)
        if answer.aloud:
            unasked = request is None and self.replies_paused and not self.owed
            answer.interrupted = answer.refused = self._refuses() or unasked
        if not answer.outside and not answer.interrupted:
            self.owed = True
        self._under_way[response_id] = answer
        self.heard_at = now
        return answer

    def _refuses(self) -> bool:
        """Return whether the answer that begins is the unwanted one, and not an earlier one."""
        refuses = self.unwanted and self._asked is None
        self.unwanted = self.unwanted and not refuses
        return refuses

    def _request_of(self, event: ResponseCreated | None) -> Request | None:
        """Return the request that an answer belongs to, and note that it was answered."""
        for event_id, request in self._asked_outside.items() if event is not None else ():
            assert event is not None
            metadata = (request.settings or {}).get("metadata")
            if event.metadata == metadata if metadata else not event.conversation_id:
                del self._asked_outside[event_id]
                if self._asked is request:
                    self._asked = None
                return request
        if self._asked is not None and self._asked.outside and self.expected:
            self.expected = False  # the service answers a turn before it answers our request
            return None
        if self._asked is not None and not self._asked.aloud and event and event.conversation_id:
            return None  # the service answers a turn although it was asked not to
        asked, self._asked = self._asked, None
        self.expected = False
        if asked is not None:
            self._asked_outside.pop(asked.event_id, None)
        return asked
