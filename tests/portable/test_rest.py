"""The updater comes and goes: unloaded at rest and while the store checks, and nobody outside can tell."""

import gc
import struct
import sys

from firmware_agent import agent as agent_module
from firmware_agent.agent import Agent
from firmware_agent.store.firmware_store import COMPLETE
from hal.link import encoded_limit
from tests.portable import bench
from tests.portable.scripted import (
    BLOCK,
    BLOCK_REQUEST,
    END,
    FOREVER,
    HOUR,
    NEW,
    NO_IMAGE,
    QUERY,
    aps,
    block,
    block_status,
    end_response,
    offer,
)
from tests.portable.scripted_board import Application, LinkedBoard

HEAP = "1M"
SECOND = 1000
MICROPYTHON = sys.implementation.name == "micropython"
REST = 10 * SECOND
NOTIFY = b"\x09\x05\x00\x00\x64"
ABORT = 0x95
CHECKS = ("start", "admit", "verify_start", "accept")  # of the store's methods, in their order
READ_ATTRIBUTES = b"\x10\x21\x00"


class Hub(LinkedBoard):
    """A board with a hub behind its link. ``asked``: (time, command, sequence number) of each OTA command it
    got; it has no image unless ``file`` is one, of version NEW."""

    def __init__(self, **client_settings):
        LinkedBoard.__init__(self, **client_settings)
        self.asked = []
        self.sent = []
        self.events = []
        self.file = None
        self.version = NEW
        self.activation = 0  # seconds until then
        self.aborts = False

    def emit(self, event, fields):
        self.events.append(event)

    def reset(self):
        raise SystemExit

    def hear(self, frame):
        self.sent.append(frame)
        if frame[7] == 0 or frame[12] & 3 != 1:
            return
        command, payload = frame[14], frame[15:]
        self.asked.append((self.now, command, frame[13]))
        if command == QUERY:
            self.say(offer(self.version, len(self.file)) if self.file else NO_IMAGE)
        elif command == END:
            self.say(end_response(0, self.activation, version=self.version))
        elif self.aborts:
            self.say(block_status(ABORT))
        elif self.file:
            at = int.from_bytes(payload[9:13], "little")
            self.say(block(at, self.file[at : at + payload[13]], version=self.version))


def file_of(image):
    """The upgrade file of a bench's image."""
    version = image.file_version
    head = struct.pack("<IHHHHHIH", 0x0BEEF11E, 0x0100, 56, 0, 0x1234, 0x0084, version, 2) + bytes(32)
    return head + struct.pack("<I", 56 + len(image.data)) + image.data


def started(board, application=None):
    agent = Agent(board, bench.Bench().at_factory().power_on(), application or Application())
    agent.start()
    return agent


def live(agent, until):
    """Time passes as the agent allows, to ``until``."""
    board = agent.board
    while board.now < until:
        board.now += max(1, min(agent.poll(), until - board.now))
    agent.poll()


def loaded():
    return any(
        name.startswith(("firmware_agent.updater", "firmware_agent.protocol.")) for name in sys.modules
    )


def resting(board):
    agent = started(board)
    live(agent, 15 * SECOND)
    assert agent.updater is None
    return agent


def test_at_rest_the_updater_is_unloaded():
    board = Hub()
    agent = started(board)
    live(agent, REST - SECOND)
    assert [command for _, command, _ in board.asked] == [QUERY]
    heard = board.asked[0][0]
    assert heard < SECOND
    assert agent.updater is not None
    live(agent, heard + REST + SECOND)
    assert agent.updater is None
    assert loaded() != MICROPYTHON


def test_a_question_at_rest_is_answered_and_then_it_rests_again():
    board = Hub()
    agent = resting(board)
    sent = len(board.sent)
    board.say(READ_ATTRIBUTES + b"\x06\x00")
    agent.poll()
    answer = board.sent[sent]
    assert answer[12:15] == b"\x18\x21\x01" and answer[15:] == b"\x06\x00\x00\x30\x00"
    assert agent.updater is not None
    live(agent, board.now + REST + SECOND)
    assert agent.updater is None and len(board.sent) == sent + 1


def test_what_is_for_others_wakes_nobody():
    board = Hub()
    agent = resting(board)
    frame = bytearray(aps(READ_ATTRIBUTES + b"\x06\x00"))
    frame[4] ^= 1  # of the destination
    for contents in (frame, frame[:12]):
        board.send(contents)
        agent.poll()
        assert agent.updater is None


def test_a_notify_by_broadcast_wakes_it():
    board = Hub()
    agent = resting(board)
    asked = len(board.asked)
    board.say(NOTIFY, broadcast=True)
    agent.poll()
    agent.poll()
    assert [command for _, command, _ in board.asked[asked:]] == [QUERY] and "notify" in board.events


def test_it_asks_at_the_same_time_and_with_the_next_number_whether_it_has_rested_or_not():
    asked = []
    rest = agent_module._REST
    for period in (rest, 1000 * HOUR):
        agent_module._REST = period
        try:
            board = Hub(query_period=HOUR)
            agent = started(board)
            live(agent, HOUR // 2)
            assert (agent.updater is None) == (period == rest)
            live(agent, 4 * HOUR)
        finally:
            agent_module._REST = rest
        asked.append(board.asked)
    assert asked[0] == asked[1] and len(asked[0]) >= 4
    assert [number for _, _, number in asked[0]] == [1 + n for n in range(len(asked[0]))]


def test_nothing_that_is_kept_changes_by_resting():
    board = Hub()
    agent = started(board)
    live(agent, 5 * SECOND)
    board.say(READ_ATTRIBUTES + b"\x06\x00", source=0x4321, source_endpoint=7)
    board.say(NOTIFY, source=0x4321, source_endpoint=7)
    live(agent, 6 * SECOND)
    updater = agent.updater
    assert updater.endpoint.server_address == 0x4321 and updater.endpoint.server_endpoint == 7
    assert len(updater._wire) == encoded_limit(len(updater._frame))
    before = updater.keep()
    agent._unload()
    assert agent._load().keep() == before
    assert before[1][0][:3] == (0x4321, 7, 0x0104)


def test_a_heap_without_room_loses_a_frame_and_no_more():
    board = Hub()
    agent = resting(board)
    # By its name: of a module that is imported whole no constant is folded.
    __import__("firmware_agent.updater")
    updater = sys.modules["firmware_agent.updater"]

    class Full:
        def __init__(self, *arguments):
            raise MemoryError

    whole = updater.Updater
    updater.Updater = Full
    sent = len(board.sent)
    try:
        board.say(READ_ATTRIBUTES + b"\x06\x00")
        agent.poll()
    finally:
        updater.Updater = whole
    assert board.events[-1] == "full" and agent.updater is None and len(board.sent) == sent
    # Whatever comes meanwhile: not before a second has passed.
    board.say(READ_ATTRIBUTES + b"\x06\x00")
    live(agent, board.now + SECOND - 1)
    assert agent.updater is None
    live(agent, board.now + 1)
    board.say(READ_ATTRIBUTES + b"\x06\x00")
    agent.poll()
    assert agent.updater is not None and len(board.sent) == sent + 1


class Checked:
    """In the place of a method of the store's: the updater must not be loaded while it runs."""

    def __init__(self, store, name, seen, agent):
        self._method = getattr(store, name)
        self._name = name
        self._seen = seen
        self._agent = agent
        setattr(store, name, self)

    def __call__(self, *arguments):
        self._seen.append(self._name)
        assert self._agent.updater is None, self._name
        assert loaded() != MICROPYTHON, self._name
        gc.collect()
        # What lies on MicroPython's stack may keep it there, by chance.
        assert MICROPYTHON or Alive.alive == [], self._name
        assert self._agent._receiver is None and self._agent._encode is None, self._name
        with bench.RememberedSignatures():
            return self._method(*arguments)


class Alive:
    """Counts in ``alive`` how many of it the collector has left."""

    alive = []

    def __init__(self):
        self.alive.append(self.__class__)

    def __del__(self):
        self.alive.pop()


class Watched(Hub):
    """Each updater of ``agent`` holds an Alive."""

    agent = None

    def hear(self, frame):
        if not hasattr(self.agent.updater, "held"):
            self.agent.updater.held = Alive()
        Hub.hear(self, frame)


def two_lives(board, device, prepare):
    """The life that downloads, and that on trial; ``prepare(name, agent)`` for each method that checks."""
    for cause in ("power-on", "reset"):
        agent = board.agent = Agent(board, device.power_on(cause), Working())
        for name in CHECKS:
            prepare(name, agent)
        agent.start()
        try:
            live(agent, board.now + 60 * SECOND)
        except SystemExit:
            continue


class Working(Application):
    def self_test(self):
        return True

    def may_activate(self):
        return True


def test_while_the_store_checks_the_updater_is_unloaded():
    image = bench.Image("v2")
    board = Watched()
    board.file = file_of(image)
    device = bench.Bench().at_factory()
    seen = []
    two_lives(board, device, lambda name, agent: Checked(device.store, name, seen, agent))
    assert seen == list(CHECKS)
    assert board.events.count("accepted") == board.events.count("confirmed") == 1


class TalksBeside(Hub):
    """Behind the answer to each block request a question comes at once."""

    def say(self, zcl, **how):
        Hub.say(self, zcl, **how)
        if zcl[2] == BLOCK:
            Hub.say(self, READ_ATTRIBUTES + b"\x06\x00")


def test_a_frame_behind_the_one_that_gives_the_store_work_is_taken_after_that():
    image = bench.Image("v2")
    board = TalksBeside()
    board.file = file_of(image)
    board.activation = FOREVER
    with bench.RememberedSignatures():
        agent = Agent(board, bench.Bench().at_factory().power_on(), Working())
        agent.start()
        live(agent, board.now + 5 * SECOND)
    assert board.events.count("accepted") == board.events.count("verified") == 1
    blocks = [number for _, command, number in board.asked if command == BLOCK_REQUEST]
    answers = [frame for frame in board.sent if frame[12:15] == b"\x18\x21\x01"]
    assert len(answers) == len(blocks) == -(-len(board.file) // 63)


class NotifiesAhead(Hub):
    """Before the answer to each block request comes a notify."""

    def say(self, zcl, **how):
        if zcl[2] == BLOCK:
            Hub.say(self, NOTIFY)
        Hub.say(self, zcl, **how)


def test_a_wish_to_query_changes_no_verdict_of_the_store():
    # Refused by its head, and when it is read back; or good.
    for damaged in (60, -1, None):
        a_wish_to_query(damaged)


def a_wish_to_query(damaged):
    image = bench.Image("v2")
    data = bytearray(image.data)
    if damaged is not None:
        data[damaged] ^= 1
    image.data = bytes(data)
    board = NotifiesAhead()
    board.file = file_of(image)
    board.activation = FOREVER
    with bench.RememberedSignatures():
        agent = Agent(board, bench.Bench().at_factory().power_on(), Working())
        agent.start()
        live(agent, board.now + 30 * SECOND)
    # Each notify had its query, but those that came while one was under way already.
    commands = [command for _, command, _ in board.asked]
    assert commands.count(QUERY) > 2
    assert board.events.count("rejected") == (damaged is not None)
    assert board.events.count("verified") == (damaged is None)
    assert END in commands


def test_after_a_rest_one_flag_may_still_end_a_frame_and_start_the_next():
    board = Hub()
    agent = resting(board)
    assert agent._receiver is None
    sent = len(board.sent)
    board.say(READ_ATTRIBUTES + b"\x06\x00")
    assert board.inbox[0] == 0x7E
    board.inbox = board.inbox[1:]
    agent.poll()
    agent.poll()
    assert len(board.sent) == sent + 1


def test_work_that_the_heap_has_no_room_for_is_done_later():
    image = bench.Image("v2")
    board = Hub()
    board.file = file_of(image)
    device = bench.Bench().at_factory()
    failed = []

    def full(name, agent):
        method = getattr(device.store, name)

        def once(*arguments):
            if name not in failed:
                failed.append(name)
                raise MemoryError
            with bench.RememberedSignatures():
                return method(*arguments)

        setattr(device.store, name, once)

    two_lives(board, device, full)
    assert failed == list(CHECKS) and board.events.count("full") == 4
    assert board.events.count("accepted") == board.events.count("confirmed") == 1
    # Nothing was asked for twice.
    blocks = [number for _, command, number in board.asked if command == BLOCK_REQUEST]
    assert len(blocks) == -(-len(board.file) // 63)


def test_after_a_reset_with_every_byte_there_nothing_is_asked_for_before_the_image_is_verified():
    image = bench.Image("v2")
    board = Hub()
    board.file = file_of(image)
    device = bench.Bench().at_factory()
    device.power_on()
    assert device.download(image) == COMPLETE
    agent = Agent(board, device.power_on("reset"), Working())
    with bench.RememberedSignatures():
        agent.start()
        agent.poll()
        while "verified" not in board.events:
            agent.poll()
            board.now += 1
            assert board.now < SECOND
    assert [command for _, command, _ in board.asked if command != END] == []


def test_an_image_that_waits_is_proven_again_after_a_newcomer_was_refused_or_broken_off():
    for broken_off in (False, True):
        an_image_that_waits(broken_off)


def an_image_that_waits(broken_off):
    board = Hub(back_off=10 * SECOND)
    good = bench.Image("v2")
    board.file = file_of(good)
    board.activation = FOREVER
    device = bench.Bench().at_factory()
    agent = Agent(board, device.power_on(), Working())
    with bench.RememberedSignatures():
        agent.start()
        live(agent, 20 * SECOND)
        assert board.events[-1] == "waiting"
        # A newcomer beside it that is refused by its head, or given up by the hub.
        bad = bench.Image("v3")
        bad.data = bad.data[:60] + bytes([bad.data[60] ^ 1]) + bad.data[61:]
        board.file, board.version = file_of(bad), bad.file_version
        board.aborts = broken_off
        board.say(NOTIFY)
        live(agent, board.now + 5 * SECOND)
        assert board.events.count("offer") == 2 and board.events.count("rejected") == (not broken_off)
        # The one that waits is offered again, and may run.
        board.file, board.version, board.activation = file_of(good), good.file_version, 0
        board.aborts = False
        blocks = [command for _, command, _ in board.asked].count(BLOCK_REQUEST)
        board.say(NOTIFY)
        try:
            live(agent, board.now + 20 * SECOND)
        except SystemExit:
            pass
    assert board.events.count("verified") == 2 and board.events[-2:] == ["pending", "reset"]
    assert [command for _, command, _ in board.asked].count(BLOCK_REQUEST) == blocks
