"""Entra ID: tokens instead of keys, through azure-identity (the extra ``entra``).

The package is imported with the first token because it is large and most users have a key.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from ..errors import ServiceError
from ..optional_packages import how_to_install

_TIMEOUT_S = 30.0
REFUSED = "entra_refused"


async def fetch_token(scope: str) -> str:
    """Fetch a token for `scope` that is valid now, from any source that this machine has.

    Raises ServiceError (code ``entra_refused``) with a remedy if there is none.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            # Blocking on purpose: this credential needs no closing and caches its tokens.
            token = await asyncio.to_thread(_get_token, scope)
    except ImportError as error:
        words = f"auth: entra needs azure-identity: {how_to_install('azure.identity')}"
        raise ServiceError(words, code=REFUSED) from error
    except TimeoutError as error:
        raise ServiceError(f"Entra ID gave no token within {_TIMEOUT_S:.0f} s") from error
    except Exception as error:
        first = str(error).strip().splitlines()
        words = f"Entra ID gave no token: {first[0] if first else type(error).__name__}"
        hint = "give this machine an identity, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret"
        raise ServiceError(f"{words} ({hint})", code=REFUSED) from error
    return token


def _get_token(scope: str) -> str:
    return str(_credential().get_token(scope).token)


@cache
def _credential() -> Any:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
