"""A hub that sends whatever it likes to a whole device: a state machine, and a minute of fuzzing."""

from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from firmware_agent import boot
from tools import fuzz
from tools.fuzzing import targets
from tools.fuzzing.home import GEOMETRY, Broken, Home, linked
from tools.simulator import stories
from tools.simulator.explorer import remembered_signatures

SECONDS = 25  # for each target; both run side by side


@pytest.fixture(scope="module", autouse=True)
def signatures():
    with remembered_signatures():
        yield


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """A corpus of each target, fuzzed for a while, and what came of it."""
    places = {name: tmp_path_factory.mktemp(name) for name in targets.TARGETS}
    with ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(fuzz.campaign, name, SECONDS, place) for name, place in places.items()}
    return places, {name: run.result() for name, run in runs.items()}


def test_a_minute_of_fuzzing_breaks_nothing_and_reaches_the_code(corpora):
    places, campaigns = corpora
    for name, campaign in campaigns.items():
        print(f"{name}: {campaign.executions} executions")
        assert campaign.failure is None, name
        assert campaign.executions > len(targets.seeds(name))
    inputs, modules = fuzz.reached(places)
    print(f"{inputs} inputs reach {fuzz.share(modules):.1f} %")
    assert fuzz.share(modules) >= fuzz.FLOOR
    assert all(hit > count // 3 for hit, count in modules.values()), modules


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_seeded_fault_is_found(name, tmp_path):
    found = fuzz.campaign(name, SECONDS, tmp_path / "corpus", bug=True)
    assert found.failure and "input: none" not in found.failure


class HostileHub(RuleBasedStateMachine):
    """Good answers, bent ones and noise in any order; then a good hub updates the device."""

    @initialize(pages=st.booleans())
    def boot(self, pages):
        self.home = Home(page_size=200) if pages else Home()
        self.hostile = targets.Hostile(self.home, b"")

    def step(self, kind, *rest):
        self.hostile.input = targets.Input(bytes((kind, *rest)))
        self.hostile.step()

    @rule(data=st.binary(max_size=60))
    def noise(self, data):
        self.step(0, len(data), *data)

    @rule(data=st.binary(min_size=4, max_size=60))
    def any_frame(self, data):
        self.home.hear(linked(data))

    @rule(times=st.integers(1, 12))
    def good_answers(self, times):
        for _ in range(times):
            self.step(2)

    @rule(places=st.lists(st.integers(0, 255), min_size=6, max_size=6))
    def bent_answer(self, places):
        self.step(3, 2, *places)

    @rule(cut=st.integers(0, 255))
    def cut_answer(self, cut):
        self.step(8, cut)

    @rule()
    def late_answer(self):
        self.step(9)

    @rule(which=st.integers(0, 5))
    def answer_with_a_size_that_wraps(self, which):
        self.step(13, which)

    @rule(data=st.binary(max_size=80))
    def answer_with_more_behind(self, data):
        self.step(14, len(data), *data)

    @rule(command=st.integers(0, 255), data=st.binary(max_size=40))
    def any_command(self, command, data):
        self.step(6, command, len(data), *data)

    @rule(command=st.sampled_from([1, 3, 4, 6, 8]), status=st.integers(0, 255))
    def refusal(self, command, status):
        self.step(10, command, status)

    @rule(command=st.integers(0, 0x20), data=st.binary(max_size=40))
    def general_command(self, command, data):
        self.step(11, command, len(data), *data, 0)

    @rule()
    def notify(self):
        self.step(5)

    @rule(which=st.integers(0, 11))
    def time_passes(self, which):
        self.step(4, which)

    @rule()
    def link_comes_or_goes(self):
        self.step(7)

    @rule()
    def power_cut(self):
        self.home.power_on(boot.POWER_ON)

    @invariant()
    @precondition(lambda self: hasattr(self, "home"))
    def holds(self):
        self.home.check()

    def teardown(self):
        if hasattr(self, "home"):
            self.home.rescue()
            self.home.check()


HostileHub.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@seed(7)
class TestHostileHub(HostileHub.TestCase):
    pass


def test_the_watch_on_the_flash_sees_a_write_outside_the_slot():
    home = Home()
    page = bytes(GEOMETRY.write_size)
    with pytest.raises(Broken, match="outside the slot"):
        home.store.slots[home.store.state.primary].program(0, page)
    with pytest.raises(Broken, match="before the image was accepted"):
        home.store.slots[home.store.secondary].erase(0)


def test_blocks_without_bytes_for_ever_end_in_back_off_and_then_in_an_update():
    """herdsman sends such blocks past the end of a file, as often as it is asked."""
    home = Home()
    targets.Hostile(home, bytes((4, 5, 2, 2))).run()
    for _ in range(200):
        asked = home.asked
        body = b"\x19" + asked[13:14] + b"\x05\x00" + asked[16:28] + b"\x00"
        home.hear(linked(b"\x01\x00\x00\x00\x34\x12\x01\x01\x19\x00\x04\x01" + body))
        home.pass_time(10000)
        home.check()
    home.rescue()
    assert home.version == stories.NEW
