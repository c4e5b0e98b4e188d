"""A device that is never restarted: its clocks stay small integers, which a 32-bit port has to 2**30 - 1.

A bigger one is an object: from the twelfth day on (2**30 ms) each step of the loop would allocate one, and a
block would not go from the frame to the flash in a locked heap any more.
"""

from firmware_agent.agent import Agent
from tests.portable.bench import Bench
from tests.portable.scripted import HOUR
from tests.portable.scripted_board import Application, Board

HEAP = "1M"
DAYS = 40
SMALL = 1 << 30


def numbers(thing, path, seen):
    """(path, integer) of every attribute of it, and of what it holds."""
    if id(thing) in seen:
        return
    seen.append(id(thing))
    for name, value in sorted(thing.__dict__.items()):
        at = path + "." + name
        if isinstance(value, int):
            yield at, value
        elif hasattr(value, "__dict__") and not callable(value):
            for found in numbers(value, at, seen):
                yield found


def test_no_clock_outgrows_a_small_integer():
    board = Board()
    agent = Agent(board, Bench().at_factory().power_on(), Application())
    agent.start()
    agent.poll()
    before = dict(numbers(agent, "agent", []))
    for _ in range(DAYS * 24 * 2):
        board.now += HOUR // 2
        agent.poll()
    after = dict(numbers(agent, "agent", []))
    grown = [name for name in after if abs(after[name]) >= SMALL > abs(before.get(name, 0))]
    # The test's own clock, of a board that is its own link, does not wrap: it, and what it said last.
    assert sorted(grown) == ["agent._link.now", "agent.last"]
    assert len(after) > 60
    assert agent.device.milliseconds() == DAYS * 24 * HOUR
