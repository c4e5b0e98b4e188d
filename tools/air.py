"""What an update costs on the air, in counts: the real agent, store and link, and a hub that answers at once.

A frame's bytes are those of every layer around its ZCL frame: PHY 6 (preamble, delimiter, length), MAC 11
(header 9, FCS 2), NWK 26 (header 8, security 18), APS 8. A ZCL frame beyond the 82 bytes that are left of 133
is cut into APS fragments, each with 2 bytes more of header. Acknowledgements, beacons and routes are not
counted: they are the network's, whatever is sent.
"""

import random
import struct
from dataclasses import dataclass

from firmware_agent import boot
from firmware_agent.agent import Agent
from firmware_agent.store.firmware_store import FirmwareStore
from hal.flash import FlashArea
from hal.sim.nor_flash import NorFlash
from tools.fuzzing.home import Board, linked
from tools.simulator import stories, world
from tools.simulator.explorer import device_rules, factory_flash, remembered_signatures
from tools.simulator.flash import Geometry
from tools.simulator.hub import SimHub

LAYERS = 6 + 11 + 26 + 8
_ROOM = 82  # of a ZCL frame in one MAC frame
_FRAGMENT = 2
_HEAD = 3  # of a ZCL frame
_BLOCK, _PAGE, _ANSWER = 14, 18, 14  # payloads of both requests and of a block's answer before its data
GEOMETRY = Geometry(4096, 16, 4, 32)
IMAGE = 120_000  # bytes of payload
SIZES = (40, 50, 63, 223)
PAGE = 1024
_LONGEST = 30 * 24 * 3600 * 1000


def on_air(zcl: int) -> int:
    """Bytes on the air of a ZCL frame with so many."""
    if zcl <= _ROOM:
        return LAYERS + zcl
    fragments = -(-zcl // (_ROOM - _FRAGMENT))
    return fragments * (LAYERS + _FRAGMENT) + zcl


def _answers(size: int, block: int) -> int:
    """Bytes on the air of the answers that bring ``size`` bytes."""
    whole, rest = divmod(size, block)
    return whole * on_air(_HEAD + _ANSWER + block) + (on_air(_HEAD + _ANSWER + rest) if rest else 0)


def bound(size: int, block: int, page: int) -> int:
    """The least bytes on the air for a file of ``size``, in blocks of at most ``block``: with one request for
    each block, or for each ``page`` bytes if that is not 0, and nothing else."""
    if not page:
        return -(-size // block) * on_air(_HEAD + _BLOCK) + _answers(size, block)
    whole, rest = divmod(size, page)
    pages = whole + (rest > 0)
    return pages * on_air(_HEAD + _PAGE) + whole * _answers(page, block) + _answers(rest, block)


@dataclass
class Counts:
    """size: of the file; frames, air: sent by both, and their bytes on the air; bound: see there;
    lost: frames that did not come; twice: bytes of the file that came to the device more than once."""

    size: int
    bound: int
    frames: int = 0
    air: int = 0
    lost: int = 0
    twice: int = 0

    @property
    def per_byte(self) -> float:
        return self.air / self.size

    @property
    def above(self) -> float:
        """Per cent above the bound."""
        return 100 * (self.air / self.bound - 1)


class _Hub:
    """Serves one file in blocks of at most ``block`` bytes, by request and by page."""

    def __init__(self, data: bytes, block: int):
        self._data = data
        self._block = block

    def handle(self, frame: bytes) -> list[bytes]:
        """ZCL frames in answer to an APS frame."""
        if frame[8:10] != b"\x19\x00" or frame[12] & 3 != 1:
            return []
        tsn, command, payload = frame[13:14], frame[14], frame[15:]
        if command == 0x01:
            return [b"\x19" + tsn + b"\x02\x00" + self._data[10:18] + struct.pack("<I", len(self._data))]
        if command == 0x06:
            return [b"\x19" + tsn + b"\x07" + payload[1:9] + bytes(8)]
        offset, most = struct.unpack_from("<IB", payload, 9)
        most = min(most, self._block)
        end = offset + (struct.unpack_from("<H", payload, 14)[0] if command == 0x04 else most)
        end = min(end, len(self._data))
        answers = []
        while offset < end:
            part = self._data[offset : min(offset + most, end)]
            head = b"\x19" + tsn + b"\x05\x00" + payload[1:9] + struct.pack("<IB", offset, len(part))
            answers.append(head + part)
            offset += len(part)
        return answers


def update(block: int, page: int = 0, loss: float = 0.0, seed: int = 0, image: int = IMAGE) -> Counts:
    """One update from the first query to activation; ``loss``: the share of block requests, page requests and
    blocks that is lost, drawn from ``seed``. What begins and ends a session comes through."""
    data = stories.upgrade(stories.NEW, image)
    counts = Counts(len(data), bound(len(data), block, page))
    with remembered_signatures():
        agent, board = _device(block, page)
        _serve(agent, board, _Hub(data, block), counts, loss, random.Random(seed))
    return counts


def _device(block: int, page: int) -> tuple[Agent, Board]:
    memory = bytearray(factory_flash(GEOMETRY, stories.IMAGE_SIZE))
    flash = NorFlash(memory, GEOMETRY.erase_size, GEOMETRY.write_size)
    first = (0, GEOMETRY.journal_units, GEOMETRY.journal_units + GEOMETRY.slot_units)
    units = (GEOMETRY.journal_units, GEOMETRY.slot_units, GEOMETRY.slot_units)
    areas = [FlashArea(flash, *area, GEOMETRY.write_size) for area in zip(first, units, strict=True)]
    store = FirmwareStore(areas[0], areas[1:], device_rules(GEOMETRY))
    if not store.load():
        raise RuntimeError("no factory image")
    handover = boot.boot(store, boot.POWER_ON)
    board = Board({"page_size": page}, block)
    agent = Agent(board, handover, world.Application(world.WORKS, SimHub()))
    agent.start()
    return agent, board


def _serve(agent: Agent, board: Board, hub: _Hub, counts: Counts, loss: float, chance: random.Random) -> None:
    have = bytearray(counts.size)
    while board.now < _LONGEST:
        try:
            wait = agent.poll()
        except world.Reset:
            return
        sent, board.sent = board.sent, []
        for frame in sent:
            if frame[8:10] != b"\x19\x00":
                continue
            fetches = frame[14] in (0x03, 0x04)
            counts.frames += 1
            counts.air += on_air(len(frame) - 12)
            if fetches and chance.random() < loss:
                counts.lost += 1
                continue
            for zcl in hub.handle(frame):
                counts.frames += 1
                counts.air += on_air(len(zcl))
                if fetches and chance.random() < loss:
                    counts.lost += 1
                    continue
                if fetches:
                    offset, length = struct.unpack_from("<IB", zcl, 12)
                    counts.twice += sum(have[offset : offset + length])
                    have[offset : offset + length] = b"\x01" * length
                board.inbox += linked(
                    frame[:2] + frame[4:6] + frame[2:4] + frame[7:8] + frame[6:7] + frame[8:12] + zcl
                )
        board.now += 1 if board.inbox else max(wait, 1)
    raise RuntimeError(f"no update in {_LONGEST} ms: state {agent.updater and agent.updater.client.state}")
