"""The activation commands that both interpreters are tested with are those that the host makes."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from firmware_agent.reject import Rejected
from firmware_agent.trust import activation
from tests import make_activation_vectors as vectors
from tests.portable.test_activation import device
from tools import zigbee_time


def test_the_vectors_are_what_the_builder_makes():
    assert vectors.OUTPUT.read_text() == vectors.text(), "run python -m tests.make_activation_vectors"


@given(st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(9999, 12, 31)))
def test_a_date_is_counted_as_the_calendar_has_it(when):
    said = when.strftime("%Y%m%d%H%M%SZ").rjust(15, "0").encode()
    expected = when.replace(microsecond=0, tzinfo=datetime.UTC) - zigbee_time.EPOCH
    assert activation._seconds(said) == int(expected.total_seconds())


@given(st.binary(max_size=160) | st.tuples(st.sampled_from([*vectors.GOOD.values()]), st.binary(max_size=9)))
def test_any_bytes_are_refused_and_nothing_else(data):
    if isinstance(data, tuple):
        command, other = data
        at = len(other) * 7
        data = command[:at] + other + command[at + len(other) :]
        if data in vectors.GOOD.values():
            return
    try:
        activation.authorise(data, device())
    except Rejected:
        return
    raise AssertionError(data.hex())
