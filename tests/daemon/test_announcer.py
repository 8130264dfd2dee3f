"""Others find the daemon in the network, if they can reach it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from zeroconf._dns import DNSPointer
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from rtaudio_daemon import config
from rtaudio_daemon.daemon import announcer
from rtaudio_daemon.daemon.announcer import LOOK_S, TYPE, Announcer, about, addresses_of, wanted
from rtaudio_daemon.version import VERSION

RESPONSE = 0x8000  # the flag of an answer
TOKEN = config.Secret("a-token-for-tests-only")


def settings(host: str = "0.0.0.0", announce: str = "auto", name: str = "Küche") -> config.Config:
    plain = config.Config()
    http = replace(plain.http, host=host, announce=announce, token=TOKEN)
    return replace(plain, http=http, mqtt=replace(plain.mqtt, id="kitchen", name=name))


@pytest.mark.parametrize(
    ("host", "announce", "expected"),
    [
        ("0.0.0.0", "auto", True),
        ("192.168.1.7", "auto", True),
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("0.0.0.0", "never", False),
    ],
)
def test_it_is_announced_where_others_can_reach_it(
    host: str, announce: str, expected: bool
) -> None:
    assert wanted(settings(host, announce)) is expected


def test_without_the_package_it_is_not_announced_and_said_how(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announcer, "installed", lambda module: False)
    caplog.set_level("INFO")
    assert not wanted(settings())
    assert "-m pip install 'zeroconf>=0.140,<1'" in caplog.text


def test_what_is_said_of_it_is_no_secret() -> None:
    name, properties = about(settings())
    assert name == "Küche"
    assert properties == {
        "id": "kitchen",
        "name": "Küche",
        "version": VERSION,
        "auth": "token",
        "path": "/api",
    }
    assert TOKEN.reveal() not in str(properties)
    long, _ = about(settings(name="ü" * 100))
    assert long == "ü" * 30


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("😀" * 64, "😀" * 15),
        ("Wohnz.", "Wohnz"),
        ("a..b", "a.b"),
        ("Voice 2.0", "Voice 2.0"),
        ("...", "rtaudio-daemon-kitchen"),
        ("tab\tbell\x07", "tab bell "),
        ("\"quoted\" 'twice' {{ 1 }}", "\"quoted\" 'twice' {{ 1 }}"),
        ("half \ud83d", "half ?"),
    ],
)
def test_any_name_that_can_be_configured_is_announced_and_found(name: str, instance: str) -> None:
    found, properties = about(settings(name=name))
    assert found == instance
    info = AsyncServiceInfo(TYPE, f"{found}.{TYPE}", properties=properties, port=1)
    sent = DNSOutgoing(RESPONSE)
    sent.add_answer_at_time(info.dns_pointer(), 0)
    sent.add_answer_at_time(info.dns_text(), 0)
    (packet,) = sent.packets()
    received = [each for each in DNSIncoming(packet).answers() if isinstance(each, DNSPointer)]
    assert [each.alias for each in received] == [f"{instance}.{TYPE}"]
    assert info.decoded_properties["id"] == "kitchen"


def test_the_address_is_its_own_or_all_of_the_machine() -> None:
    assert addresses_of("192.168.1.7") == ["192.168.1.7"]
    assert addresses_of("[fd00::7]") == ["fd00::7"]
    assert "127.0.0.1" not in addresses_of("0.0.0.0")
    assert addresses_of("[::]") == addresses_of("0.0.0.0")


async def test_a_host_that_is_a_name_is_named_with_what_to_write(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = asyncio.create_task(Announcer(settings("nas.local"), 8770).run())
    await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait([running])
    why = "http.host is the name nas.local; write an address of this machine, or 0.0.0.0"
    assert caplog.messages == [f"cannot announce this daemon in the network: {why}"]


async def test_a_network_that_fails_is_tried_again_and_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = []

    def fails(_host: str) -> list[str]:
        tries.append(asyncio.get_running_loop().time())
        if len(tries) > 3:
            return []
        raise OSError("the network is down")

    running = asyncio.create_task(Announcer(settings(), 8770, fails).run())
    await asyncio.sleep(4.5 * LOOK_S)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    assert [round(each - tries[0]) for each in tries] == [0, 60, 120, 180, 240]
    assert caplog.text.count("the network is down") == 1


@pytest.mark.slow
@pytest.mark.real_time
async def test_another_program_finds_it_and_learns_that_it_went() -> None:
    """On the loopback of this machine, with real messages."""
    here = settings("127.0.0.1")
    running = asyncio.create_task(Announcer(here, 8770).run())
    other = AsyncZeroconf(interfaces=["127.0.0.1"])
    info = AsyncServiceInfo(TYPE, f"Küche.{TYPE}")
    async with asyncio.timeout(20):
        while not await info.async_request(other.zeroconf, 1000):
            pass
    assert (info.port, info.parsed_addresses()) == (8770, ["127.0.0.1"])
    assert info.decoded_properties == about(here)[1]
    running.cancel()
    await asyncio.wait([running])
    async with asyncio.timeout(20):
        while await AsyncServiceInfo(TYPE, f"Küche.{TYPE}").async_request(other.zeroconf, 500):
            await asyncio.sleep(0.2)
    await other.async_close()
