"""The upgrade client's settings on the command line."""

import click
import pytest

from tools.client_setting import ClientSetting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("page_size=1024", ("page_size", 1024)),
        ("request_node_address=1", ("request_node_address", 1)),
        ("response_timeouts=100,200", ("response_timeouts", [100, 200])),
        ("response_timeouts=100", ("response_timeouts", [100])),
    ],
)
def test_name_and_value(text, expected):
    assert ClientSetting().convert(text, None, None) == expected


@pytest.mark.parametrize(
    "text",
    [
        "page_size",
        "pagesize=1",
        "__doc__=1",
        "page_size=",
        "page_size=-1",
        "page_size=a",
        "page_size=1,2",
        "page_size=1073741824",
        "request_node_address=2",
        "response_timeouts=1,,2",
    ],
)
def test_what_is_none(text):
    with pytest.raises(click.BadParameter):
        ClientSetting().convert(text, None, None)
