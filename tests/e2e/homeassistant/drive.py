"""A real Home Assistant, a real broker, the gateway and a simulated cloud: all that people do.

drive.py SOURCE BUILD SCRATCH BROWSER [SCENE...]: the source tree, the build folder, an empty folder for all
that is written, and the tree of Debian with the browser; all as seen from the tree of Debian that
this runs in. Scenes are functions below; all unless named. Ends with "N passed, N failed".
"""

import asyncio
import pathlib
import re
import shutil
import signal
import sys
import time
import traceback

import aiohttp

from browser import Browser
from expected import DEVICES, ENTITIES, TIME, entity_in
from hass import HomeAssistant
from phone import Phone
from world import World, log, until

# Of a Home Assistant that may not reach the Internet, and lacks what only video needs.
OWN_TROUBLE = re.compile(
    r"\[(homeassistant\.bootstrap|aiohttp_fast_zlib|haffmpeg\.\w+)\] "
    r"(Skipping pip|zlib_ng and isal|FFmpeg fails|Error starting FFmpeg)")
# When a topic of a device is cleared after its entities were handed over, as its manual has it done.
HANDED_OVER = re.compile(
    r"\[homeassistant\.components\.mqtt\.discovery\] No device components to cleanup for "
    r"(akuvox2mqtt|second)-")
# When the broker stops.
BROKER_LOST = re.compile(
    r"\[homeassistant\.components\.mqtt\.client\] (Disconnected from MQTT server|"
    r"Error returned from MQTT server: The connection was lost)|"
    r"\[paho\.mqtt\.client\] failed to receive on socket")


class Failed(Exception):
    pass


def expect(what, value, wanted):
    if value != wanted:
        raise Failed(f"{what}: {value!r}, not {wanted!r}")


class Drive:
    def __init__(self, session, source, build, folder, browser_tree, *only):
        self.only = only
        self.source, self.build, self.folder = map(pathlib.Path, (source, build, folder))
        self.browser_tree = browser_tree
        self.session = session
        self.passed = self.failed = 0

    async def run(self):
        self.world = World(self.folder, self.build, self.session)
        self.hass = HomeAssistant(self.folder, 0, self.session)
        try:
            await self.start()
            for scene in SCENES:
                # The first one waits for what the others use.
                if not self.only or scene is SCENES[0] or scene.__name__ in self.only:
                    await self.scene(scene)
        finally:
            await self.hass.stop()
            await self.world.stop()

    async def scene(self, scene):
        name = scene.__doc__.rstrip(".")
        began = time.monotonic()
        try:
            async with asyncio.timeout(300):
                await scene(self)
            self.passed += 1
            log(f"PASS {name} ({time.monotonic() - began:.1f} s)")
        except Exception as error:  # whatever it is, the other scenes go on
            self.failed += 1
            log(f"FAIL {name}: {error or type(error).__name__}")
            if not isinstance(error, (Failed, TimeoutError)):
                traceback.print_exc()

    async def start(self):
        blueprints = self.source / "etc/homeassistant/blueprints"
        shutil.copytree(blueprints, self.hass.folder / "blueprints")
        await self.world.start()
        self.hass.configure(self.world.port)
        await self.hass.start()
        home = await self.world.home()
        self.phone_mac = home["devices"][0]["mac"]
        self.apartment_mac = home["devices"][1]["mac"]
        self.relays = {relay["relay_name"]: relay["relay_id"]
                       for device in home["devices"] for relay in device["relays"]}
        self.entities_wanted = [
            (entity_in(self.hass.version, entity), *rest) for entity, *rest in ENTITIES]
        self.doorbell = self.id("event.villa_front_door_doorbell")
        self.access = self.id("event.villa_front_door_access")
        self.picture = self.id("image.villa_front_door_last_picture")
        self.lock = self.id("lock.villa_front_door")
        self.garage = self.id("button.villa_front_door_open_garage")
        # As a user would put the own names into it.
        dashboard = (self.source / "etc/homeassistant/dashboard.yaml").read_text()
        for entity in DEVICES:
            dashboard = re.sub(rf"\b{entity}\b", self.id(entity), dashboard)
        (self.hass.folder / "dashboard.yaml").write_text(dashboard)
        self.phone = Phone("Robins Phone")
        await self.phone.start(self.hass)

    # What the scenes share.

    def id(self, entity):
        return entity_in(self.hass.version, entity)

    async def state(self, entity, wanted, seconds=20):
        async def is_so():
            return re.fullmatch(wanted, await self.hass.state(entity) or "")
        try:
            await until(entity, is_so, seconds)
        except TimeoutError:
            raise Failed(f"{entity} is {await self.hass.state(entity)}, not {wanted}") from None

    async def available(self):
        """Waits until nothing is unavailable."""
        async def missing():
            states = await self.hass.states()
            return [entity for entity, *_ in self.entities_wanted
                    if entity not in states or states[entity]["state"] == "unavailable"]

        async def all_there():
            return not await missing()
        try:
            await until("entities", all_there, 40)
        except TimeoutError:
            raise Failed(f"missing or unavailable: {await missing()}") from None

    async def fires(self, entity, cause, count=1):
        """Runs cause(), which makes so many events, and returns them once they all are there; none
        may come after."""
        before = len(self.fired(entity))
        await cause()
        try:
            await until(entity, lambda: len(self.fired(entity)) >= before + count, 20)
        except TimeoutError:
            raise Failed(f"{entity}: {len(self.fired(entity)) - before} events") from None
        await self.two_polls()
        events = self.fired(entity)[before:]
        expect(f"events of {entity}", len(events), count)
        return events

    def fired(self, entity):
        """The events of an entity so far: its states by the times they are. A state that comes
        back after a restart has the time it had."""
        found = {}
        for changed, _, new in self.hass.changes:
            if changed == entity and new and re.fullmatch(TIME, new["state"]):
                found.setdefault(new["state"], new["attributes"])
        return list(found.values())

    async def two_polls(self):
        async def polls():
            return await self.world.requests("get_akuvox_call_history")
        before = await polls()

        async def enough():
            return await polls() >= before + 3
        await until("two polls of the history", enough)

    async def opens(self, cause, relay, count=1):
        """Runs cause(), and checks that it opened this relay so often, and nothing else."""
        before = len(await self.world.openings())
        await cause()

        async def enough():
            return len(await self.world.openings()) >= before + count
        try:
            await until("opening", enough, 10)
        except TimeoutError:
            pass
        await self.two_polls()
        opened = [opening["relay_id"] for opening in (await self.world.openings())[before:]]
        expect("opened relays", opened, [self.relays[relay]] * count)

    async def ring(self, **how):
        await self.world.control("ring", residence_id=self.world.residence, mac=self.phone_mac,
                                 **how)

    async def come(self, who, **how):
        await self.world.control("opening", residence_id=self.world.residence,
                                 mac=self.phone_mac, account_name=who, **how)

    # The scenes.

    async def entities(self):
        """Every entity appears, with its id, device, class, category and state."""
        wanted = {row[0] for row in self.entities_wanted}

        async def appeared():
            return len(await self.hass.entities()) >= len(wanted)
        try:
            await until("entities", appeared, 40)
        finally:
            entities = {each["entity_id"]: each for each in (await self.hass.entities()).values()}
            expect("missing, unexpected",
                   (sorted(wanted - set(entities)), sorted(set(entities) - wanted)), ([], []))
        await self.available()
        states = await self.hass.states()
        devices = {device["id"]: name for name, device in (await self.hass.devices()).items()}
        wrong = []
        for entity, device, kind, category, state in self.entities_wanted:
            found = (devices.get(entities[entity]["device_id"]),
                     states[entity]["attributes"].get("device_class"),
                     entities[entity]["entity_category"])
            if found != (device, kind, category):
                wrong.append((entity, found))
        expect("wrong", wrong, [])
        for entity, *_, state in self.entities_wanted:
            await self.state(entity, state)

    async def locks(self):
        """lock.unlock opens exactly one door, and the lock locks again by itself."""
        before = len(self.hass.changes)
        await self.opens(lambda: self.hass.action("lock.unlock", entity_id=self.lock), "Front Door")
        await self.state(self.lock, "locked")
        seen = [new["state"] for entity, _, new in self.hass.changes[before:] if entity == self.lock]
        expect("states", seen, ["unlocking", "unlocked", "locked"])

    async def lock_lock(self):
        """lock.lock opens nothing."""
        await self.opens(lambda: self.hass.action("lock.lock", entity_id=self.lock), "Front Door", 0)
        expect("lock", await self.hass.state(self.lock), "locked")

    async def button(self):
        """button.press opens exactly one door."""
        await self.opens(lambda: self.hass.action("button.press", entity_id=self.garage), "Garage")

    async def rings(self):
        """A ring changes the doorbell event once, and says who."""
        async def cause():
            await self.ring(call_name="Courier")
        event, = await self.fires(self.doorbell, cause)
        expect("ring", (event["event_type"], event["call_name"]), ("ring", "Courier"))
        await self.state(self.id("sensor.villa_front_door_last_call"), TIME)
        last = (await self.hass.states())[self.id("sensor.villa_front_door_last_call")]["attributes"]
        expect("who called last", last["who"], "Courier")
        expect("other doorbell", self.fired(self.id("event.villa_apartment_doorbell")), [])

    async def comes_in(self):
        """An opening at the door phone changes the access event once, with a picture."""
        async def cause():
            await self.come("Robin", open_door_type="Face unlock")
        event, = await self.fires(self.access, cause)
        expect("opening", (event["event_type"], event["account_name"], event["open_door_type"]),
               ("opened", "Robin", "Face unlock"))
        last = (await self.hass.states())[self.id("sensor.villa_front_door_last_opening")]["attributes"]
        expect("last opening", (last["who"], last["how"]), ("Robin", "Face unlock"))
        await self.state(self.picture, TIME)
        picture = await self.hass.get(f"image_proxy/{self.picture}")
        expect("picture begins", picture[:3], b"\xff\xd8\xff")

    async def switches(self):
        """The switches of NFC and Bluetooth reach the cloud, and follow it."""
        for entity, name in (("switch.villa_open_by_nfc", "nfc"),
                             ("switch.villa_open_by_bluetooth", "ble")):
            for action, wanted in (("on", True), ("off", False), ("on", True)):
                await self.hass.action(f"switch.turn_{action}", entity_id=entity)
                await self.state(entity, action)
                expect(name, (await self.world.home())[name], wanted)

    async def pin(self):
        """A PIN reaches the cloud, and Home Assistant does not keep it."""
        before = len(self.hass.changes)
        await self.hass.action("text.set_value", entity_id="text.villa_pin", value="4711")

        async def is_set():
            return (await self.world.home())["private_key"] == "4711"
        await until("PIN in the cloud", is_set)
        expect("state", await self.hass.state("text.villa_pin"), "")
        for entity, _, new in self.hass.changes[before:]:
            if new and "4711" in f"{new['state']} {new['attributes']}":
                raise Failed(f"{entity} shows the PIN")

    async def refresh(self):
        """The refresh button polls what is not due for long."""
        async def asked():
            return await self.world.requests("get_family_info")
        before = await asked()
        await self.two_polls()
        expect("questions before", await asked(), before)
        await self.hass.action("button.press", entity_id="button.villa_refresh")

        async def asked_again():
            return await asked() == before + 1
        await until("question", asked_again, 10)

    async def notified(self):
        """A ring notifies the phone with picture and button; the button opens one door, once."""
        phone = (await self.hass.command("config/device_registry/list"))
        phone, = [each["id"] for each in phone if each["name"] == self.phone.name]
        await self.hass.call("POST", "config/automation/config/ring", {
            "alias": "Doorbell on the phone", "use_blueprint": {
                "path": "akuvox2mqtt/ring.yaml", "input": {
                    "doorbell": self.doorbell, "phones": [phone], "door": self.lock, "picture": self.picture}}})
        await self.state("automation.doorbell_on_the_phone", "on")

        async def cause():
            await self.ring(call_name="Neighbour")
        await self.fires(self.doorbell, cause)
        expect("notifications", len(self.phone.pushes), 1)
        push = self.phone.pushes[0]
        log(f"push: {push}")
        expect("message", (push["title"], push["message"]),
               ("Somebody is at the door", "Neighbour"))
        self.button = push["data"]["actions"][0]
        expect("button", (self.button["title"], self.button["authenticationRequired"]),
               ("Open the door", True))
        picture = await self.hass.get(push["data"]["image"].removeprefix("/api/"))
        expect("picture begins", picture[:3], b"\xff\xd8\xff")
        await self.opens(lambda: self.phone.press(self.hass, self.button["action"]), "Front Door")
        expect("last push", (self.phone.pushes[-1]["message"], self.phone.pushes[-1]["data"]),
               ("clear_notification", {"tag": self.doorbell}))

    async def other_buttons(self):
        """Buttons of other notifications, and of old ones, open nothing."""
        async def cause():
            await self.phone.press(self.hass, "SNOOZE")
            await self.phone.press(self.hass, f"akuvox-open/{self.doorbell}/{int(time.time()) - 600}")
            await self.phone.press(self.hass, f"akuvox-open/{self.doorbell}/")
            await self.phone.press(self.hass, f"akuvox-open/event.other/{int(time.time())}")
        await self.opens(cause, "Front Door", 0)

    async def came_home(self):
        """Who comes home sets off what was configured for them, and nobody else does."""
        await self.hass.call("POST", "config/automation/config/home", {
            "alias": "Robin comes home", "use_blueprint": {
                "path": "akuvox2mqtt/came_home.yaml", "input": {
                    "access": self.access, "people": ["robin"], "then": [{
                        "event": "welcome", "event_data": {
                            "who": "{{ who }}", "how": "{{ how }}", "door": "{{ door }}"}}]}}})
        await self.state("automation.robin_comes_home", "on")
        await self.hass.listen("welcome")

        async def cause():
            await self.come("Kim", open_door_type="Face unlock")
            await self.come("Robin", open_door_type="NFC")
        await self.fires(self.access, cause, 2)
        expect("welcomes", [event["data"] for event in self.hass.events],
               [{"who": "Robin", "how": "NFC", "door": "Front Door"}])

    async def old_events(self):
        """Events that are old when they come change the entities, and set off nothing."""
        pushes, welcomes = len(self.phone.pushes), len(self.hass.events)
        topic = f"home/villa/device/{self.phone_mac}/event"
        stamp = int(time.time()) - 180
        text = f'"event_id": "old", "time": "2024-12-01T00:00:00+00:00", "epoch": {stamp}'

        async def ring():
            await self.world.publish(f"{topic}/call", f'{{"event_type": "ring", {text}}}')

        async def access():
            await self.world.publish(
                f"{topic}/door",
                f'{{"event_type": "opened", "account_name": "Robin", {text}}}')
        await self.fires(self.doorbell, ring)
        await self.fires(self.access, access)
        expect("notifications", len(self.phone.pushes), pushes)
        expect("welcomes", len(self.hass.events), welcomes)

    async def guest_key(self):
        """The script makes a guest key, gives it to its caller and shows it."""
        await self.hass.call("POST", "config/script/config/guest_key", {
            "alias": "Guest key", "use_blueprint": {
                "path": "akuvox2mqtt/guest_key.yaml", "input": {"home": "home/villa"}}})
        await self.state("script.guest_key", "off")
        key = await self.hass.action("script.guest_key", response=True,
                                     valid_for="2h", count=3)
        keys = (await self.world.home())["temp_keys"]
        expect("keys in the cloud", keys, [key["temp_key"]])
        expect("count", key["count"], 3)
        await self.state("sensor.villa_guest_keys", "1")
        notes = await self.hass.command("persistent_notification/get")
        note, = [note for note in notes if note["title"] == "Guest key"]
        if key["temp_key"] not in note["message"]:
            raise Failed(f"the notification says {note['message']}")
        wrong = await self.hass.action("script.guest_key", response=True, valid_for="soon")
        if "error" not in wrong:
            raise Failed(f"a wrong time gives {wrong}")

    async def same_again(self):
        """The same event again, as after a crash of the gateway, changes nothing."""
        topic = f"home/villa/device/{self.phone_mac}/event/call"
        ring = (f'{{"event_type": "ring", "event_id": "twice", "epoch": {int(time.time())}, '
                '"call_name": "Twice"}')
        pushes = len(self.phone.pushes)

        async def cause():
            await self.world.publish(topic, ring)
            await self.world.publish(topic, ring)
        await self.fires(self.doorbell, cause)
        expect("notifications", len(self.phone.pushes), pushes + 1)

    async def quiet(self, cause):
        """Runs cause(), which stops and starts something. Nothing may come of the past: not an event
        again, no notification, no opening; and the next ring must come through, once."""
        rings, accesses = len(self.fired(self.doorbell)), len(self.fired(self.access))
        pushes, welcomes = len(self.phone.pushes), len(self.hass.events)
        openings = len(await self.world.openings())
        # The newest of the past is a minute old at most, so that its age does not protect it.
        await self.ring(call_name="Before")
        await self.come("Robin")
        await until("ring", lambda: len(self.phone.pushes) == pushes + 1)
        await until("welcome", lambda: len(self.hass.events) == welcomes + 1)
        await cause()
        await self.available()
        await self.two_polls()
        await self.ring(call_name="After")
        await until("ring", lambda: len(self.phone.pushes) >= pushes + 2)
        await self.two_polls()
        expect("rings", len(self.fired(self.doorbell)), rings + 2)
        expect("openings at the door phone", len(self.fired(self.access)), accesses + 1)
        expect("pushes", [push["message"] for push in self.phone.pushes[pushes:]],
               ["Before", "After"])
        expect("welcomes", len(self.hass.events), welcomes + 1)
        expect("openings", len(await self.world.openings()), openings)

    async def restart_hass(self):
        """After a restart of Home Assistant nothing of the past comes again."""
        await self.quiet(self.hass.restart)

    async def restart_gateway(self):
        """After a restart of the gateway nothing of the past comes again."""
        async def cause():
            await self.world.gateway.stop()
            await self.state("binary_sensor.akuvox_gateway_connection", "off")
            await self.state(self.lock, "unavailable")
            await self.world.gateway.start()
        await self.quiet(cause)

    async def crash_gateway(self):
        """After a crash of the gateway nothing of the past comes again."""
        async def cause():
            await self.world.gateway.stop(signal.SIGKILL)
            await self.state("binary_sensor.akuvox_gateway_connection", "off")
            await self.world.gateway.start()
        await self.quiet(cause)

    async def restart_broker(self):
        """After a restart of the broker nothing of the past comes again."""
        async def cause():
            await self.world.stop_broker()
            await self.state(self.lock, "unavailable")
            await self.world.start_broker()
        await self.quiet(cause)

    async def empty_broker(self):
        """After the broker has forgotten all, everything is there again."""
        async def cause():
            await self.world.stop_broker()
            await self.state(self.lock, "unavailable")
            for file in self.folder.glob("mosquitto.db*"):
                file.unlink()
            await self.world.start_broker()
        await self.quiet(cause)

    async def pictures(self):
        """The device page and the dashboard show what they should."""
        async def events():
            await self.come("Robin", open_door_type="Face unlock")
        await self.fires(self.access, events)
        await self.ring(call_name="Courier")
        await self.two_polls()
        devices = await self.hass.devices()
        browser = Browser(self.folder, self.browser_tree, self.session)
        try:
            await browser.start(self.hass)
            for name, path, words, size in (
                    ("homeassistant-device", f"config/devices/device/{devices['Front Door']['id']}",
                     ["Doorbell", "Open Garage", "Last picture", "Connection"], (1280, 960)),
                    ("homeassistant-dashboard", "villa-doors/0",
                     ["Front Door", "Garage", "Last call"], (1280, 700))):
                missing = await browser.picture(name, f"{self.hass.url}/{path}", words, *size)
                expect(f"missing on {name}", missing, [])
        finally:
            await browser.stop()

    async def offline(self):
        """A device that is offline shows so, and cannot be opened."""
        await self.world.control("device", residence_id=self.world.residence,
                                 mac=self.phone_mac, online=False)
        await self.state(self.id("binary_sensor.villa_front_door_connection"), "off")
        await self.state(self.lock, "unavailable")
        await self.world.control("device", residence_id=self.world.residence,
                                 mac=self.phone_mac, online=True)
        await self.state(self.id("binary_sensor.villa_front_door_connection"), "on")
        await self.state(self.lock, "locked")

    async def renamed(self):
        """A device that is renamed keeps its entities."""
        await self.world.control("device", residence_id=self.world.residence,
                                 mac=self.phone_mac, name="Gate")

        async def is_renamed():
            return "Gate" in await self.hass.devices()
        await until("new name", is_renamed)
        expect("lock", await self.hass.state(self.lock), "locked")
        await self.world.control("device", residence_id=self.world.residence,
                                 mac=self.phone_mac, name="Front Door")
        await until("old name", lambda: self.has_device("Front Door"))

    async def moves(self, before, after, place):
        """A reload has all documents moved, to topics that begin like this."""
        async def is_over():
            topics = await self.world.kept("+/device/+/config")
            return (len(topics) == len(set(DEVICES.values())) and
                    all(topic.startswith(place) for topic in topics))
        await self.world.reload(before, after)
        await until("documents have moved", is_over, 60)

    async def own(self):
        """Entities of homes and devices: what Home Assistant calls them inside, and users too."""
        return {unique: (entity["id"], entity["entity_id"], entity["name"], entity["area_id"])
                for unique, entity in (await self.hass.entities()).items()
                if "gateway" not in unique}

    async def name_it(self, **how):
        await self.hass.command("config/entity_registry/update", entity_id=self.lock, **how)

    async def is_as_it_was(self, own):
        async def is_back():
            states = await self.hass.states()
            return all(states[entity]["state"] != "unavailable" for _, entity, *_ in own.values())
        await until("entities", is_back, 40)
        expect("entities", await self.own(), own)
        await self.opens(lambda: self.hass.action("lock.unlock", entity_id=self.lock), "Front Door")
        await self.state(self.lock, "locked")

    async def moved_prefix(self):
        """Announcements below another prefix, and below the former again, change no entity."""
        area = (await self.hass.command("config/area_registry/create", name="Porch"))["area_id"]
        await self.name_it(name="My door", area_id=area)
        own = await self.own()
        await self.moves("[door]", "[homeassistant]\nprefix = elsewhere\n[door]",
                         "elsewhere/device/akuvox2mqtt-")
        # It is let go, but not forgotten.
        await self.state(self.lock, "")
        await self.moves("prefix = elsewhere", "prefix = homeassistant",
                         "homeassistant/device/akuvox2mqtt-")
        await self.is_as_it_was(own)
        await self.available()
        await self.name_it(name=None, area_id=None)

    async def moved_client(self):
        """A gateway with another client id changes no entity of homes and doors."""
        await self.name_it(name="My door")
        own = await self.own()
        await self.moves("[mqtt]", "[mqtt]\nclient_id = second", "homeassistant/device/second-")
        await self.is_as_it_was(own)
        devices = await self.hass.devices()
        expect("gateways", sorted(name for name in devices if "gateway" in name),
               ["Akuvox gateway second"])
        expect("way to the home", devices["Villa"]["via_device_id"],
               devices["Akuvox gateway second"]["id"])
        await self.moves("client_id = second\n", "", "homeassistant/device/akuvox2mqtt-")
        await self.is_as_it_was(own)
        await self.available()
        await self.name_it(name=None)

    async def has_device(self, name):
        return name in await self.hass.devices()

    async def removed(self):
        """A removed device vanishes, and the others stay."""
        await self.world.control(f"device?mac={self.apartment_mac}", "DELETE")

        async def is_gone():
            return not await self.has_device("Apartment")
        await until("device is gone", is_gone, 60)
        left = [row[0] for row in self.entities_wanted if row[1] != "Apartment"]
        entities = [each["entity_id"] for each in (await self.hass.entities()).values()]
        expect("entities", sorted(entities), sorted(left))
        expect("states", [each for each in await self.hass.states()
                          if "apartment" in each], [])

    async def right_requests(self):
        """The cloud was asked nothing that it could find wrong."""
        expect("wrong requests", (await self.world.control("state"))["wrong_requests"], [])

    async def clean_log(self):
        """Nothing is warned of in the log of Home Assistant."""
        lost, complaints = 0, []
        for complaint in self.hass.complaints():
            if BROKER_LOST.search(complaint):
                lost += 1
            elif not OWN_TROUBLE.search(complaint) and not HANDED_OVER.search(complaint):
                complaints.append(complaint)
        for complaint in complaints:
            log(f"Home Assistant: {complaint}")
        expect("complaints", len(complaints), 0)
        if lost > 2 * self.world.broker_stops:
            raise Failed(f"{lost} warnings that the broker is lost")


SCENES = [
    Drive.entities, Drive.locks, Drive.lock_lock, Drive.button, Drive.rings, Drive.comes_in,
    Drive.switches, Drive.pin, Drive.refresh, Drive.notified, Drive.came_home,
    Drive.guest_key, Drive.pictures, Drive.other_buttons, Drive.old_events, Drive.same_again,
    Drive.restart_hass, Drive.restart_gateway, Drive.crash_gateway, Drive.restart_broker,
    Drive.empty_broker, Drive.offline, Drive.renamed, Drive.moved_prefix, Drive.moved_client,
    Drive.removed, Drive.right_requests, Drive.clean_log,
]


async def main():
    async with aiohttp.ClientSession() as session:
        drive = Drive(session, *sys.argv[1:])
        try:
            await drive.run()
        except Exception:
            traceback.print_exc()
            drive.failed += 1
    print(f"{drive.passed} passed, {drive.failed} failed")
    return 1 if drive.failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
