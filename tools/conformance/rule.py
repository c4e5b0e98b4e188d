"""A rule: key, text, source. Tests name them by ``# rule:`` comments (tools/conformance/page.py).

Sources: "ZCL" is the ZigBee Cluster Library r8 with its OTA Upgrade chapter 11 as implementations quote it;
"Silabs", "Exegin", "Atmel", "Espressif" are those vendors' clients, as read; "zigpy" (2.4.0) and "herdsman"
(zigbee-herdsman 11.1.1 and 10.9.2, the one in zigbee2mqtt) were measured, unless it says source. "GB" is the
British smart-metering specification.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """``key`` is what tests write; it is never given to another rule."""

    key: str
    text: str
    source: str
