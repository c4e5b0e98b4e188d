import socket

import pytest
import zigpy.device


@pytest.fixture(autouse=True)
def quick_zigpy(monkeypatch):
    """zigpy gives a device 10 s to restart after an update; the scripted one needs none."""
    monkeypatch.setattr(zigpy.device, "AFTER_OTA_ATTR_READ_DELAY", 0.05)


@pytest.fixture
def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]
