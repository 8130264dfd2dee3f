"""Decides which streams of other programs are lowered, and which volume each gets back.

For sound servers that cannot lower programs themselves. They store the volume of a stream by its
key (its role, or the name of the program), and apply it to the next stream with that key. So if a
stream ends while lowered, or we do, the next stream with its key must be restored.

Volumes are in units of the sound server, by channel: 65536 is 100 %, and loudness is the cube of
the volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .stream_roles import is_lowered

MOST = 200
"""Maximum number of records; the oldest is forgotten first."""
_CHANNELS_MOST = 32
_VOLUME_MOST = 1 << 31
_KEY_CHARACTERS = 500
_SAME = 64  # a tenth of a percent: PipeWire rounds
_NO_INDEX = -1

Volume = tuple[int, ...]
Changes = dict[int, Volume]
"""The volumes to set, by the index of the stream."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of another program that plays now, by its index in the sound server."""

    index: int
    key: str
    volume: Volume


@dataclass(frozen=True, slots=True)
class Lowered:
    """A stream lowered from `was` to `low`; `index` is its index in the present sound server."""

    key: str
    was: Volume
    low: Volume
    index: int = _NO_INDEX


def factor(db: float) -> float:
    """Return the factor for volumes that changes the loudness by `db`."""
    return float(10 ** (db / 60))


def streams(listed: Iterable[Mapping[str, Any]]) -> list[Stream]:
    """Return the entries of `pactl list sink-inputs` to lower: not ours, no calls, no filters."""
    found = []
    for one in listed:
        index, channels, properties = (one.get(name) for name in ("index", "volume", "properties"))
        if not (
            isinstance(index, int) and isinstance(channels, dict) and isinstance(properties, dict)
        ):
            continue
        volume = _volume(
            [each.get("value") if isinstance(each, dict) else None for each in channels.values()]
        )
        virtual = "node.link-group" in properties
        if volume and not virtual and is_lowered(str(properties.get("media.role", ""))):
            found.append(Stream(index, _key(properties), volume))
    return found


def lower(
    kept: Iterable[Lowered], there: Iterable[Stream], times: float
) -> tuple[list[Lowered], Changes]:
    """Return all records after lowering, and the volumes to set.

    A stream that was lowered is left alone, even if somebody has changed its volume since.
    """
    after, changes, playing = list(kept), Changes(), list(there)
    indices = {each.index for each in playing}
    for stream in playing:
        if any(each.index == stream.index for each in after):
            continue
        was = stream.volume
        if (like := next((each for each in after if _is_low(each, stream)), None)) is not None:
            was = like.was  # it was created at the lowered volume of its predecessor
            if like.index not in indices:
                after.remove(like)
        low = tuple(round(each * times) for each in was)
        after.append(Lowered(stream.key, was, low, stream.index))
        if not _same(low, stream.volume):
            changes[stream.index] = low
    after = after[-MOST:]
    noted = {each.index for each in after}
    return after, {index: low for index, low in changes.items() if index in noted}


def give_back(
    kept: Iterable[Lowered], there: Iterable[Stream]
) -> tuple[list[Lowered], dict[int, Lowered]]:
    """Return the records that remain, and what to restore, by the index of the stream.

    If somebody has changed the volume since, it is kept, and the record is dropped.
    """
    owed, given, keys = list(kept), dict[int, Lowered](), set()
    for stream in there:
        keys.add(stream.key)
        if (found := next((each for each in owed if _is_low(each, stream)), None)) is not None:
            owed.remove(found)
            given[stream.index] = found
    return [each for each in owed if each.key not in keys], given


def strangers(kept: Iterable[Lowered]) -> list[Lowered]:
    """Return the records for another sound server, whose streams have other indices."""
    return [Lowered(each.key, each.was, each.low) for each in kept]


def record(kept: Iterable[Lowered]) -> list[dict[str, Any]]:
    """Convert to JSON."""
    return [
        {name: value for name, value in asdict(each).items() if name != "index"} for each in kept
    ]


def restored(found: Any) -> list[Lowered]:
    """Convert from the result of `record`. Raises ValueError for anything else."""
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("no list of lowered volumes")
    after = []
    for each in found[-MOST:]:
        key = each.get("key")
        was, low = (_volume(each.get(name)) for name in ("was", "low"))
        if not isinstance(key, str) or len(key) > _KEY_CHARACTERS or not was or not low:
            raise ValueError("an entry is no lowered volume")
        after.append(Lowered(key, was, low))
    return after


def _key(properties: Mapping[str, Any]) -> str:
    names = ("module-stream-restore.id", "application.name", "media.name")
    return next((str(properties[name]) for name in names if properties.get(name)), "")[
        :_KEY_CHARACTERS
    ]


def _volume(channels: Any) -> Volume:
    """Return the volume by channel; empty if it is invalid."""
    fits = (
        isinstance(channels, list)
        and len(channels) <= _CHANNELS_MOST
        and all(type(each) is int and 0 <= each < _VOLUME_MOST for each in channels)
    )
    return tuple(channels) if fits else ()


def _is_low(lowered: Lowered, stream: Stream) -> bool:
    """Return whether the stream has this key and is still as low as we made it."""
    return lowered.key == stream.key and _same(lowered.low, stream.volume)


def _same(one: Volume, other: Volume) -> bool:
    return len(one) == len(other) and all(
        abs(each - another) <= _SAME for each, another in zip(one, other, strict=True)
    )
