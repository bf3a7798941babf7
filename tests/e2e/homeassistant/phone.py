"""A phone with the Home Assistant app: it registers as the app does, and gets what the push service
of the app would get."""

from aiohttp import web

from world import free_port


class Phone:
    def __init__(self, name):
        self.name = name
        self.pushes = []

    async def start(self, hass):
        app = web.Application()
        app.router.add_post("/push", self.push)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        port = free_port()
        await web.TCPSite(self.runner, "127.0.0.1", port).start()
        answer = await hass.call("POST", "mobile_app/registrations", {
            "app_id": "io.homeassistant.companion.android", "app_name": "Home Assistant",
            "app_version": "2026.1", "device_name": self.name, "device_id": self.name,
            "manufacturer": "Example", "model": "Phone", "os_name": "Android",
            "os_version": "14", "supports_encryption": False,
            "app_data": {"push_url": f"http://127.0.0.1:{port}/push", "push_token": "token"}})
        self.webhook = answer["webhook_id"]

    async def push(self, request):
        self.pushes.append(await request.json())
        return web.json_response({}, status=201)

    async def press(self, hass, action):
        """Presses a button of a notification."""
        await hass.call("POST", f"webhook/{self.webhook}", {
            "type": "fire_event", "data": {
                "event_type": "mobile_app_notification_action",
                "event_data": {"action": action}}})

    async def stop(self):
        await self.runner.cleanup()
