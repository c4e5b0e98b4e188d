"""A sleepy end device asks its parent for frames: often while an answer is outstanding, else seldom."""

from firmware_agent.agent import Agent
from tests.portable.bench import Bench
from tests.portable.scripted_board import Application, Board

HEAP = "1M"
NODE_DESCRIPTOR = b"\x01\x00\x00\x00\x34\x12\x00\x00\x02\x00\x00\x00\x07\x34\x12"


class SleepyBoard(Board):
    def __init__(self, **client_settings):
        Board.__init__(self, **client_settings)
        self.polls = []

    def poll(self):
        self.polls.append(self.now)


def live(board, milliseconds):
    """The agent, after a life of so long with nobody answering."""
    bench = Bench().at_factory()
    agent = Agent(board, bench.power_on(), Application())
    agent.start()
    while board.now < milliseconds:
        board.now += max(agent.poll(), 1)
    return agent


# rule: sleepy-polls
def test_polls_fast_while_an_answer_is_outstanding_and_else_slowly():
    board = SleepyBoard(
        first_query=1, response_timeouts=(3000,), query_tries=2, short_poll=500, long_poll=5000
    )
    live(board, 30000)
    # The query is out from 1 ms on, and again after 3 s; then nothing is asked for.
    assert board.polls[:12] == [500 * n for n in range(1, 13)]
    assert board.polls[12:] == [11000, 16000, 21000, 26000]


# rule: sleepy-told
def test_a_sleepy_device_says_so_when_it_announces_itself_and_when_it_is_asked():
    for kind, idle in ((Board, 0x08), (SleepyBoard, 0x00)):
        endpoint = live(kind(), 1).updater.endpoint
        out = bytearray(64)
        length = endpoint.put_announce(out)
        assert out[length - 1] == 0x84 | idle
        endpoint.handle_frame(NODE_DESCRIPTOR, len(NODE_DESCRIPTOR))
        # Status and address, logical type and flags, band, capability.
        assert endpoint.reply[12:19] == b"\x07\x00\x34\x12\x02\x40" + bytes([0x84 | idle])


def test_device_that_is_always_awake_does_not_poll():
    board = Board(first_query=1)
    live(board, 10000)
    assert not hasattr(board, "polls")
