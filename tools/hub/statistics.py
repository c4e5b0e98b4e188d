"""What went over the air, counted: frames, bytes, and every byte of an image served more than once."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from firmware_agent.protocol.aps_frame import BROADCAST
from tools.hub.han_frame import HanFrame


class BlockServed(NamedTuple):
    """One Image Block Response with data, as it went on the wire."""

    file_version: int
    offset: int
    length: int


@dataclass
class Traffic:
    """Frames of one sort; contents bytes are the link's contents, wire bytes also framing and escapes."""

    frames: int = 0
    contents_bytes: int = 0
    wire_bytes: int = 0

    def add(self, contents_bytes: int, wire_bytes: int) -> None:
        self.frames += 1
        self.contents_bytes += contents_bytes
        self.wire_bytes += wire_bytes


def _total(traffic: dict[str, Traffic]) -> Traffic:
    total = Traffic()
    for one in traffic.values():
        total.frames += one.frames
        total.contents_bytes += one.contents_bytes
        total.wire_bytes += one.wire_bytes
    return total


@dataclass
class LinkStatistics:
    """Counters of one hub, from its first connection on.

    ``sent`` and ``received`` go by the frame's name (HanFrame.name). ``undelivered`` are frames the hub
    wanted to send while the link was down, ``bad_contents`` whole frames that were no HAN frame,
    ``bad_frames`` what the link layer dropped (wrong FCS and the like).
    """

    sent: dict[str, Traffic] = field(default_factory=lambda: defaultdict(Traffic))
    received: dict[str, Traffic] = field(default_factory=lambda: defaultdict(Traffic))
    broadcasts_sent: int = 0
    undelivered: int = 0
    bad_contents: int = 0
    bad_frames: int = 0
    connections: int = 0
    blocks: list[BlockServed] = field(default_factory=list)

    @property
    def sent_total(self) -> Traffic:
        return _total(self.sent)

    @property
    def received_total(self) -> Traffic:
        return _total(self.received)

    def count_sent(self, frame: HanFrame, contents_bytes: int, wire_bytes: int) -> None:
        self.sent[frame.name()].add(contents_bytes, wire_bytes)
        self.broadcasts_sent += frame.kind == BROADCAST
        block = frame.ota_command(
            Ota.ClientCommandDefs.image_block_response, foundation.Direction.Server_to_Client
        )
        if block is not None and block.status == foundation.Status.SUCCESS:
            served = BlockServed(int(block.file_version), int(block.file_offset), len(block.image_data))
            self.blocks.append(served)

    def count_received(self, frame: HanFrame, contents_bytes: int, wire_bytes: int) -> None:
        self.received[frame.name()].add(contents_bytes, wire_bytes)

    def bytes_served(self, file_version: int) -> int:
        """Image bytes put on the air for this file version, repeats included."""
        return sum(block.length for block in self.blocks if block.file_version == file_version)

    def bytes_served_twice(self, file_version: int) -> int:
        """How many of bytes_served() had been on the air before: served minus distinct bytes.

        A byte served three times counts twice.
        """
        distinct = 0
        covered_to = 0
        for _, offset, length in sorted(b for b in self.blocks if b.file_version == file_version):
            end = offset + length
            distinct += max(0, end - max(offset, covered_to))
            covered_to = max(covered_to, end)
        return self.bytes_served(file_version) - distinct
