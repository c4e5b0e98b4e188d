"""A device at home: real boot, store, agent and link over an emulated flash that watches every write."""

import struct
from functools import cache

from firmware_agent import boot
from firmware_agent.agent import Agent
from firmware_agent.handover import Handover
from firmware_agent.protocol import states
from firmware_agent.protocol.upgrade_client import UpgradeClient
from firmware_agent.store.firmware_store import FirmwareStore
from hal.flash import FlashArea
from hal.link import FrameReceiver, encode, encoded_limit
from hal.sim.nor_flash import NorFlash
from tools.simulator import stories, world
from tools.simulator.explorer import device_rules, factory_flash
from tools.simulator.hub import SimHub

GEOMETRY = stories.GEOMETRIES["512/4x4"]
_LIMIT = 4096  # bytes by which what the agent holds may grow: a manifest's head among them
_HOUR = 3600 * 1000
_LONG = 72 * _HOUR


SPECIFIC_TYPE = 0xFFC1
_SPECIFIC = struct.pack("<HHI", 0x1234, SPECIFIC_TYPE, 1)
_OWN_FILE = struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 64, 2, 0x1234, SPECIFIC_TYPE, 1, 2) + bytes(32)
_OWN_FILE += struct.pack("<I", 200) + world.Identity().eui64 + bytes(range(136))


class Hub(SimHub):
    """A good hub that has a file for this device alone, too."""

    def handle(self, frame: bytes) -> list[bytes]:
        """As SimHub.handle()."""
        command = frame[14] if len(frame) > 15 and frame[8] == 0x19 and frame[12] & 3 == 1 else -1
        kept = self.image, self.identity
        if command == 0x08:
            found = b"\x00" + _SPECIFIC + struct.pack("<I", len(_OWN_FILE))
            return [self._frame(b"\x19" + frame[13:14] + b"\x09" + found)]
        if command == 0x03 and frame[16:24] == _SPECIFIC:
            self.image, self.identity = _OWN_FILE, _SPECIFIC
        answers = super().handle(frame)
        self.image, self.identity = kept
        return answers


class Broken(Exception):
    """Something must never happen, and did."""


class WatchedFlash(NorFlash):
    """Refuses to touch the slot that runs, and the other one before its image was accepted."""

    def __init__(self, memory: bytearray):
        super().__init__(memory, GEOMETRY.erase_size, GEOMETRY.write_size)
        self.handover: Handover | None = None
        self.writes = 0  # in a slot

    def _look(self, start: int) -> None:
        if self.handover is None or start < GEOMETRY.journal_units * GEOMETRY.erase_size:
            return
        store = self.handover.store
        if store is None:
            raise Broken(f"a write at {start} at rest")
        self.writes += 1
        slot = GEOMETRY.slot(store.secondary)
        if not slot.start <= start < slot.stop:
            raise Broken(f"a write at {start}, outside the slot for the download")
        if store.manifest is None:
            raise Broken(f"a write at {start} before the image was accepted")

    def _erase(self, block: int) -> None:
        self._look(block * self.erase_size)
        super()._erase(block)

    def _program(self, start: int, buf) -> None:
        self._look(start)
        super()._program(start, buf)


class Board(world.BareBoard):
    """The test's side of the link, and what the agent told."""

    def __init__(self, client_settings: dict[str, object], data_size: int):
        super().__init__()
        self.client_settings = client_settings
        self.max_data_size = data_size
        self.inbox = bytearray()
        self.sent: list[bytes] = []
        self.events: list[str] = []
        self.refusals: list[int] = []
        self._receiver = FrameReceiver()

    def random(self, n: int) -> int:
        return 0

    def emit(self, event: str, fields: dict) -> None:
        self.events.append(event)
        if event == "rejected":
            self.refusals.append(fields["number"])

    def reset(self) -> None:
        raise world.Reset

    def leave(self, rejoin: bool) -> None:
        self.joined = rejoin

    def read_into(self, buf: bytearray) -> int:
        count = min(len(buf), len(self.inbox))
        buf[:count] = self.inbox[:count]
        del self.inbox[:count]
        return count

    def write(self, buf: bytearray, count: int) -> None:
        at = 0
        while at < count:
            at = self._receiver.feed(buf, at, count)
            if self._receiver.ready:
                self.sent.append(bytes(self._receiver.buffer[: self._receiver.length]))


@cache
def _factory() -> bytes:
    return bytes(factory_flash(GEOMETRY, stories.IMAGE_SIZE))


def linked(frame: bytes) -> bytes:
    """The frame as on the link, if it is one that the link carries; else its bytes."""
    if not 4 <= len(frame) <= 512:
        return frame
    out = bytearray(encoded_limit(len(frame)))
    return bytes(out[: encode(frame, len(frame), out)])


def _weight(one: object, seen: set[int]) -> int:
    """Bytes and entries in everything that the device's code holds on to."""
    if id(one) in seen:
        return 0
    seen.add(id(one))
    if isinstance(one, (bytearray, bytes, str)):
        return len(one)
    if isinstance(one, (list, tuple, set)):
        return len(one) + sum(_weight(item, seen) for item in one)
    if isinstance(one, dict):
        return len(one) + sum(_weight(item, seen) for item in one.values())
    if type(one).__module__.startswith(("firmware_agent", "hal.link")):
        return _weight(vars(one), seen)
    return 0


class Home:
    """A device that runs its factory firmware and a hub's side of the link.

    ``asked``: the device's last request, as an APS frame, ``question``: its last question of the ZDO;
    ``hub``: a good one, with a new version on offer.
    """

    def __init__(self, data_size: int = 63, **client_settings):
        self.memory = bytearray(_factory())
        self.hub = Hub()
        self.hub.offer(stories.upgrade(stories.NEW, stories.IMAGE_SIZE))
        self.asked = self.question = b""
        self.boots = 0
        self._data_size = data_size
        self._settings = client_settings
        self.power_on(boot.POWER_ON)

    def power_on(self, cause: str) -> None:
        """Boot; what was in RAM is gone."""
        self.boots += 1
        self.flash = WatchedFlash(self.memory)
        part, write_size, slots = GEOMETRY.journal_units, GEOMETRY.write_size, []
        for first in (part, part + GEOMETRY.slot_units):
            slots.append(FlashArea(self.flash, first, GEOMETRY.slot_units, write_size))
        journal = FlashArea(self.flash, 0, part, write_size)
        store = FirmwareStore(journal, slots, device_rules(GEOMETRY))
        if not store.load():
            raise Broken("the store does not load")
        handover = boot.boot(store, cause)
        self.version = handover.manifest.file_version
        self.trial = handover.trial
        self.handover = self.flash.handover = handover
        self.board = Board(self._settings, self._data_size)
        self.agent = Agent(self.board, handover, world.Application(world.WORKS, self.hub))
        self._bounded = _weight(self.agent, set()) + _LIMIT
        self._guarded(self.agent.start)
        self._guarded(self.agent.poll)

    def _guarded(self, step) -> None:
        try:
            step()
        except world.Reset:
            self.power_on(boot.RESET)

    def poll(self) -> None:
        """The agent takes its turn; what it sends is looked at."""
        self._guarded(self.agent.poll)
        sent, self.board.sent = self.board.sent, []
        for frame in sent:
            if len(frame) <= 12 or frame[0] != 1 or frame[2:4] != b"\x34\x12":
                raise Broken(f"the device sends {frame.hex()}")
            if frame[8:10] == b"\x19\x00" and frame[12] == 0x01:
                self.asked = frame
            elif frame[7] == 0:
                self.question = frame

    def hear(self, data: bytes) -> None:
        """Bytes on the link."""
        if self.board.joined:
            self.board.inbox += data
        while self.board.inbox and self.board.joined:
            self.poll()
        self.poll()

    def pass_time(self, milliseconds: int) -> None:
        """Time goes by."""
        self.board.now += milliseconds
        self.poll()
        self.poll()

    def fetch_file(self) -> None:
        """The application asks for its file."""
        self.agent.device.fetch_file(SPECIFIC_TYPE, lambda version, contents: None)
        self.poll()

    @property
    def client(self) -> UpgradeClient:
        """The agent's; if that is at rest, it is loaded."""
        if self.agent.updater is None:
            self.agent._load()
        updater = self.agent.updater
        assert updater is not None
        return updater.client

    @property
    def store(self) -> FirmwareStore:
        """The agent's; if that is at rest, it is opened."""
        return self.handover.reopen()

    def check(self) -> None:
        """What must hold after anything."""
        if _weight(self.agent, set()) > self._bounded:
            raise Broken("the agent holds more and more")
        client = self.client
        if client.outstanding and client.waiting:
            raise Broken("two requests at a time")
        if client.state not in (states.VERIFYING, states.ACTIVATING) and client.poll_timeout() < 0:
            raise Broken(f"no next deadline in state {client.state}")
        if self.version == stories.FACTORY and self.memory[GEOMETRY.slot(0)] != _factory()[GEOMETRY.slot(0)]:
            raise Broken("the firmware that runs was changed")

    def rescue(self) -> None:
        """A good hub comes: in the end its version runs, confirmed."""
        self.board.inbox.clear()
        self.board.joined = True
        self.board.inbox += b"\x7e" + linked(self.hub.notify())
        waited = notified = quiet = 0
        while waited < _LONG:
            if self.version == stories.NEW and "confirmed" in self.board.events:
                return
            wait = max(self._turn(), 1)
            quiet = 0 if self.board.inbox else quiet + 1
            if quiet == 0:
                continue
            step = wait if quiet < 50 else _HOUR
            self.board.now += step
            waited += step
            if waited - notified >= 12 * _HOUR:
                # What was refused before is looked at again only if the hub asks for it.
                notified = waited
                self.board.inbox += linked(self.hub.notify())
        raise Broken(f"not updated any more: state {self.client.state}, {self.board.events[-5:]}")

    def _turn(self) -> int:
        """One poll with the good hub at the other end; milliseconds until the next is due."""
        wait = 0

        def turn() -> None:
            nonlocal wait
            wait = self.agent.poll()

        self._guarded(turn)
        sent, self.board.sent = self.board.sent, []
        for frame in sent:
            server = struct.unpack_from("<H", frame, 4)[0]
            for answer in self.hub.handle(frame):
                # It answers as whoever was asked.
                self.board.inbox += linked(
                    answer[:2] + struct.pack("<H", server) + answer[4:6] + frame[7:8] + answer[7:]
                )
        return wait
