"""Who plays the hub on a bench: unmodified zigpy, or the simulator's small server of our own."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from zigpy.zcl.foundation import Status

from tools.errors import Failed
from tools.hub.images import load_image
from tools.hub.session import DeviceAway, HubSession
from tools.rig.wire import HOST, Wire
from tools.simulator.hub import SimHub

Progress = Callable[[int, int], None]
_CONTACT_S = 60.0
_ASK_S = 0.3
_LOOK_S = 0.05
_SESSIONS = 8  # one ends 30 s after the device's last block request
_OTA = 0x0019


class Hub(Protocol):
    """An async context manager over a wire."""

    async def __aenter__(self) -> "Hub": ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def offer(self, path: Path, progress: Progress) -> None:
        """Serve the upgrade file until the device took it, over all that happens meanwhile; Failed if it
        refused it."""

    async def reads_version(self) -> int | None:
        """The file version that the device reports; None if it does not answer now."""


class Zigpy:
    """zigpy's own OTA manager."""

    def __init__(self, wire: Wire):
        self._session = HubSession(HOST, wire.tcp_port)

    async def __aenter__(self) -> "Zigpy":
        await self._session.__aenter__()
        try:
            await self._session.wait_for_device(_CONTACT_S)
        except DeviceAway as away:
            await self._session.__aexit__(None, None, None)
            raise Failed(f"the hub hears no device: {away}") from away
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._session.__aexit__(None, None, None)

    async def offer(self, path: Path, progress: Progress) -> None:
        image = load_image(path)
        for _ in range(_SESSIONS):
            try:
                status = await self._session.update(image, progress)
            except DeviceAway as away:
                if away.took_image:
                    return
                continue
            if status == Status.NO_IMAGE_AVAILABLE:
                raise Failed("zigpy did not offer the image: its version, type or hardware does not fit")
            if status != Status.SUCCESS:
                raise _refused(int(status))
            return
        raise Failed(f"the image is not through after {_SESSIONS} of zigpy's sessions")

    async def reads_version(self) -> int | None:
        with contextlib.suppress(DeviceAway):
            return await self._session.read_file_version()
        return None


class Own:
    """tools/simulator/hub.py on the wire: it answers each frame by itself."""

    def __init__(self, wire: Wire, hub: SimHub | None = None):
        self.hub = SimHub() if hub is None else hub
        self._wire = wire
        self._version: int | None = None
        self._refusal = 0  # the status of the last Upgrade End for what is offered

    async def __aenter__(self) -> "Own":
        self._wire.listener = self._hear
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._wire.listener = None

    async def offer(self, path: Path, progress: Progress) -> None:
        data = path.read_bytes()
        self.hub.offer(data)
        self._wire.send(self.hub.notify())
        self._refusal = end = 0
        while end < len(data) or self.hub.kinds[-1:] != ["end"]:
            if self._refusal:
                raise _refused(self._refusal)
            for _, offset, length in self.hub.served:
                end = offset + length
                progress(end, len(data))
            self.hub.served = []
            await asyncio.sleep(_LOOK_S)

    async def reads_version(self) -> int | None:
        self._version = None
        self._wire.send(self.hub.read_version())
        await asyncio.sleep(_ASK_S)
        return self._version

    def _hear(self, contents: bytes) -> None:
        zcl = contents[12:]
        # Read Attributes Response: file version 0x0002, status 0, type 0x23 (u32).
        if contents[8:10] == _OTA.to_bytes(2, "little") and zcl[2:7] == b"\x01\x02\x00\x00\x23":
            self._version = int.from_bytes(zcl[7:11], "little")
        # Upgrade End Request: status, and of which file.
        ends = contents[8:10] == _OTA.to_bytes(2, "little") and zcl[:1] == b"\x01" and zcl[2:3] == b"\x06"
        if ends and len(zcl) >= 12:
            self._refusal = zcl[3] if zcl[4:12] == self.hub.identity else 0
        self.hub.address = int.from_bytes(contents[2:4], "little")
        for answer in self.hub.handle(contents):
            self._wire.send(answer)


def _refused(status: int) -> Failed:
    return Failed(f"the device refused the image: status 0x{status:02x}")


def make(name: str, wire: Wire) -> Hub:
    """One of bench_file.HUBS."""
    return Zigpy(wire) if name == "zigpy" else Own(wire)
