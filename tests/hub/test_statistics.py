"""Bytes served twice, against a count of every byte."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tools.hub.statistics import BlockServed, LinkStatistics

BLOCKS = st.lists(st.builds(BlockServed, st.sampled_from([1, 2]), st.integers(0, 60), st.integers(0, 20)))


@given(BLOCKS)
def test_bytes_served_twice_counts_each_repeat_of_each_byte(blocks):
    statistics = LinkStatistics(blocks=blocks)
    for file_version in (1, 2):
        served = Counter(
            byte
            for block in blocks
            if block.file_version == file_version
            for byte in range(block.offset, block.offset + block.length)
        )
        assert statistics.bytes_served(file_version) == served.total()
        assert statistics.bytes_served_twice(file_version) == served.total() - len(served)
