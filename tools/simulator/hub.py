"""The simulator's upgrade server: one device, one image on offer, the state that a story needs.

Its own few lines of the protocol, on purpose not the client's: a shared mistake would hide. Layouts:
ZCL r8, 11.13; frames as on the HAN link without the framing.
"""

import struct

_HEADER = struct.Struct("<BBHHBBHH")
_OTA = 0x0019
_DEVICE_ANNOUNCE = 0x0013
_PROFILE = 0x0104
_BLOCK = 50


EDITION = 1 << 32


class SimHub:
    """``offer(data)`` puts an upgrade file on offer; ``handle(frame)`` answers one frame of the device.

    ``served``: (file version, offset, length) of each block that nobody looked at yet; another image under
    the same version is told apart by EDITION above its version.
    """

    def __init__(self, address: int = 0x1234):
        self.address = address
        self.image = b""
        self.edition = 0
        self.identity = b""
        self.version = 0
        self.abort_after = -1  # blocks until one ABORT; -1: never
        self.replace_after = -1  # blocks until ``replacement`` is offered instead
        self.replacement = b""
        self.following = b""  # offered to a device that runs what was offered before
        self.kinds: list[str] = []  # requests that nobody looked at yet: "query", "block", "end"
        self.flickers = 0  # how often the home's power fails during a trial
        self.asked = 0  # queries and Upgrade Ends that came
        self.served: list[tuple[int, int, int]] = []
        self.tsn = 0

    def offer(self, data: bytes) -> None:
        """Serve this upgrade file from now on."""
        self.image = data
        self.identity = data[10:18]
        self.version = struct.unpack_from("<I", data, 14)[0]

    def copy(self) -> "SimHub":
        """The same server in the same state."""
        other = SimHub(self.address)
        other.__dict__.update(self.__dict__)
        other.served = list(self.served)
        other.kinds = list(self.kinds)
        return other

    def key(self) -> tuple:
        """What of its state can make a difference to the device."""
        return self.identity, self.edition, self.abort_after, self.replace_after, self.flickers

    def notify(self) -> bytes:
        """A unicast Image Notify."""
        return self._frame(b"\x19" + self._next() + b"\x00" + b"\x00\x64")

    def read_version(self) -> bytes:
        """Read Attributes: CurrentFileVersion."""
        return self._frame(b"\x18" + self._next() + b"\x00" + b"\x02\x00")

    def handle(self, frame: bytes) -> list[bytes]:
        """Frames in answer to one of the device's."""
        cluster = struct.unpack_from("<H", frame, 8)[0]
        zcl = frame[12:]
        if cluster == _DEVICE_ANNOUNCE:
            return [self.read_version()]
        if cluster != _OTA or len(zcl) < 3 or zcl[0] & 3 != 1:
            return []
        tsn, command, payload = zcl[1:2], zcl[2], zcl[3:]
        if command == 0x01:
            self.asked += 1
            self.kinds.append("query")
            return [self._frame(b"\x19" + tsn + b"\x02" + self._answer_query(payload))]
        if command == 0x03:
            return self._answer_block(tsn, payload)
        if command == 0x06:
            self.asked += 1
            self.kinds.append("end")
            if payload[0] != 0:
                return [self._frame(b"\x18" + tsn + b"\x0b\x06\x00")]
            return [self._frame(b"\x19" + tsn + b"\x07" + payload[1:9] + bytes(8))]
        return []

    def _answer_query(self, payload: bytes) -> bytes:
        running = struct.unpack_from("<I", payload, 5)[0]
        if self.following and running >= self.version:
            self.offer(self.following)
            self.following = b""
        if not self.image or running >= self.version:
            return b"\x98"
        return b"\x00" + self.identity + struct.pack("<I", len(self.image))

    def _answer_block(self, tsn: bytes, payload: bytes) -> list[bytes]:
        self.kinds.append("block")
        if self.replace_after == 0:
            self.replace_after = -1
            self.edition += self.replacement[10:18] == self.identity
            self.offer(self.replacement)
            return [self.notify()]
        if self.abort_after == 0:
            self.abort_after = -1
            return [self._frame(b"\x19" + tsn + b"\x05\x95"), self.notify()]
        identity = payload[1:9]
        offset, most = struct.unpack_from("<IB", payload, 9)
        if identity != self.identity or offset >= len(self.image):
            return [self._frame(b"\x19" + tsn + b"\x05\x95")]
        self.abort_after -= self.abort_after > 0
        self.replace_after -= self.replace_after > 0
        data = self.image[offset : offset + min(most, _BLOCK)]
        self.served.append((self.version + self.edition * EDITION, offset, len(data)))
        head = b"\x00" + identity + struct.pack("<IB", offset, len(data))
        return [self._frame(b"\x19" + tsn + b"\x05" + head + data)]

    def _next(self) -> bytes:
        self.tsn = (self.tsn + 1) & 0xFF
        return bytes([self.tsn])

    def _frame(self, zcl: bytes) -> bytes:
        return _HEADER.pack(1, 0, 0, self.address, 1, 1, _OTA, _PROFILE) + zcl
