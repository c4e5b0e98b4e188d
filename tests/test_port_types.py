"""The worked examples against their ports' stubs: right as they are, and a mistake is seen."""

import pytest

from tools import layout, port_types

MISTAKES = {
    "rp2": ("rp2.Flash(start=", "rp2.Flask(start="),
    "esp32": ("Partition.TYPE_DATA", "Partition.TYPE_DATUM"),
    "stm32": ("flash.ioctl(_INIT, _EXTENDED)", "flash.ioctl(_INIT)"),
}


@pytest.mark.parametrize("port", port_types.PORTS)
def test_a_mistake_is_seen(port, tmp_path):
    source = (layout.ROOT / "boards" / "ports" / f"{port}_flash.py").read_text()
    right, wrong = MISTAKES[port]
    assert right in source
    path = tmp_path / f"{port}_flash.py"
    path.write_text(source)
    assert port_types.check(port, path).returncode == 0
    # Under a name of its own: mypy remembers what it checked in this very second.
    path = tmp_path / f"{port}_mistaken.py"
    path.write_text(source.replace(right, wrong))
    assert port_types.check(port, path).returncode == 1
