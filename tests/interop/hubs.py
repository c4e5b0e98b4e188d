"""Both hubs with the same few verbs. zigpy runs here, zigbee-herdsman in node; neither is told anything about
the device: it introduces itself, and answers their interviews.
"""

import asyncio
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zigpy.zcl.foundation import Status

from firmware_agent.protocol.aps_frame import COORDINATOR
from tests.interop.air import HOST
from tools import layout
from tools.hub.images import load_image
from tools.hub.radio import HOME_AUTOMATION, HanRadio, radio_config

SCRIPT = Path(__file__).parent / "herdsman/hub.mjs"
INTERVIEW_S = 30.0
PATIENCE_S = 120


class ZigpyHub:
    """zigpy's controller and its OTA manager, with the interview that zigpy makes of what joins.

    A device that is on already, at ``address``, is made to speak by a broadcast Image Notify; zigpy then
    discovers it by itself.
    """

    name = "zigpy"

    def __init__(self, port: int, directory: Path, node: Path, address: int | None = None) -> None:
        self._radio = HanRadio(radio_config(HOST, port), HOME_AUTOMATION)
        self._found: asyncio.Queue = asyncio.Queue()
        self._known = address is not None
        self._device: Any = None
        self._update: asyncio.Task[Status | None] | None = None

    async def __aenter__(self) -> Self:
        self._radio.add_listener(self)
        await self._radio.startup()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._update is not None:
            self._update.cancel()
            await asyncio.gather(self._update, return_exceptions=True)
        await self._radio.shutdown()

    def device_initialized(self, device) -> None:
        """zigpy's listener: an interview is over; its own coordinator's does not count."""
        if device.nwk != COORDINATOR:
            self._found.put_nowait(device)

    @property
    def ieee(self):
        """The hub's own EUI64."""
        return self._radio.state.node_info.ieee

    async def device(self):
        """zigpy's object of the device, interviewed."""
        if self._device is None:
            async with asyncio.timeout(INTERVIEW_S):
                if self._known:
                    await self._radio.link.connected.wait()
                    await self._radio.ota.broadcast_notify(jitter=100)
                self._device = await self._found.get()
        return self._device

    async def start_update(self, path: Path, *options) -> None:
        """Begin to offer and serve the image."""
        device = await self.device()
        self._update = asyncio.create_task(device.update_firmware(load_image(path)))

    async def updated(self) -> int:
        """Wait for the end of a good update; the file version that the device reports."""
        assert self._update is not None
        assert await self._update == Status.SUCCESS
        device = self._radio.get_device(self._device.ieee)
        cluster = next(endpoint.out_clusters[0x0019] for endpoint in device.non_zdo_endpoints)
        values, _ = await cluster.read_attributes(["current_file_version"])
        return int(values["current_file_version"])

    async def aborted(self, air, offset: int) -> None:
        """Give the update up once a block at ``offset`` is asked for; the device learns it by ABORT."""
        await air.reached(offset)
        assert self._update is not None
        self._update.cancel()
        await asyncio.gather(self._update, return_exceptions=True)
        assert self._update.cancelled()
        self._update = None


class HerdsmanHub:
    """herdsman/hub.mjs, a process an update; its events are in ``events``."""

    name = "herdsman"

    def __init__(self, port: int, directory: Path, node: Path, address: int | None = None) -> None:
        self.events: list[dict] = []
        self._arguments = [
            str(node),
            str(SCRIPT),
            "--connect",
            f"{HOST}:{port}",
            "--timeout",
            str(PATIENCE_S),
        ]
        self._address = address
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def start(self, *options) -> None:
        """A process of its own, with these options of hub.mjs."""
        arguments = [*self._arguments, *(str(option) for option in options)]
        if self._address is not None:
            arguments += ["--address", str(self._address)]
        self._errors = self._directory / "herdsman.err"
        with self._errors.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=layout.ROOT,
                env={**os.environ, "TMPDIR": str(self._directory)},
            )

    async def start_update(self, path: Path, *options) -> None:
        """Join and interview the device, then offer and serve the image."""
        await self.start("--image", path, *options)

    async def says(self, name: str) -> dict:
        """Wait for its next event of that name."""
        assert self._process is not None and self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._process.stdout:
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == name:
                    return self.events[-1]
        raise AssertionError(f"herdsman ended without {name!r}: {self.events}")

    async def ended(self) -> tuple[int, dict]:
        """The process's exit code and its event "result"."""
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            self.events.append(json.loads(line))
        code = await self._process.wait()
        assert self.events and self.events[-1]["event"] == "result", (self.events, self._errors.read_text())
        return code, self.events[-1]

    async def updated(self) -> int:
        """Wait for the end of a good update; the file version that the device runs, by its Basic cluster."""
        code, result = await self.ended()
        assert code == 0 and result["ok"], result
        text = result["basic"]["swBuildId"]
        return int.from_bytes(bytes(int(part) for part in text.split(".")), "big")

    async def aborted(self, air, offset: int) -> None:
        """Wait for the end of an update that was begun with --abort-at."""
        code, result = await self.ended()
        assert code == 1 and result["error"].endswith("was aborted"), result


HUBS = {hub.name: hub for hub in (ZigpyHub, HerdsmanHub)}
