"""The broker, the simulated cloud and the gateway: real programs of this machine.

The driver runs in a tree of Debian that has this machine in /host, see enter.sh.
"""

import asyncio
import os
import pathlib
import signal
import socket
import time

HOST = "/host"


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


async def until(what, found, seconds=30):
    """Waits until found(), which may be a coroutine function, gives something true; gives that."""
    end = time.monotonic() + seconds
    while True:
        result = found()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return result
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        await asyncio.sleep(0.1)


class Program:
    """A program that ends with the driver. What it prints goes to NAME.log."""

    def __init__(self, folder, name, command, host=True, env=None):
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.name = name
        self.command = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)]
        if host:
            self.command = ["chroot", HOST, *self.command]
        self.env = {**os.environ, **(env or {})}
        self.process = None

    async def start(self):
        with open(self.log, "ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.env)

    async def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(how)
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            log(f"{self.name} does not end, killed")
            self.process.kill()
            await self.process.wait()

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    async def says(self, text, count=1):
        def found():
            if self.process.returncode is not None:
                raise RuntimeError(f"{self.name} has ended:\n{self.text()[-2000:]}")
            return self.text().count(text) >= count
        await until(f"{self.name} says '{text}'", found)


class World:
    """Broker, cloud and gateway, with one home of which everything is known."""

    def __init__(self, folder, build, session):
        self.folder = pathlib.Path(folder)
        self.session = session
        self.port = free_port()
        self.broker_stops = 0
        self.broker = Program(folder, "mosquitto", ["mosquitto", "-c", folder / "mosquitto.conf"],
                              env={"PATH": os.environ["PATH"] + ":/usr/sbin"})
        self.cloud = Program(folder, "cloud", [
            build / "tests/sim/akuvox-cloud-sim", "--homes", 1, "--quiet"])
        self.gateway = Program(
            folder, "gateway", [build / "akuvox2mqtt", "run", "-c", folder / "akuvox2mqtt.conf"],
            env={"STATE_DIRECTORY": str(folder / "state")})

    async def start(self):
        (self.folder / "state").mkdir()
        # Kept over restarts, as Debian's own configuration does.
        (self.folder / "mosquitto.conf").write_text(
            "user root\nallow_anonymous true\n"
            f"listener {self.port} 127.0.0.1\n"
            f"persistence true\npersistence_location {self.folder}/\n")
        await self.start_broker()
        await self.cloud.start()
        await self.cloud.says("control ")
        words = self.cloud.text().split()
        self.cloud_url = words[words.index("cloud") + 1]
        self.control_url = words[words.index("control") + 1]
        home = (await self.control("state"))["homes"][0]
        self.residence = home["residence_id"]
        await self.control("home", residence_id=self.residence, name="Villa")
        token = self.folder / "token"
        token.write_text("sim-token\n")
        token.chmod(0o600)
        (self.folder / "akuvox2mqtt.conf").write_text(f"""\
[cloud]
url = {self.cloud_url}
access_token_file = {token}
[poll]
devices = 1
history = 1
access = 2
family = 1h
[mqtt]
host = 127.0.0.1
port = {self.port}
[door]
hold_time = 2
repeat_after = 0
[residence {self.residence}]
alias = villa
""")
        await self.gateway.start()

    async def reload(self, before, after):
        """The gateway takes its configuration over, in which before has become after."""
        file = self.folder / "akuvox2mqtt.conf"
        text = file.read_text()
        assert text.count(before) == 1
        file.write_text(text.replace(before, after))
        said = "The configuration is reloaded"
        count = self.gateway.text().count(said)
        self.gateway.process.send_signal(signal.SIGHUP)
        await self.gateway.says(said, count + 1)

    async def start_broker(self):
        await self.broker.start()
        await self.broker.says(" running", self.broker.text().count(" running") + 1)

    async def stop_broker(self):
        self.broker_stops += 1
        await self.broker.stop()

    async def control(self, path, method=None, **body):
        """A call to the control side of the cloud: GET without a body, else POST."""
        async with self.session.request(
                method or ("POST" if body else "GET"), f"{self.control_url}/{path}",
                json=body or None) as answer:
            result = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {result}")
            return result

    async def home(self):
        return (await self.control("state"))["homes"][0]

    async def openings(self):
        return await self.control("openings")

    async def requests(self, command):
        """How often the cloud was asked this."""
        return (await self.control("state"))["requests"].get(command, 0)

    async def publish(self, topic, payload, *options):
        """Publishes as anybody on the broker could."""
        process = await asyncio.create_subprocess_exec(
            "chroot", HOST, "mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1",
            "-t", topic, "-m", payload, *options)
        assert await process.wait() == 0

    async def kept(self, pattern):
        """The topics where the broker keeps something."""
        process = await asyncio.create_subprocess_exec(
            "chroot", HOST, "mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port), "-q", "1",
            "-t", pattern, "--retained-only", "-W", "1", "-F", "%t",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        return (await process.communicate())[0].decode().split()

    async def stop(self):
        for program in self.gateway, self.cloud, self.broker:
            await program.stop()
