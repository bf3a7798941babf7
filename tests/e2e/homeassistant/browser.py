"""A headless Chromium, driven by its DevTools protocol, that takes pictures of Home Assistant."""

import asyncio
import base64
import itertools
import json
import pathlib
import re

from world import HOST, Program, log, until

# All text of the page, inside of its components too.
TEXT = """(() => {
  const text = node => [...node.childNodes].map(child =>
    child.nodeType === 3 ? child.data :
    ['STYLE', 'SCRIPT'].includes(child.nodeName) ? '' :
    (child.shadowRoot ? text(child.shadowRoot) : '') + ' ' + text(child)).join('');
  return text(document.body).replace(/\\s+/g, ' ');
})()"""


class Browser:
    def __init__(self, folder, tree, session):
        self.folder = pathlib.Path(folder)
        self.session = session
        # The browser is in a tree of its own; both see the same /tmp.
        self.program = Program(folder, "chromium", [
            "chroot", tree, "chromium", "--headless", "--no-sandbox", "--disable-gpu",
            "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--lang=en-US",
            f"--user-data-dir={folder}/chromium", "--remote-debugging-port=0", "about:blank"])
        self.numbers = itertools.count(1)
        self.page = None

    async def start(self, hass):
        await self.program.start()
        address = await until("Chromium listens", lambda: re.search(
            r"DevTools listening on (ws://(\S+?)/\S+)", self.program.text()), 60)
        self.socket = await self.session.ws_connect(address[1], max_msg_size=0)
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"],
                                   flatten=True)
        self.page = attached["sessionId"]
        await self.call("Page.enable")
        tokens = {
            "hassUrl": hass.url, "clientId": f"{hass.url}/", "token_type": "Bearer",
            "access_token": hass.tokens["access_token"],
            "refresh_token": hass.tokens["refresh_token"],
            "expires_in": hass.tokens["expires_in"],
            "expires": int(hass.tokens["expires_at"] * 1000)}
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=(
            f"localStorage.hassTokens = {json.dumps(json.dumps(tokens))};"
            # The sidebar only takes room.
            "localStorage.dockedSidebar = '\"always_hidden\"';"
            "localStorage.enableShortcuts = 'false';"))

    async def call(self, method, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.page:
            message["sessionId"] = self.page
        await self.socket.send_json(message)
        async with asyncio.timeout(60):
            async for answer in self.socket:
                answer = answer.json()
                if answer.get("id") != number:
                    continue
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    async def text(self):
        result = await self.call("Runtime.evaluate", expression=TEXT)
        return result["result"].get("value", "")

    async def picture(self, name, url, words, width, height, script=None, dark=False):
        """Takes NAME.png of a page once it shows all of the words; returns those it does not."""
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                        deviceScaleFactor=1, mobile=False)
        await self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])
        await self.call("Page.navigate", url=url)

        async def missing():
            text = (await self.text()).lower()
            return [word for word in words if word.lower() not in text]

        try:
            await until(f"page {name}", lambda: shown(missing), 60)
        except TimeoutError:
            log(f"text of {name}: {await self.text()}")
        if script:
            await self.call("Runtime.evaluate", expression=script, awaitPromise=True)
        # Icons and pictures come a little later than text.
        await asyncio.sleep(3)
        result = await self.call("Page.captureScreenshot", format="png")
        (self.folder / f"{name}.png").write_bytes(base64.b64decode(result["data"]))
        return await missing()

    async def stop(self):
        await self.program.stop()


async def shown(missing):
    return not await missing()
