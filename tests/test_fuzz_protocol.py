"""Any bytes at all, at any state: nothing raises, nothing grows, nothing is asked twice at a time."""

import struct

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from firmware_agent.protocol.upgrade_file import MAX_HEADER, UpgradeFile
from firmware_agent.reject import MALFORMED_FILE, Rejected
from hal.link import FrameReceiver, encode, encoded_limit
from tests.portable.scripted import (
    BLOCK_REQUEST,
    IMAGE,
    NEW,
    NO_IMAGE,
    QUERY,
    SIZE,
    Rig,
    aps,
    block,
    block_status,
    default_response,
    end_response,
    identity_bytes,
    notify,
    offer,
    wait_for_data,
)
from tests.portable.test_upgrade_file import EUI64, PAYLOAD, upgrade_file

EXAMPLES = 400
# No shrinking: a failure is reported at once, with the seed that finds it again.
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

times = st.sampled_from([0, 1, 5, 0x2F000000, 0x2F000001, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
versions = st.sampled_from([NEW, NEW + 1, 0x00010000, 0xFFFFFFFF, 0])
offsets = st.one_of(st.integers(0, SIZE + 70), st.sampled_from([0xFFFFFFFF, 0x80000000]))
valid_frames = st.one_of(
    st.builds(
        notify, st.integers(0, 4), st.integers(0, 255), st.sampled_from([b"", b"\x34\x12", identity_bytes()])
    ),
    st.builds(offer, versions, st.sampled_from([SIZE, 1, 63, 0, 0xFFFFFFFF, 0x80000000])),
    st.just(NO_IMAGE),
    st.builds(block, offsets, st.binary(max_size=80), versions),
    st.builds(block_status, st.integers(0, 255)),
    st.builds(wait_for_data, times, times, st.one_of(st.none(), st.integers(0, 0xFFFF))),
    st.builds(end_response, times, times, versions),
    st.builds(default_response, st.integers(0, 9), st.sampled_from([0, 0x80, 0x81])),
    st.builds(lambda ids: b"\x18\x05\x00" + struct.pack(f"<{len(ids)}H", *ids), st.lists(st.integers(0, 16))),
)


@st.composite
def frames(draw):
    """A whole link frame: valid, with bytes changed, cut or added, or noise."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(min_size=4, max_size=200))
    where = {
        "cluster": draw(st.sampled_from([0x0019] * 9 + [0, 2, 4, 0x8002])),
        "source": draw(st.sampled_from([0] * 9 + [0x4321])),
        "endpoint": draw(st.sampled_from([1] * 9 + [0, 0xFF])),
        "profile": draw(st.sampled_from([0x0104, 0x0109, 0])),
        "broadcast": draw(st.sampled_from([False] * 4 + [True])),
    }
    frame = bytearray(aps(draw(valid_frames), **where))
    if kind < 5:
        for _ in range(draw(st.integers(1, 3))):
            frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    elif kind == 5:
        del frame[draw(st.integers(4, len(frame))) :]
    elif kind == 6:
        frame += draw(st.binary(max_size=80))
    return bytes(frame)


class Device(Rig):
    """The rig behind a FrameReceiver, with the agent's habits, and the invariants checked at every step."""

    def __init__(self, noise):
        super().__init__()
        self.receiver = FrameReceiver()
        self.chooser = noise

    def wire(self, data):
        at = 0
        while at < len(data):
            at = self.receiver.feed(data, at, len(data))
            if self.receiver.ready:
                self.hear_frame(bytes(self.receiver.buffer[: self.receiver.length]))
                self.check()

    def settle(self):
        """What the store says when it has verified; what the agent does after a report."""
        if self.state == states.VERIFYING:
            if self.chooser() % 3:
                self.client.verified(self.chooser() % 2 == 0)
            else:
                self.client.refused(0x96)
            self.send()
        self.check()

    def _consider(self):
        client = self.client
        choice = self.chooser() % 4
        if choice == 0:
            client.decline()
        elif choice == 1 and client.base == ss.CANDIDATE:
            client.end.tell()
        elif client.offers_the_same():
            client.download.go_on()
        else:
            self.file[:] = b""
            client.start_download(0, 0xFFFF, client.offer.file_size)

    def check(self):
        client = self.client
        assert client.outstanding == ss.NONE or client.waiting == ss.NONE, "never two at a time"
        assert client.poll_action() == 0 and client.state != states.OFFERED
        due = client.poll_timeout()
        if client.state in (states.VERIFYING, states.ACTIVATING):
            assert due == ss.FOREVER, "the store's turn"
        else:
            assert 0 <= due < 1 << 30, "a next deadline"
        if client.state in (states.ENDING, states.WAITING, states.COUNTDOWN, states.ACTIVATING):
            assert client.base == ss.CANDIDATE
        if client.state == states.REPORTING:
            assert client.base == ss.NOTHING and client.status != 0
        if client.base == ss.DOWNLOAD:
            assert client.download.offset == len(self.file) <= client.download.size
        assert client.upgrade_status() in range(7)
        assert 0 <= client.download.minimum_block_period <= 0xFFFE
        assert len(client.image) == 8 and len(client.offset) == 4
        assert len(self.endpoint.reply) == 128 and len(self.receiver.buffer) == 514
        for reply in self.replies:
            assert 12 < len(reply) <= 128
        self.replies.clear()

    def pass_time(self, milliseconds):
        before = len(self.asked)
        super().pass_time(milliseconds)
        assert len(self.asked) - before <= 2 + milliseconds // 50, "polite"


def linked(frame):
    out = bytearray(encoded_limit(len(frame)))
    return bytes(out[: encode(frame, len(frame), out)])


def begin(device, state):
    """Somewhere on the way of an update."""
    ways = [lambda: None, device.query, device.downloading, device.verifying, device.ending, device.waiting]
    ways += [device.reporting, lambda: device.downloading(5), lambda: device.downloading(size=0xFFFFFFFF)]
    rules = device._consider
    device._consider = super(Device, device)._consider
    ways[state % len(ways)]()
    device._consider = rules


@seed(1)
@QUICK
@given(
    st.integers(0, 8),
    st.lists(st.tuples(frames(), st.sampled_from([0, 1, 49, 3000, 10000, 3600000])), max_size=25),
    st.lists(st.integers(0, 255), min_size=8, max_size=8),
)
def test_any_frames_at_any_state(state, steps, choices):
    bag = list(choices)

    def choose():
        bag.append(bag.pop(0))
        return bag[-1]

    device = Device(choose)
    begin(device, state)
    device.replies.clear()
    for frame, elapsed in steps:
        device.wire(linked(frame))
        device.settle()
        device.pass_time(elapsed)
        device.settle()
    recover(device)


def recover(device):
    """After the storm a good hub still updates the device, or it has been told to activate."""
    device.chooser = lambda: 7
    device.receiver.reset()
    for _ in range(6):
        device.asked.clear()
        device.wire(linked(aps(notify())))
        for _ in range(2000):
            device.settle()
            if device.state in (states.ACTIVATING, states.COUNTDOWN):
                return
            if not device.asked:
                device.pass_time(max(device.client.poll_timeout(), 1))
                continue
            request = device.asked.pop()
            device.asked.clear()
            if request.command == QUERY:
                answer = offer(NEW + 7)
            elif request.command == BLOCK_REQUEST:
                if request.payload[1:9] != identity_bytes(NEW + 7):
                    answer = block_status(0x95)
                else:
                    answer = block(request.offset, IMAGE[request.offset :][: request.size], NEW + 7)
            else:
                version = struct.unpack_from("<I", request.payload, 5)[0]
                answer = end_response(0, 0, version)
            server = {
                "source": device.endpoint.server_address,
                "source_endpoint": device.endpoint.server_endpoint,
            }
            device.wire(linked(aps(answer, **server)))
    raise AssertionError(f"stuck in state {device.state}")


@seed(2)
@QUICK
@given(st.integers(0, 8), st.binary(max_size=2000))
def test_any_bytes_on_the_wire(state, data):
    device = Device(lambda: 1)
    begin(device, state)
    device.replies.clear()
    device.wire(data)
    device.settle()
    device.wire(b"\x7e" + data + b"\x7e")
    device.settle()


def fed(data, step):
    """What became of a file: its fields, or the refusal."""
    file = UpgradeFile()
    room = len(file.head)
    for at in range(0, len(data), step):
        length = min(step, len(data) - at)
        try:
            taken = file.feed(data, at, length)
        except Rejected as refusal:
            assert refusal.number == MALFORMED_FILE and refusal.detail
            return refusal.detail
        finally:
            assert len(file.head) == room == MAX_HEADER + 6
        assert 0 <= taken <= length and (taken == length or file.ready)
    if not file.ready:
        assert file.fill == len(data)
        return None
    assert file.image_length > 0 and file.image_offset + file.image_length == file.size
    return (file.manufacturer_code, file.image_type, file.file_version, file.image_offset, file.image_length)


@st.composite
def files(draw):
    data = bytearray(
        upgrade_file(
            draw(st.sampled_from([b"", EUI64, b"\x01\x02\x03\x04", bytes(30)])),
            draw(st.integers(0, 15)),
            payload=draw(st.sampled_from([PAYLOAD, b"", b"\xd8", upgrade_file()])),
            element=draw(st.booleans()),
            size=draw(st.one_of(st.none(), st.integers(0, 0xFFFFFFFF), st.sampled_from([0, 1, 1 << 31]))),
        )
    )
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


@seed(3)
@QUICK
@given(st.one_of(files(), st.binary(max_size=300)), st.integers(1, 80))
def test_any_bytes_as_an_upgrade_file(data, step):
    assert fed(data, step) == fed(data, 1) == fed(data, len(data) or 1)
