"""The page behind nginx, under a path: the recipe of docs/http-api.md, run as it stands."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rtaudio_daemon import config
from rtaudio_daemon.notifications import ModelStatus
from tests.api.browser import browsing
from tests.api.test_page import status_is
from tests.api.test_server import HttpApi
from tests.ports import free_port
from tests.waiting import until

pytestmark = [pytest.mark.real_time, pytest.mark.alone]
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "http-api.md"
NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder};
  proxy_temp_path {folder};
  fastcgi_temp_path {folder};
  uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port};
{location}
  }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, daemon: str, recipe: str = "") -> AsyncIterator[str]:
    """The documented location, or `recipe`, in front of `daemon`; gives the address of nginx."""
    (documented,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    recipe = recipe or documented
    port = free_port()
    location = recipe.replace("http://127.0.0.1:8770", daemon)
    assert location != recipe
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, port=port, location=location))
    process = await asyncio.create_subprocess_exec("/usr/sbin/nginx", "-c", str(file))
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("path", ["/voice/", "/voice"])
async def test_the_page_works_behind_nginx_under_a_path(tmp_path: Path, path: str) -> None:
    token = "sesame-" * 6
    http_api = HttpApi(token=config.Secret(token))
    person, server = http_api.person, http_api.server
    async with (
        server.listening() as daemon,
        nginx(tmp_path, daemon) as address,
        browsing(address + path) as visit,
    ):
        await visit.page.wait_for_selector("#ask[open]")
        await visit.page.fill("#token", token)
        await visit.page.press("#token", "Enter")
        await status_is(visit, "idle")
        http_api.change(ModelStatus.LISTENING)
        await status_is(visit, "listening")  # events are not held back
        await visit.page.click("#mute")
        await until(lambda: person.told == ["mute"])
        await visit.page.fill("#text", "Will it rain?")
        await visit.page.press("#text", "Enter")
        await until(lambda: person.told == ["mute", ("Will it rain?", "prompt")])
        assert await visit.words("alert") == ""
        paths = {url.removeprefix(address) for url in visit.asked if url.startswith("http")}
        assert {each for each in paths if not each.startswith("/voice")} == set()
        assert await visit.page.evaluate("Object.keys(localStorage)") == ["rtaudio-token/voice/"]
        assert visit.complaints == []


INGRESS = """
    location /api/hassio_ingress/t0ken/ {
      proxy_pass http://127.0.0.1:8770/;
      proxy_bind 127.0.0.2;
      proxy_buffering off;
      proxy_set_header X-Ingress-Path /api/hassio_ingress/t0ken;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header Host app.local;
    }
    location /panel {
      default_type text/html;
      return 200 '<iframe src="/api/hassio_ingress/t0ken/" width="800" height="600"></iframe>';
    }
"""
"""As Home Assistant's Supervisor does it, by its documents: from another address, in a frame."""


async def test_the_page_works_in_a_frame_behind_a_trusted_proxy(tmp_path: Path) -> None:
    http_api = HttpApi(token=config.Secret("sesame-" * 6), ingress="127.0.0.2")
    async with (
        http_api.server.listening() as daemon,
        nginx(tmp_path, daemon, INGRESS) as address,
        browsing() as visit,
    ):
        await visit.page.goto(address + "/panel")
        frame = visit.page.frame_locator("iframe")
        await frame.locator("#word", has_text="idle").wait_for()
        await frame.locator("#mute").click()
        await until(lambda: http_api.person.told == ["mute"])
        assert not await frame.locator("#ask[open]").count(), "the proxy has asked already"
        assert visit.complaints == []
        await visit.page.goto(daemon)
        await visit.page.wait_for_selector("#ask[open]")
