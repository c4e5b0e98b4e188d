"""A device-specific file in the whole agent: from a hub to the application that asked for it."""

import struct

from firmware_agent.agent import Agent
from tests.portable.bench import Bench
from tests.portable.scripted import BLOCK_REQUEST, END, HOUR, NEW, NO_IMAGE, QUERY, block, end_response
from tests.portable.scripted_board import LinkedBoard
from tests.portable.specific_file import CONFIGURATION, CONTENTS, FILE, SPECIFIC, VERSION, file_offer

HEAP = "1M"


class Hub(LinkedBoard):
    """A board with a hub behind its link that has a file for the device and no firmware."""

    def __init__(self, **client_settings):
        LinkedBoard.__init__(self, **client_settings)
        self.asked = []

    def hear(self, frame):
        if frame[7] == 0:
            return
        command, payload = frame[14], frame[15:]
        self.asked.append(command)
        if command == QUERY:
            self.say(NO_IMAGE)
        elif command == SPECIFIC:
            self.say(file_offer())
        elif command == BLOCK_REQUEST:
            at = struct.unpack_from("<I", payload, 9)[0]
            part = FILE[at : at + payload[13]]
            self.say(block(at, part, version=VERSION, image_type=CONFIGURATION))
        elif command == END:
            self.say(end_response(0, 0, version=VERSION, image_type=CONFIGURATION))


class Application:
    """Asks for its file once a minute."""

    def __init__(self):
        self.got = []
        self.granted = []

    def start(self, device):
        self.device = device
        device.every(60000, self.ask)

    def ask(self, elapsed):
        self.granted.append(self.device.fetch_file(CONFIGURATION, self.take))

    def take(self, file_version, contents):
        self.got.append((file_version, bytes(contents)))

    def progress(self, status, offset, size):
        pass


def live(board, milliseconds):
    application = Application()
    agent = Agent(board, Bench().at_factory().power_on(), application)
    agent.start()
    while board.now < milliseconds:
        board.now += max(agent.poll(), 1)
    return application


# rule: specific-application
def test_application_gets_its_file_and_no_more_than_one_an_hour():
    board = Hub(specific_file_size=512)
    application = live(board, HOUR + 130000)
    assert application.got == [(VERSION, CONTENTS)] * 2
    assert application.granted == [True] + [False] * 59 + [True, False]
    assert board.asked.count(SPECIFIC) == 2 and board.asked.count(END) == 2


def test_application_on_a_board_that_wants_no_files():
    board = Hub()
    application = live(board, 200000)
    assert application.granted == [False] * 3 and not application.got and SPECIFIC not in board.asked


def test_application_may_ask_for_device_specific_types_only():
    application = live(Hub(specific_file_size=512), 1)
    for image_type in (0x0084, 0xFFBF, 0xFFFF, NEW):
        try:
            application.device.fetch_file(image_type, application.take)
        except ValueError:
            continue
        raise AssertionError(image_type)
