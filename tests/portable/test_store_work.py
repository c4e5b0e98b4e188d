"""What the store has to do is done while the updater is unloaded; its verdict is acted on by the next one."""

import gc

from firmware_agent.agent import Agent
from firmware_agent.store.firmware_store import COMPLETE
from tests.portable import bench
from tests.portable.scripted import BLOCK, BLOCK_REQUEST, END, FOREVER, QUERY
from tests.portable.scripted_board import Application
from tests.portable.serving_hub import (
    MICROPYTHON,
    NOTIFY,
    READ_ATTRIBUTES,
    SECOND,
    Hub,
    file_of,
    live,
    loaded,
)

HEAP = "1M"
CHECKS = ("start", "admit", "verify_start", "accept")  # of the store's methods, in their order


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


def lived(board, seconds):
    """A device with factory firmware and this hub, so long after its start."""
    with bench.RememberedSignatures():
        agent = Agent(board, bench.Bench().at_factory().power_on(), Working())
        agent.start()
        live(agent, board.now + seconds * SECOND)


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
    lived(board, 5)
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
    lived(board, 30)
    # Each notify had its query, but those that came while one was under way already.
    commands = [command for _, command, _ in board.asked]
    assert commands.count(QUERY) > 2
    assert board.events.count("rejected") == (damaged is not None)
    assert board.events.count("verified") == (damaged is None)
    assert END in commands


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
    # Also if it takes so long to find that out that the first query is due by then.
    for seconds in (0, 3600):
        a_reset_with_every_byte_there(seconds)


def a_reset_with_every_byte_there(seconds):
    image = bench.Image("v2")
    board = Hub()
    board.file = file_of(image)
    device = bench.Bench().at_factory()
    device.power_on()
    assert device.download(image) == COMPLETE
    agent = Agent(board, device.power_on("reset"), Working())
    resume = device.store.resume

    def slow():
        board.now += seconds * SECOND
        return resume()

    device.store.resume = slow
    with bench.RememberedSignatures():
        agent.start()
        agent.poll()
        while "verified" not in board.events:
            agent.poll()
            board.now += 1
            assert board.now < (seconds + 1) * SECOND
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
