"""A trial that the hub was heard in ends well, also if the hub is away when the self-test passes."""

from firmware_agent.agent import Agent
from tests.portable.bench import Bench
from tests.portable.scripted_board import Application, Board

HEAP = "1M"


class Trial:
    """Takes the place of firmware_agent.trial's; the self-test has passed from the start."""

    confirmed = False

    def check(self, milliseconds, heard):
        return heard

    def confirm(self):
        self.confirmed = True


def on_trial(board):
    agent = Agent(board, Bench().at_factory().power_on(), Application())
    agent.start()
    agent.trial = trial = Trial()
    agent.poll()
    assert agent.updater is not None
    return agent, trial


def test_query_that_cannot_go_out_does_not_keep_the_trial_open():
    board = Board()
    agent, trial = on_trial(board)
    board.joined = False
    board.now += 60000
    agent.poll()
    assert agent.updater.client.poll_timeout() == 0 and not trial.confirmed
    agent.updater.endpoint.heard = True
    agent.poll()
    assert not trial.confirmed and agent.updater is None, "it is unloaded first"
    agent.poll()
    assert trial.confirmed
    # It goes out when the link is back.
    board.joined = True
    agent.poll()
    board.now += 1
    agent.poll()
    assert agent.updater.client.outstanding


def test_trial_waits_for_an_answer_that_is_on_its_way():
    board = Board()
    agent, trial = on_trial(board)
    agent.updater.endpoint.heard = True
    board.now += 1
    agent.updater.client.query()
    agent.updater.endpoint.put_request(bytearray(128))
    agent.poll()
    assert not trial.confirmed
