"""Runs the steps, writes the answers, checks the result, and says what comes next."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...config.file_writing import write_whole
from ...config.generate import template
from ...daemon import log
from ...errors import ConfigError, RTAudioError
from ...program_name import PROGRAM
from .draft import Draft, before
from .services import service_of
from .steps import STEPS, Step
from .terminal import Choice, Terminal

_PROJECT = Path(__file__).resolve().parents[3]
_INTERRUPTED = 130
_OPENING = (
    "This asks for what the daemon needs, tests each answer, and writes {path}. {how} Nothing is "
    "written before you say so; Ctrl-C ends it."
)
_SUMMARY = "Write it, or repeat one of the steps?"
_EXISTING = (
    Choice("edit", "choose the steps to repeat, keep everything else"),
    Choice("new", "begin with a new one"),
)


def write_defaults(path: str) -> int:
    """Write the commented configuration with the built-in service, unless it exists already.

    Raises RTAudioError if another configuration exists.
    """
    file = Path(path)
    if before(file) == template().encode():
        print(f"{path} is there already, with just that. Next: {_next_command(file)}")
        return 0
    if file.exists() or file.is_symlink():
        raise RTAudioError(
            f"{path} is there already, and stays as it is; `setup` without --defaults changes it, "
            "or name another file with -c FILE"
        )
    try:
        write_whole(file, template())
    except OSError as error:
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error
    print(f"{path} is written; it uses the built-in service. Next: {_next_command(file)}")
    return 0


def run(
    path: str,
    *,
    check: Callable[[], int],
    terminal: Terminal | None = None,
    steps: Sequence[Step] = STEPS,
) -> int:
    """Ask and write; `check` then checks the file at `path`. Returns the exit status."""
    terminal = terminal or Terminal()
    problems: dict[str, str] = {}
    try:
        draft = _opened(terminal, Path(path))
        wanted = draft is not None and _ask(terminal, draft, steps, problems)
    except (EOFError, KeyboardInterrupt) as end:
        print()
        terminal.say("Ended before the end: nothing was written.")
        return _INTERRUPTED if isinstance(end, KeyboardInterrupt) else 1
    if draft is None or not wanted:
        terminal.say("Nothing was written.")
        return 1
    if draft.changed:
        backup = draft.write()
        terminal.say(f"{path} is written.")
        if backup:
            terminal.say(f"The file as it was is {backup}.")
    else:
        terminal.say("Nothing had to be changed.")
    status = check()
    for name, problem in problems.items():
        again = f"{PROGRAM} setup -c {shlex.quote(path)}"
        terminal.say(f"{name}: {problem}; `{again}` lets you repeat this step alone.")
    runs = False
    try:
        runs = _offer_service(terminal, draft)
    except (EOFError, KeyboardInterrupt):
        print()
    terminal.show_command("script/run status" if runs else _next_command(draft.path))
    return status


def _opened(terminal: Terminal, path: Path) -> Draft | None:
    """Return the configuration to work on; None if there is nothing to do."""
    terminal.say(_OPENING.format(path=path, how=terminal.how_to_answer))
    service = service_of(path)
    if service and not service.is_this_program:
        terminal.say(
            f"The service reads this file, with packages of its own: `{service.setup(path)}` "
            "tests it with them."
        )
    if before(path) in (None, template().encode()):
        return Draft(path, new=True)
    terminal.say(f"\n{path} is there already. Whatever you choose, a copy of it is kept.")
    choices = list(_EXISTING)
    try:
        draft = Draft(path, new=False)
    except ConfigError as error:
        terminal.say("It has mistakes, and cannot be edited before they are corrected:")
        for problem in error.problems:
            terminal.say(f"  {problem}")
        choices = choices[1:]
    else:
        log.redaction.add(draft.settings)
    chosen = terminal.choose("Which one? Enter ends here", choices)
    if chosen == "new":
        return Draft(path, new=True)
    return draft if chosen else None


def _ask(terminal: Terminal, draft: Draft, steps: Sequence[Step], problems: dict[str, str]) -> bool:
    """Run all steps for a new file, then chosen ones; return whether to write the result.

    `problems`: by name, the problems of steps that did not work.
    """

    def take(step: Step) -> None:
        problem = step.ask(terminal, draft)
        if problem == "":
            problems.pop(step.name, None)
        elif problem:
            problems[step.name] = problem

    for number, step in enumerate(steps if draft.is_new else (), 1):
        terminal.say(f"\n--- {number} of {len(steps)}: {step.name}")
        take(step)
    while True:
        terminal.say("\nThis is what you have now:")
        summary = [
            Choice(each.name, "; ".join([each.summary(draft.settings), *_of(each, problems)]))
            for each in steps
        ]
        choices = [*summary, Choice("write", f"write {draft.path}"), Choice("quit", "without")]
        chosen = terminal.decide(_SUMMARY, choices, "write")
        if chosen in ("write", "quit"):
            return chosen == "write"
        take(next(each for each in steps if each.name == chosen))


def _of(step: Step, problems: Mapping[str, str]) -> list[str]:
    return [problems[step.name]] if step.name in problems else []


def _offer_service(terminal: Terminal, draft: Draft) -> bool:
    """Offer to install a service from a newly set up clone; return whether it then runs."""
    install = _PROJECT / "script" / "install"
    ours = draft.path.resolve() == _PROJECT / "config.yaml" and (_PROJECT / ".git").exists()
    if not ours or not shutil.which("systemctl"):
        return False
    if os.geteuid() == 0 or not terminal.service_is_offered:
        terminal.say("As a service of this machine: script/install (see docs/install.md).")
        return False
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    installed = folder / "rtaudio-daemon" / "config.yaml"
    if installed.exists():
        service = service_of(installed)
        edit = service.setup(installed) if service else f"setup -c {installed}"
        terminal.say(f"The service here has its own configuration; `{edit}` edits it.")
        return False
    if not terminal.agrees("Start it with this machine, as a service of yours (script/install)?"):
        return False
    command = [str(install), "--user"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _next_command(path: Path) -> str:
    if service := service_of(path):
        return service.restart
    if path.resolve() == _PROJECT / "config.yaml":
        return "script/run"
    program = "rtaudio-daemon"
    if Path(sys.argv[0]).name == "daemon.py":
        program = shlex.join([sys.executable, sys.argv[0]])
    elif Path(sys.argv[0]).name == program:
        program = shlex.quote(sys.argv[0])  # it need not be on the PATH
    return f"{program} run -c {shlex.quote(str(path))}"
