"""Reads the sound files that other programs name, from places that the configuration permits."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
from yarl import URL

from ..audio.files.bounds import MOST_BYTES
from ..config import Play
from ..config.file_reading import read_below
from ..errors import NotFoundError, NotNowError, WrongValueError
from ..protocol.bounds import error_message_of
from ..proxies import is_at_home, proxy_of
from ..tools.sources.http_requests import SharedSession, unreachable

_PATIENCE_S = 20.0
_HOPS_MOST = 3
_PORTS = (80, 443)
_NO_SOUND = ("text/", "application/json", "application/xhtml")
_MOST_MB = MOST_BYTES // 1_000_000


async def from_folder(name: str, settings: Play) -> bytes:
    """Read the file `name` below `audio.play.folder`. Raises WrongValueError and NotFoundError."""
    if not settings.folder:
        raise WrongValueError("no file may be played: name a folder in audio.play.folder")
    inside = name.removeprefix(settings.folder.rstrip("/") + "/")
    try:
        return await asyncio.to_thread(read_below, settings.folder, inside, MOST_BYTES)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise NotFoundError(f"there is no file {name!r} in audio.play.folder") from None
        if error.errno == errno.EFBIG:
            raise WrongValueError(f"{name!r} is larger than {_MOST_MB} MB") from None
        raise WrongValueError(
            f"cannot read {name!r} in audio.play.folder: {error.strerror}"
        ) from None


async def from_host(address: str, settings: Play, sessions: SharedSession) -> bytes:
    """Return what an address of a host in `audio.play.hosts` provides.

    Raises WrongValueError, and NotNowError if the host does not answer. Messages name only the
    host, because the rest of an address may be secret.
    """
    url = _allowed(address, settings)
    host = url.authority
    try:
        async with asyncio.timeout(_PATIENCE_S), sessions.use() as session:
            for _ in range(1 + _HOPS_MOST):
                found = await _asked(url, session)
                if isinstance(found, bytes):
                    return found
                url = _followed(url, found, settings)
    except TimeoutError:
        raise NotNowError(f"not played: {host} takes longer than {_PATIENCE_S:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotNowError(f"not played: {unreachable(host, error)}") from None
    raise WrongValueError(f"not played: {host} points to another address again and again")


def _allowed(address: str, settings: Play) -> URL:
    try:
        url = URL(address)
    except ValueError:
        raise WrongValueError("this is no address, as http://nas/bell.mp3 is one") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise WrongValueError("this is no address, as http://nas/bell.mp3 is one")
    if url.user is not None or url.password is not None:
        raise WrongValueError("an address with a name or a password in it is not fetched")
    if not any(_fits(url, entry) for entry in settings.hosts):
        raise WrongValueError(
            f"nothing of {url.authority} may be played: name it in audio.play.hosts"
        )
    return url


def _fits(url: URL, entry: str) -> bool:
    allowed = URL(f"http://{entry}")
    ports = _PORTS if allowed.explicit_port is None else (allowed.explicit_port,)
    return url.host == allowed.host and url.port in ports


def _followed(url: URL, location: str, settings: Play) -> URL:
    """Return the target of a redirect. Raises an error if it is on another host."""
    target = _allowed(str(url.join(URL(location))), settings)
    if target.host != url.host:
        raise WrongValueError(f"not played: {url.authority} points to another host")
    return target


async def _asked(url: URL, session: aiohttp.ClientSession) -> bytes | str:
    """Return the content, or the address of a redirect."""
    proxy = None if is_at_home(url.host or "") else proxy_of(str(url))
    headers = {"Accept-Encoding": "identity", "Accept": "audio/*, */*;q=0.1"}
    async with session.get(url, headers=headers, proxy=proxy, allow_redirects=False) as answer:
        if 300 <= answer.status < 400 and (location := answer.headers.get("Location")):
            return location
        if answer.status != 200:
            reason = error_message_of(answer.reason)
            raise WrongValueError(
                f"not played: {url.authority} answers HTTP {answer.status} {reason}".rstrip()
            )
        kind = error_message_of(answer.content_type)
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise WrongValueError(f"not played: what {url.authority} sends is compressed")
        if kind.startswith(_NO_SOUND):
            raise WrongValueError(f"not played: {url.authority} sends {kind}, which is no sound")
        body = bytearray()
        while len(body) <= MOST_BYTES and (piece := await answer.content.readany()):
            body += piece
        if len(body) > MOST_BYTES:
            raise WrongValueError(f"not played: what {url.authority} sends is over {_MOST_MB} MB")
        return bytes(body)
