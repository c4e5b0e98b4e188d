"""The updater comes and goes: unloaded at rest, and nobody outside can tell."""

import sys

from firmware_agent import agent as agent_module
from firmware_agent.agent import Agent
from hal.link import encoded_limit
from tests.portable import bench
from tests.portable.scripted import HOUR, QUERY, aps
from tests.portable.scripted_board import Application
from tests.portable.serving_hub import MICROPYTHON, NOTIFY, READ_ATTRIBUTES, SECOND, Hub, live, loaded

HEAP = "1M"
REST = 10 * SECOND


def started(board, application=None):
    agent = Agent(board, bench.Bench().at_factory().power_on(), application or Application())
    agent.start()
    return agent


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
