"""What the tests here begin with: a device of its own for each, the hub, and an update between them."""

import asyncio
import contextlib
import sys

from zigpy.zcl.foundation import Status

from firmware_agent.boot import CRASH, WATCHDOG
from tools import keys, layout, romfs
from tools.demo import images as demo_images
from tools.demo.device import HOST, Device
from tools.demo.images import V2
from tools.hub.images import load_image
from tools.hub.session import DeviceAway, HubSession
from tools.together import beside

CONTACT_S = 30.0
EVENT_S = 60.0
COMMAND_S = 90.0
SESSIONS = 5
VERSION_1, VERSION_2 = "0x00010000", "0x00020000"


class Place:
    """One test's directory, and the images that all of them share."""

    def __init__(self, images, directory):
        self.images = images
        self.directory = directory
        self.state = directory / "device"
        self.may_crash = False
        self._devices = []

    def device(self, *options, factory=None, on_event=None):
        factory = factory or self.images.upgrade_file(1)
        device = Device(self.state, self.images.public_key, factory, options, on_event)
        self._devices.append(device)
        return device

    def close(self):
        """After the test: a device that crashed on the way survived it, but that is no excuse."""
        for device in self._devices:
            causes = [event.fields["cause"] for event in device.events if event.name == "boot"]
            assert self.may_crash or not {CRASH, WATCHDOG} & set(causes), f"{causes}: {device.said}"
            assert self.may_crash or not device.said, device.said

    async def image(self, app, version):
        """An upgrade file with the text ``app`` as its application, signed with the images' key."""
        path = self.directory / f"0x{version:08x}.ota"
        path.write_bytes(await asyncio.to_thread(self._sign, app, version))
        return path

    def _sign(self, app, version):
        package = self.directory / "application"
        package.mkdir(exist_ok=True)
        (package / "app.py").write_text(app)
        return demo_images.sign(romfs.build(package), version, keys.load_private(self.images.private_key))


@contextlib.asynccontextmanager
async def hub_of(device):
    async with HubSession(HOST, device.port) as session:
        await session.wait_for_device(CONTACT_S)
        yield session


async def update_to_the_end(session, path, progress=None):
    """As many of zigpy's sessions as it takes; its status, SUCCESS if the device took the image."""
    image = load_image(path)
    for _ in range(SESSIONS):
        try:
            return await session.update(image, progress)
        except DeviceAway as away:
            if away.took_image:
                return Status.SUCCESS
    raise AssertionError(f"not done after {SESSIONS} sessions")


async def version_becomes(session, version):
    async with asyncio.timeout(EVENT_S):
        while True:
            with contextlib.suppress(DeviceAway):
                if await session.read_file_version() == version:
                    return
            await asyncio.sleep(0.2)


async def hanota(*arguments, timeout_s=COMMAND_S):
    """(exit code, standard output, standard error) of the command line."""
    process = await start_hanota(*arguments)
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode, output.decode(), errors.decode()


async def succeeds(*arguments):
    """Standard output of a command line that ends well."""
    code, output, errors = await hanota(*arguments)
    assert code == 0, output + errors
    return output


async def start_hanota(*arguments, **streams):
    streams = {"stdin": asyncio.subprocess.DEVNULL, **streams}
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tools", *(str(argument) for argument in arguments)]
    return await asyncio.create_subprocess_exec(
        *command, **{"stdout": pipe, "stderr": pipe, **streams}, cwd=layout.ROOT
    )


def runs_version_2(device):
    found = device.slots()
    assert found["boots"] == "B"
    assert found["security_counter"] == V2
    assert found["slots"]["B"]["state"] == "updated"
    assert found["slots"]["B"]["file_version"] == VERSION_2
    return found["slots"]["B"]


async def screen_shows(device, text):
    async with asyncio.timeout(EVENT_S):
        while text not in device.screen():
            await asyncio.sleep(0.1)


def names(events):
    return [event.name for event in events]


async def before_the_end(update, point, what):
    async with beside(point) as reached:
        await asyncio.wait((update, reached), return_when=asyncio.FIRST_COMPLETED, timeout=EVENT_S)
        assert reached.done(), f"{what}: the moment never came; {update}"
