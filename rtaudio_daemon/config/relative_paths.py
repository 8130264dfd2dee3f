"""Resolves file names in the settings relative to the configuration."""

from __future__ import annotations

import os
from dataclasses import replace

from .secret import Secret
from .sections import Config


def beside_file(config: Config, file: str) -> Config:
    """Return `config` with its file names relative to `file`, not to the current folder."""
    folder = os.path.dirname(file)

    def beside(path: str) -> str:
        return os.path.join(folder, path) if path else ""

    simulator = config.realtime.simulator
    simulator = replace(simulator, scenario=beside(simulator.scenario))

    def device(name: str) -> str:
        path = name.removeprefix("wav:")
        return name if path == name else f"wav:{os.path.join(folder, path)}"

    heard, played = config.audio.input, config.audio.output
    words = tuple(replace(each, file=beside(each.file)) for each in config.audio.wake.words)
    audio = replace(
        config.audio,
        input=replace(heard, device=device(heard.device)),
        output=replace(played, device=device(played.device)),
        wake=replace(config.audio.wake, words=words),
        earcons=replace(config.audio.earcons, chime=beside(config.audio.earcons.chime)),
        play=replace(config.audio.play, folder=beside(config.audio.play.folder)),
    )
    own = tuple(replace(each, program=_program(each.program, folder)) for each in config.tools.own)
    mcp = {
        name: replace(each, command=_program(each.command, folder))
        for name, each in (config.tools.mcp or {}).items()
    }
    python = tuple(os.path.join(folder, each) for each in config.tools.python)
    ca = os.path.join(folder, config.mqtt.ca) if config.mqtt.ca else ""
    return replace(
        config,
        realtime=replace(config.realtime, simulator=simulator),
        audio=audio,
        hooks=tuple(replace(each, run=_program(each.run, folder)) for each in config.hooks),
        mqtt=replace(config.mqtt, ca=ca),
        tools=replace(config.tools, own=own, python=python, mcp=mcp or config.tools.mcp),
    )


def _program(command: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return `command` with a program given with a folder relative to the configuration."""
    if not command or "/" not in command[0] or isinstance(command[0], Secret):
        return command
    return (os.path.abspath(os.path.join(folder, command[0])), *command[1:])
