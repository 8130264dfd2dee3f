"""Sets up a Home Assistant that was just started: its owner, a user for the voice, the MCP server.

    python set_up_home.py http://127.0.0.1:9123 9183

Prints RTAUDIO_HOME_URL, RTAUDIO_HOME_TOKEN of a user who is no administrator, RTAUDIO_HOME_OWNER of
one who is, and RTAUDIO_HOME_BROKER, the port of its MQTT broker. It runs with Home Assistant's own
interpreter, which has aiohttp.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp

EXPOSED = ("input_boolean.test_lamp", "light.dead_lamp", "lock.front_door")
Json = dict[str, Any]


class Home:
    """The HTTP and WebSocket API of one Home Assistant."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url
        self._client_id = f"{url}/"

    async def post(self, path: str, body: Json, token: str = "") -> Json:
        """The JSON that comes back."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.post(f"{self.url}{path}", json=body, headers=headers) as answer:
            answer.raise_for_status()
            return dict(await answer.json())

    async def access_token(self, code: str) -> str:
        """What a code of a login is good for."""
        form = {"client_id": self._client_id, "grant_type": "authorization_code", "code": code}
        async with self._http.post(f"{self.url}/auth/token", data=form) as answer:
            return str((await answer.json())["access_token"])

    async def commands(self, token: str, *commands: Mapping[str, Any]) -> list[Any]:
        """The results of WebSocket commands."""
        results = []
        async with self._http.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": token})
            await socket.receive_json()
            for number, command in enumerate(commands, 1):
                await socket.send_json({"id": number, **command})
                answer = await socket.receive_json()
                if not answer["success"]:
                    raise RuntimeError(f"{command['type']}: {answer['error']}")
                results.append(answer["result"])
        return results

    async def long_lived_token(self, access_token: str, name: str) -> str:
        """A token that is valid for a month."""
        command = {"type": "auth/long_lived_access_token", "client_name": name, "lifespan": 30}
        (token,) = await self.commands(access_token, command)
        return str(token)

    async def owner(self) -> str:
        """Make the first user; returns their long-lived token."""
        user = {"name": "owner", "username": "owner", "password": "owner", "language": "en"}
        made = await self.post("/api/onboarding/users", {"client_id": self._client_id, **user})
        access = await self.access_token(made["auth_code"])
        for step in ("core_config", "analytics"):
            await self.post(f"/api/onboarding/{step}", {}, access)
        body = {"client_id": self._client_id, "redirect_uri": self._client_id}
        await self.post("/api/onboarding/integration", body, access)
        return await self.long_lived_token(access, "owner")

    async def serve_mcp(self, token: str) -> None:
        """Add the integration that serves MCP for Assist."""
        flows = "/api/config/config_entries/flow"
        flow = await self.post(flows, {"handler": "mcp_server"}, token)
        body = {"llm_hass_api": ["assist"]}
        made = await self.post(f"{flows}/{flow['flow_id']}", body, token)
        if made.get("type") != "create_entry":
            raise RuntimeError(f"mcp_server: {made}")

    async def use_broker(self, token: str, port: int) -> None:
        """Add the integration MQTT."""
        flows = "/api/config/config_entries/flow"
        flow = await self.post(flows, {"handler": "mqtt"}, token)
        settings = {"set_client_cert": False, "set_ca_cert": "off"}
        body = {"broker": "127.0.0.1", "port": port, "protocol": "5", "other_settings": settings}
        made = await self.post(f"{flows}/{flow['flow_id']}", body, token)
        if made.get("type") != "create_entry":
            raise RuntimeError(f"mqtt: {made}")

    async def voice(self, owner: str) -> str:
        """Make a user who is no administrator; returns their long-lived token."""
        group = {"group_ids": ["system-users"], "local_only": True}
        (made,) = await self.commands(
            owner, {"type": "config/auth/create", "name": "voice", **group}
        )
        login = {"username": "voice", "password": "voice-password"}
        kind = "config/auth_provider/homeassistant/create"
        await self.commands(owner, {"type": kind, "user_id": made["user"]["id"], **login})
        handler = {"handler": ["homeassistant", None], "redirect_uri": self._client_id}
        flow = await self.post("/auth/login_flow", {"client_id": self._client_id, **handler})
        path = f"/auth/login_flow/{flow['flow_id']}"
        done = await self.post(path, {"client_id": self._client_id, **login})
        return await self.long_lived_token(await self.access_token(done["result"]), "voice")


async def main(url: str, broker: str) -> None:
    """Set it up, and print where it is and the token of the voice."""
    async with aiohttp.ClientSession() as http:
        home = Home(http, url)
        owner = await home.owner()
        await home.serve_mcp(owner)
        await home.use_broker(owner, int(broker))
        exposed = {"assistants": ["conversation"], "entity_ids": [*EXPOSED], "should_expose": True}
        await home.commands(
            owner,
            # Otherwise it takes its address back after five minutes.
            {"type": "http/config/promote"},
            {"type": "homeassistant/expose_entity", **exposed},
        )
        place = {"entity_id": EXPOSED[0], "area_id": "kitchen"}  # a new home has one
        await home.commands(owner, {"type": "config/entity_registry/update", **place})
        print(f"export RTAUDIO_HOME_URL={url} RTAUDIO_HOME_TOKEN={await home.voice(owner)}")
        print(f"export RTAUDIO_HOME_OWNER={owner} RTAUDIO_HOME_BROKER={broker}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
