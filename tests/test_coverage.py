"""What `script/coverage` measures is really there, and every pure folder is measured."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.test_architecture import PURE

ROOT = Path(__file__).parent.parent


def test_every_pure_folder_or_module_that_is_measured_exists() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    measured = settings["run"]["source_pkgs"]
    paths = [ROOT.joinpath(*name.split(".")) for name in measured]
    gone = [path for path in paths if not path.is_dir() and not path.with_suffix(".py").is_file()]
    assert gone == []
    assert {f"rtaudio_daemon.{folder}" for folder in PURE} <= set(measured)
    assert (settings["run"]["branch"], settings["report"]["fail_under"]) == (True, 100)
