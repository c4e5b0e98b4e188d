"""An emulated device on real MicroPython and an unmodified zigpy hub, joined by the HAN serial link.

Each test has a device of its own; they run side by side (tests/scenarios.py), so nothing here may depend on
another test. What is awaited is an event or an answer, with a deadline.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import sys
import tempfile
from pathlib import Path

import pytest
from zigpy.zcl.foundation import Status

from boards.common.flash_map import ERASE_SIZE
from firmware_agent.boot import CRASH, MAX_TRIAL_CRASHES, WATCHDOG
from firmware_agent.store.image_writer import PROOF_SIZE
from tests import sample_apps, scenarios
from tests.scenarios import scenario
from tools import files, keys, layout, romfs
from tools.demo import images as demo_images
from tools.demo.device import HOST, Device
from tools.demo.images import V1, V2
from tools.hub.images import load_image
from tools.hub.session import DeviceAway, HubSession

CONTACT_S = 30.0
EVENT_S = 60.0
# Three hangs, each ended by the watchdog after 10 s, and boots in between.
HANGS_S = 120.0
COMMAND_S = 90.0
SESSIONS = 5
VERSION_1, VERSION_2 = "0x00010000", "0x00020000"
ALL_CUTS = 20
# Cuts after the download: at an event, and a random while (seconds, at most) after it.
LATE_CUTS = [("verified", 0.03), ("boot", 0.3), ("trial", 1.5), ("listening", 0.5)]
SEED = 20261122


class Place:
    """One test's directory, and the module's images."""

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
        """An upgrade file with the text ``app`` as its application, signed with the module's key."""
        path = self.directory / f"0x{version:08x}.ota"
        path.write_bytes(await asyncio.to_thread(self._sign, app, version))
        return path

    def _sign(self, app, version):
        package = self.directory / "application"
        package.mkdir(exist_ok=True)
        (package / "app.py").write_text(app)
        return demo_images.sign(romfs.build(package), version, keys.load_private(self.images.private_key))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Keys and both releases of the sample firmware."""
    return demo_images.make(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module", name="scenarios")
def running_scenarios(request, images, tmp_path_factory):
    def place(name):
        return Place(images, tmp_path_factory.mktemp("place"))

    with scenarios.running(request, place) as running:
        yield running


@contextlib.asynccontextmanager
async def hub_of(device):
    async with HubSession(HOST, device.port) as session:
        await session.wait_for_device(CONTACT_S)
        yield session


@contextlib.asynccontextmanager
async def task_of(coroutine):
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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


def names(events):
    return [event.name for event in events]


# The longest ones first: they decide how long all of it takes.


@scenario
async def test_firmware_that_hangs_on_trial_is_ended_by_the_watchdog_and_reverted(place):
    await given_up(place, sample_apps.HANGS, WATCHDOG, HANGS_S)


@scenario
async def test_a_device_killed_twenty_times_in_one_update_ends_in_version_2(place):
    return await kill_twenty_times(place, SEED)


@pytest.mark.parametrize(("size", "profile", "first"), [(63, "0x0104", 50), (40, "0x0109", 40)])
@scenario
async def test_serve_updates_a_device_that_asks_for(place, size, profile, first):
    async with place.device("--max-data-size", str(size), "--profile", profile) as device:
        await device.power_on()
        code, output, errors = await hanota(
            "serve",
            place.images.upgrade_file(2),
            "--connect",
            f"{HOST}:{device.port}",
            "--profile",
            profile,
        )
        assert code == 0, output + errors
        assert f"reports file version {VERSION_2}" in output
        first_block = await device.wait_for("block", EVENT_S)
        assert first_block.fields["offset"] == first
        told = names(device.events)
        for name in ("offer", "accepted", "verified", "pending", "reset", "trial", "confirmed"):
            assert told.count(name) == 1, name
        assert told.count("resume") == 0
        stored = runs_version_2(device)
        payload = place.images.payload(2).read_bytes()
        assert (stored["size"], stored["sha256"]) == (len(payload), hashlib.sha256(payload).hexdigest())


@scenario
async def test_an_update_by_image_pages(place):
    """zigpy sends a page's blocks under sequence numbers of its own."""
    path = place.images.upgrade_file(2)
    settings = ("--setting", "page_size=1024", "--setting", "response_spacing=1")
    async with place.device(*settings) as device:
        await device.power_on()
        async with hub_of(device) as session:
            await update_to_the_end(session, path)
            await version_becomes(session, V2)
            received = session.statistics.received
            size = path.stat().st_size
            assert received["Image Page"].frames >= size // 1024
            assert received["Image Block"].frames <= 10, "for ends of erase units"
            assert session.statistics.bytes_served_twice(V2) == 0
        runs_version_2(device)


# Power cuts


async def kill_twenty_times(place, seed):
    """Also for running by hand with other seeds. Returns what was cut, and what each cut cost."""
    rng = random.Random(seed)
    image = place.images.upgrade_file(2)
    size = image.stat().st_size
    offsets = sorted(rng.randrange(1, size) for _ in range(ALL_CUTS - len(LATE_CUTS)))
    late = [(name, rng.uniform(0, most)) for name, most in LATE_CUTS]
    costs = []
    report = f"seed {seed}: cuts at offsets {offsets}, then {late}"
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session:
            reached = asyncio.Event()
            wanted = list(offsets)

            def progress(offset, size):
                if wanted and offset >= wanted[0] and not reached.is_set():
                    wanted.pop(0)
                    device.kill()
                    reached.set()

            async with task_of(update_to_the_end(session, image, progress)) as update:
                since = 0
                for moment in [*offsets, *late]:
                    if isinstance(moment, int):
                        await before_the_end(update, reached.wait(), report)
                    else:
                        await device.wait_for(moment[0], EVENT_S, since)
                        await asyncio.sleep(moment[1])
                    await device.power_cut()
                    twice = session.statistics.bytes_served_twice(V2)
                    costs.append(twice - sum(costs))
                    since = len(device.events)
                    reached.clear()
                    await device.power_on()
                status = await update
            assert status == Status.SUCCESS, report
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
            costs.append(session.statistics.bytes_served_twice(V2) - sum(costs))
    runs_version_2(device)
    report += f"; bytes served twice after each: {costs[1:]}"
    assert costs[0] == 0, report
    assert max(costs) <= ERASE_SIZE + PROOF_SIZE, report
    assert sum(event.name == "power" and not event.fields["on"] for event in device.events) == ALL_CUTS + 1
    assert not {"rejected", "reverted"} & set(names(device.events)), report
    return report


async def before_the_end(update, point, what):
    async with task_of(point) as reached:
        await asyncio.wait((update, reached), return_when=asyncio.FIRST_COMPLETED, timeout=EVENT_S)
        assert reached.done(), f"{what}: the moment never came; {update}"


class Cut:
    """Kills ``device`` the moment something happens, once; ``seen`` are the events before that."""

    def __init__(self):
        self.device = None
        self.done = asyncio.Event()

    def now(self):
        if not self.done.is_set():
            self.device.kill()
            self.done.set()


async def restarted(place, cut, event_name=None, progress=None, factory=None):
    """An update with one kill in it, by ``cut`` or at an event; the device's events (before, after) it."""

    def on_event(event):
        if event.name == event_name:
            cut.now()

    async with place.device(on_event=on_event, factory=factory) as device:
        cut.device = device
        await device.power_on()
        image = place.images.upgrade_file(2)
        async with hub_of(device) as session, task_of(update_to_the_end(session, image, progress)) as update:
            await before_the_end(update, cut.done.wait(), "the cut")
            await device.power_cut()
            restart = len(device.events)
            await device.power_on()
            await device.wait_for("boot", EVENT_S, restart)
            assert await update == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
            runs_version_2(device)
            assert session.statistics.bytes_served_twice(V2) <= ERASE_SIZE + PROOF_SIZE
        return device.events[:restart], device.events[restart:]


@scenario
async def test_a_restart_before_the_image_is_accepted(place):
    cut = Cut()
    # The hub serves the next block only after this returns: the manifest never came.
    before, after = await restarted(place, cut, progress=lambda offset, size: cut.now())
    assert "offer" in names(before) and "accepted" not in names(before)
    assert "accepted" in names(after)


@scenario
async def test_a_restart_while_verifying(place):
    cut = Cut()
    factory = await place.image(sample_apps.LINGERS_BEFORE_VERIFYING, V1)
    async with task_of(_cut_when_shown(cut, "all bytes are there")):
        before, after = await restarted(place, cut, factory=factory)
    assert "accepted" in names(before) and "verified" not in names(before)
    size = place.images.upgrade_file(2).stat().st_size
    assert any(event.matches("resume", {"offset": size, "size": size}) for event in after)


async def _cut_when_shown(cut, text):
    while cut.device is None or not cut.device.events or text not in _screen_of(cut.device):
        await asyncio.sleep(0.02)
    cut.now()


def _screen_of(device):
    # The display is there from the first power-on on.
    return device.screen() if "boot" in names(device.events) else ""


@scenario
async def test_a_restart_after_pending(place):
    before, after = await restarted(place, Cut(), "pending")
    assert not any(event.matches("boot", {"slot": "B"}) for event in before)
    assert any(event.matches("trial", {"attempt": 1}) for event in after)


@scenario
async def test_a_restart_during_the_trial(place):
    before, after = await restarted(place, Cut(), "trial")
    assert any(event.matches("trial", {"attempt": 1}) for event in before)
    assert "confirmed" not in names(before)
    assert any(event.matches("boot", {"slot": "B", "cause": "power-on", "state": "trial"}) for event in after)
    assert any(event.matches("trial", {"attempt": 2}) for event in after)


@scenario
async def test_a_restart_after_confirmed(place):
    before, after = await restarted(place, Cut(), "confirmed")
    assert "confirmed" in names(before) and "trial" not in names(after)
    assert any(event.matches("boot", {"slot": "B", "state": "updated"}) for event in after)


# Trials that end in version 1


async def given_up(place, app, cause, timeout_s=EVENT_S):
    """Version 2 fails in each of its trial boots: version 1 runs again, and says so."""
    place.may_crash = True
    path = await place.image(app, V2)
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session, task_of(update_to_the_end(session, path)):
            reverted = await device.wait_for("reverted", timeout_s)
            assert reverted.matches(
                "reverted", {"slot": "A", "file_version": VERSION_1, "reason": "crashed", "number": 20}
            )
            await version_becomes(session, V1)
        events = device.events
        trials = [event for event in events if event.matches("boot", {"slot": "B", "state": "trial"})]
        assert [event.fields["cause"] for event in trials] == ["reset", *[cause] * (MAX_TRIAL_CRASHES - 1)]
        last = [event for event in events if event.name == "boot"][-1]
        assert (last.fields["slot"], last.fields["cause"]) == ("A", cause)
        check_gave_up(device)


def check_gave_up(device):
    assert "confirmed" not in names(device.events)
    found = device.slots()
    assert found["boots"] == "A" and found["security_counter"] == V1
    assert found["slots"]["A"]["state"] == "updated" and found["slots"]["A"]["file_version"] == VERSION_1
    assert found["slots"]["B"]["state"] == "failed"


@scenario
async def test_firmware_that_raises_on_trial_is_reverted(place):
    await given_up(place, sample_apps.RAISES, CRASH)


@scenario
async def test_firmware_that_fails_its_self_test_is_reverted(place):
    path = await place.image(sample_apps.FAILS_SELF_TEST, V2)
    async with place.device() as device:
        await device.power_on()
        async with hub_of(device) as session, task_of(update_to_the_end(session, path)):
            await device.wait_for("rejected", EVENT_S, reason="self-test-failed", file_version=VERSION_2)
            back = {"slot": "A", "file_version": VERSION_1}
            await device.wait_for("reverted", EVENT_S, reason="self-test-failed", **back)
            boot = await device.wait_for("boot", EVENT_S, len(device.events) - 1, **back)
            assert boot.fields["state"] == "updated"
            await version_becomes(session, V1)
        assert names(device.events).count("trial") == 1
        check_gave_up(device)


# The command line of the device


@scenario
async def test_a_factory_image_of_another_key_makes_no_device(place):
    _, other = keys.generate(place.directory / "other")
    factory = place.images.upgrade_file(1)
    arguments = ["emulate", "--state", place.state, "--factory", factory, "--listen", f"{HOST}:0"]
    code, output, errors = await hanota(*arguments, "--trust", other)
    assert code == 1 and output == ""
    assert "unknown-key" in errors and str(factory) in errors
    # Nothing of it stays in the way of the right one.
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S, file_version=VERSION_1)


@pytest.mark.parametrize("length", [0, 30, 200, 5000])
@scenario
async def test_a_truncated_factory_image_makes_no_device(place, length):
    factory = place.directory / "short.ota"
    factory.write_bytes(place.images.upgrade_file(1).read_bytes()[:length])
    arguments = ["emulate", "--state", place.state, "--factory", factory, "--listen", f"{HOST}:0"]
    code, output, errors = await hanota(*arguments, "--trust", place.images.public_key)
    assert code == 1 and output == ""
    assert "not a factory image" in errors


@scenario
async def test_a_device_runs_once_at_a_time(place):
    async with place.device() as device:
        await device.power_on()
        arguments = ["emulate", "--state", place.state, "--trust", place.images.public_key]
        code, output, errors = await hanota(*arguments, "--listen", f"{HOST}:0")
        assert code == 1 and output == ""
        assert "in use" in errors and str(place.state) in errors
        # The first one never noticed.
        async with hub_of(device) as session:
            assert await session.read_file_version() == V1


@scenario
async def test_a_newer_connection_replaces_the_older(place):
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        reader, writer = await asyncio.open_connection(HOST, device.port)
        assert await asyncio.wait_for(reader.read(1), EVENT_S), "a device that joins announces itself"
        async with hub_of(device) as session:
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(EVENT_S):
                    while await reader.read(1024):
                        pass
            writer.close()
            assert await session.read_file_version() == V1
        # And when that one closes, the device waits for the next.
        async with hub_of(device) as session:
            assert await session.read_file_version() == V1


@scenario
async def test_the_link_by_connect(place):
    devices = asyncio.Queue()

    async def joined(reader, writer):
        await devices.put((reader, writer))

    server = await asyncio.start_server(joined, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    process = await start_emulate(place, "--connect", f"{HOST}:{port}", stdout=asyncio.subprocess.DEVNULL)
    try:
        for _ in range(2):  # it connects again when its peer goes away
            reader, writer = await asyncio.wait_for(devices.get(), EVENT_S)
            assert await version_by(reader, writer) == V1
            writer.close()
    finally:
        process.kill()
        await process.wait()
        server.close()


@scenario
async def test_the_link_by_stdio_leaves_the_events_on_standard_error(place):
    process = await start_emulate(place, "--stdio", stdin=asyncio.subprocess.PIPE)
    try:
        assert await version_by(process.stdout, process.stdin) == V1
    finally:
        process.kill()
        await process.wait()
    lines = (await process.stderr.read()).splitlines()
    assert "boot" in [json.loads(line)["event"] for line in lines]


async def start_emulate(place, *link, **streams):
    arguments = ["--state", place.state, "--trust", place.images.public_key]
    factory = ["--factory", place.images.upgrade_file(1)]
    return await start_hanota("emulate", *arguments, *factory, *link, **streams)


async def version_by(reader, writer):
    """What a hub reads over these streams; the hub speaks TCP, so they are joined to a port of its own."""

    async def join(hub_reader, hub_writer):
        up = asyncio.create_task(pump(hub_reader, writer))
        down = asyncio.create_task(pump(reader, hub_writer))
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
        hub_writer.close()

    server = await asyncio.start_server(join, HOST, 0)
    try:
        async with HubSession(HOST, server.sockets[0].getsockname()[1]) as session:
            await session.wait_for_device(CONTACT_S)
            return await session.read_file_version()
    finally:
        server.close()


async def pump(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


@scenario
async def test_events_are_appended_to_a_file(place):
    path = place.directory / "events.jsonl"
    async with place.device("--events", str(path)) as device:
        for _ in range(2):
            await device.power_on()
            await device.wait_for("boot", EVENT_S, len(device.events) - 1)
            await device.power_cut()
    written = [json.loads(line) for line in path.read_text().splitlines()]
    told = [{"event": event.name, **event.fields} for event in device.events if event.name != "power"]
    assert written == told
    assert [event["event"] for event in written].count("boot") == 2
    assert all(isinstance(event["t_ms"], int) for event in written)


@scenario
async def test_the_same_files_take_an_update_on_cpython(place):
    async with place.device("--interpreter", "python") as device:
        await device.power_on()
        async with hub_of(device) as session:
            assert await update_to_the_end(session, place.images.upgrade_file(2)) == Status.SUCCESS
            await device.wait_for("confirmed", EVENT_S)
            await version_becomes(session, V2)
        runs_version_2(device)


@scenario
async def test_slots_are_shown_and_dumped_while_the_device_runs(place):
    async with place.device() as device:
        await device.power_on()
        await device.wait_for("boot", EVENT_S)
        code, output, _ = await hanota("slots", "--state", place.state, "--json")
        assert code == 0
        payload = files.read(place.images.payload(1))
        shown = json.loads(output)
        assert {name: shown[name] for name in ("boots", "security_counter", "slots")} == {
            "boots": "A",
            "security_counter": V1,
            "slots": {
                "A": {
                    "state": "updated",
                    "file_version": VERSION_1,
                    "size": len(payload),
                    "sha256": hashlib.sha256(payload).hexdigest(),
                },
                "B": {"state": "ready", "file_version": None, "size": None, "sha256": None},
            },
        }
        dumped = place.directory / "a.romfs"
        code, _, _ = await hanota("slots", "--state", place.state, "--dump", "A", "-o", dumped)
        assert code == 0 and dumped.read_bytes() == payload
        code, _, errors = await hanota("slots", "--state", place.state, "--dump", "B", "-o", dumped)
        assert code == 1 and "slot B" in errors
        code, _, errors = await hanota("slots", "--state", place.directory / "nothing", "--json")
        assert code == 2 and "no device" in errors


async def by_hand(seeds):
    """``python -m tests.test_end_to_end SEED...``: the twenty kills, once a seed, one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        made = demo_images.make(Path(directory) / "images")
        for seed in seeds:
            place = Place(made, Path(directory) / str(seed))
            place.directory.mkdir()
            print(await kill_twenty_times(place, seed), flush=True)
            place.close()


if __name__ == "__main__":
    asyncio.run(by_hand([int(seed) for seed in sys.argv[1:]]))
