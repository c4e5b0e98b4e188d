"""All that is selected of this package runs side by side (tests/scenarios.py).

Each test has a device of its own, and none may depend on another. What is awaited is an event or an answer,
with a deadline.
"""

import pytest

from tests import scenarios
from tests.end_to_end.device_and_hub import Place
from tools.demo import images as demo_images


@pytest.fixture(scope="package", name="scenarios")
def running_scenarios(request, tmp_path_factory):
    images = demo_images.make(tmp_path_factory.mktemp("images"))
    with scenarios.running(request, lambda name: Place(images, tmp_path_factory.mktemp("place"))) as running:
        yield running
