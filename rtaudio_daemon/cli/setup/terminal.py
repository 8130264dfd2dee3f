"""Questions and answers as plain text, for a keyboard, a screen reader, or a pipe."""

from __future__ import annotations

import getpass
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...config import Secret
from ...protocol.bounds import printable

_WIDTH = 78
_LONGEST = 4000


class Choice(NamedTuple):
    """One of several answers: the value, and what it means."""

    value: str
    meaning: str = ""


class Terminal:
    """Standard input and output. Every question raises EOFError at the end of input.

    `read` returns a line for a prompt; `read_hidden` does so without echo.
    """

    service_is_offered = True
    """Whether installing a service may be offered here."""
    how_to_answer = (
        "Type a number, a name or an answer, then Enter. Enter alone leaves a thing as it is, in "
        "[brackets], and skips the step."
    )

    def __init__(
        self,
        read: Callable[[str], str] = input,
        read_hidden: Callable[[str], str] | None = None,
    ) -> None:
        self._read = read
        self._read_hidden = read_hidden or (getpass.getpass if sys.stdin.isatty() else read)

    def say(self, text: str = "") -> None:
        """Print a paragraph or a list, wrapped; its own line breaks are kept."""
        for line in printable(text).split("\n"):
            indent = " " * (len(line) - len(line.lstrip()) + 2) if line.startswith(" ") else ""
            wrapped = textwrap.wrap(
                line,
                _WIDTH,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
            print("\n".join(wrapped), flush=True)

    def show_command(self, command: str) -> None:
        """Print a command on one line, however long, to be copied."""
        print(f"Next: {printable(command)}", flush=True)

    def ask(self, question: str, default: str = "") -> str:
        """Read one line without surrounding blanks; "" for Enter, which keeps `default`."""
        shown = f" [{printable(default)}]" if default else ""
        while True:
            answer = _line(self._read, f"{question}{shown}: ")
            if answer.isprintable() and len(answer) <= _LONGEST:
                return answer
            self.say("This holds characters that nobody can see, or is too long. Again, please.")

    def ask_secret(self, question: str) -> Secret:
        """Like `ask`, for what must not be visible on the screen."""
        while True:
            answer = _line(self._read_hidden, f"{question} (it is not shown): ")
            if answer.isascii() and answer.isprintable() and len(answer) <= _LONGEST:
                return Secret(answer)
            self.say("Keys hold letters, digits and signs of ASCII only. Copy it again, please.")

    def choose(self, question: str, choices: Sequence[Choice], current: str = "") -> str:
        """Return the value of the chosen option, given by number or value; "" for Enter."""
        for number, each in enumerate(choices, 1):
            self.say(f"  {number}  {each.value}{': ' if each.meaning else ''}{each.meaning}")
        while True:
            answer = self.ask(question, current)
            for number, each in enumerate(choices, 1):
                if answer in ("", str(number)) or answer.lower() == each.value.lower():
                    return each.value if answer else ""
            self.say(f"Type a number from 1 to {len(choices)}, or Enter to leave it as it is.")

    def decide(self, question: str, choices: Sequence[Choice], default: str) -> str:
        """Return the value of the chosen option; `default`, one of them, for Enter."""
        return self.choose(question, choices, default) or default

    def agrees(self, question: str) -> bool:
        """Return whether the answer is yes; Enter means no."""
        while True:
            answer = self.ask(f"{question} (y/n)", "n").lower()
            if answer in ("y", "yes", "n", "no", ""):
                return answer.startswith("y")
            self.say("Type y or n.")


def _line(read: Callable[[str], str], prompt: str) -> str:
    try:
        return read(prompt).strip()
    except UnicodeDecodeError:
        return "\0"  # neither a key nor a text
