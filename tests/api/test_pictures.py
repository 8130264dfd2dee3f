"""The pictures of the page in the documents are of the page as it is."""

from __future__ import annotations

from tests.api.pictures import DOCS, PICTURES, main


def test_the_pictures_are_not_old() -> None:
    assert main(["--check"]) == 0, "run script/pictures, and look at them"
    assert all((DOCS / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in PICTURES)
