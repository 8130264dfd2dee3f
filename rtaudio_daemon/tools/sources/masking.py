"""Hides the secrets of a tool in all data from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from ...config.secret import secrets_in

_SHORTEST = 4  # anything shorter occurs in many words


class Masking:
    """Replaces the secrets in `values` by `**`, also in the spelling of addresses."""

    def __init__(self, *values: Any) -> None:
        spelled = {
            each
            for secret in secrets_in(values)
            for word in (secret, *secret.split())
            for each in (word, quote(word, safe=""), quote_plus(word), json.dumps(word)[1:-1])
            if len(word) >= _SHORTEST
        }
        self._words = sorted(spelled, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return `text` without the secrets."""
        for word in self._words:
            text = text.replace(word, "**")
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value without the secrets, including its keys."""
        if not self._words:
            return value
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, bool) or value is None:
            return value
        shown = self.text(str(value))
        return value if shown == str(value) else shown
