"""Home Assistant: its process, its REST and its WebSocket side."""

import asyncio
import json
import pathlib
import re
import time

import aiohttp

from world import Program, free_port, until

CONFIGURATION = """\
homeassistant:
  name: Villa
  latitude: 0
  longitude: 0
  elevation: 0
  unit_system: metric
  time_zone: UTC
  currency: EUR
  country: DE
http:
  server_host: 127.0.0.1
  server_port: {port}
frontend:
history:
logbook:
mobile_app:
automation: !include automations.yaml
script: !include scripts.yaml
logger:
  default: warning
lovelace:
  dashboards:
    villa-doors:
      mode: yaml
      title: Doors
      icon: mdi:doorbell-video
      filename: dashboard.yaml
"""


def storage(folder, key, version, minor, data):
    folder = folder / ".storage"
    folder.mkdir(exist_ok=True)
    (folder / key).write_text(json.dumps(
        {"version": version, "minor_version": minor, "key": key, "data": data}))


class HomeAssistant:
    """One Home Assistant that knows a broker and has one user."""

    def __init__(self, folder, broker_port, session):
        self.folder = pathlib.Path(folder) / "config"
        self.folder.mkdir()
        self.session = session
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = Program(folder, "hass", [
            "/opt/ha/bin/hass", "-c", self.folder, "--skip-pip", "--log-no-color"],
            host=False)
        self.tokens = None
        self.socket = None
        self.reader = None
        self.answers = {}
        self.number = 0
        # Every change of a state since the start, as (entity_id, old, new), and every event
        # of the types that listen() was called with.
        self.changes = []
        self.events = []
        self.listens = ["state_changed"]
        self.configure(broker_port)

    def configure(self, broker_port):
        (self.folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self.port))
        (self.folder / "automations.yaml").write_text("[]\n")
        (self.folder / "scripts.yaml").write_text("{}\n")
        # All of the onboarding is done but the user.
        storage(self.folder, "onboarding", 4, 1,
                {"done": ["core_config", "analytics", "integration"]})
        storage(self.folder, "core.config_entries", 1, 5, {"entries": [{
            "created_at": "2024-12-01T00:00:00+00:00", "modified_at": "2024-12-01T00:00:00+00:00",
            "data": {"broker": "127.0.0.1", "port": broker_port, "protocol": "5"},
            "disabled_by": None, "discovery_keys": {}, "domain": "mqtt",
            "entry_id": "0123456789abcdef0123456789abcdef", "minor_version": 2, "version": 1,
            "options": {"discovery": True, "discovery_prefix": "homeassistant"},
            "pref_disable_new_entities": False, "pref_disable_polling": False,
            "source": "user", "subentries": [], "title": "Mosquitto", "unique_id": None}]})

    async def start(self):
        await self.program.start()
        await until("Home Assistant answers", self.is_up, 120)
        is_first = self.tokens is None
        if is_first:
            await self.onboard()
        await until("Home Assistant is running", self.is_running, 120)
        await self.connect()
        if is_first and self.year >= 2026:
            # Else it goes back to port 8123 after five minutes.
            await self.command("http/config/promote")

    async def stop(self, how=None):
        if self.reader:
            self.reader.cancel()
            await self.socket.close()
            self.reader = self.socket = None
        await (self.program.stop(how) if how else self.program.stop())

    async def restart(self):
        await self.stop()
        await self.start()

    async def is_up(self):
        if self.program.process.returncode is not None:
            raise RuntimeError("Home Assistant has ended:\n" + self.program.text()[-4000:])
        try:
            async with self.session.get(f"{self.url}/manifest.json") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def is_running(self):
        config = await self.get("config")
        self.version = config["version"]
        self.year = int(self.version.split(".")[0])
        return config["state"] == "RUNNING"

    async def onboard(self):
        client = f"{self.url}/"
        async with self.session.post(f"{self.url}/api/onboarding/users", json={
                "client_id": client, "name": "Robin", "username": "robin",
                "password": "only-for-this-test", "language": "en"}) as answer:
            code = (await answer.json())["auth_code"]
        async with self.session.post(f"{self.url}/auth/token", data={
                "grant_type": "authorization_code", "code": code, "client_id": client}) as answer:
            self.tokens = await answer.json()
        self.tokens["expires_at"] = time.time() + self.tokens["expires_in"]

    def headers(self):
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def call(self, method, path, body=None, good=(200, 201)):
        async with self.session.request(method, f"{self.url}/api/{path}", json=body,
                                        headers=self.headers()) as answer:
            if answer.status not in good:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            if answer.content_type == "application/json":
                return await answer.json()
            return await answer.read()

    async def get(self, path):
        return await self.call("GET", path)

    async def states(self):
        return {state["entity_id"]: state for state in await self.get("states")}

    async def state(self, entity):
        async with self.session.get(f"{self.url}/api/states/{entity}",
                                    headers=self.headers()) as answer:
            return (await answer.json())["state"] if answer.status == 200 else None

    async def action(self, name, response=False, **data):
        """Performs an action such as lock.unlock."""
        path = f"services/{name.replace('.', '/')}" + ("?return_response" if response else "")
        result = await self.call("POST", path, data)
        return result["service_response"] if response else result

    # The WebSocket side.

    async def connect(self):
        self.socket = await self.session.ws_connect(f"{self.url}/api/websocket",
                                                    max_msg_size=0)
        assert (await self.socket.receive_json())["type"] == "auth_required"
        await self.socket.send_json({"type": "auth",
                                     "access_token": self.tokens["access_token"]})
        assert (await self.socket.receive_json())["type"] == "auth_ok"
        self.reader = asyncio.create_task(self.read())
        for kind in self.listens:
            await self.command("subscribe_events", event_type=kind)

    async def listen(self, kind):
        """From now on, events of this type come into self.events."""
        self.listens.append(kind)
        await self.command("subscribe_events", event_type=kind)

    async def read(self):
        async for message in self.socket:
            data = message.json()
            if data["type"] == "result":
                self.answers.pop(data["id"]).set_result(data)
            elif data["type"] == "event" and data["event"].get("event_type") == "state_changed":
                change = data["event"]["data"]
                self.changes.append(
                    (change["entity_id"], change["old_state"], change["new_state"]))
            elif data["type"] == "event":
                self.events.append(data["event"])

    async def command(self, kind, **data):
        self.number += 1
        self.answers[self.number] = answer = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self.number, "type": kind, **data})
        result = await asyncio.wait_for(answer, 30)
        if not result["success"]:
            raise RuntimeError(f"{kind}: {result['error']}")
        return result["result"]

    async def entities(self):
        """The entities of the mqtt integration, by unique id."""
        return {entity["unique_id"]: entity
                for entity in await self.command("config/entity_registry/list")
                if entity["platform"] == "mqtt"}

    async def devices(self):
        """The devices of the mqtt integration, by name."""
        return {device["name"]: device
                for device in await self.command("config/device_registry/list")
                if any(domain == "mqtt" for domain, _ in device["identifiers"])}

    def complaints(self):
        """The lines of the log that warn or worse, with what belongs to them."""
        found, follows = [], False
        for line in self.program.text().splitlines():
            if line.startswith("20"):
                follows = re.search(r" (WARNING|ERROR|CRITICAL) \(", line)
                if follows:
                    found.append(line)
            elif follows:
                found[-1] += "\n" + line
        return found
