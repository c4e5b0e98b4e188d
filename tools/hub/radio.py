"""A radio library for zigpy whose radio is the HAN serial link over TCP.

zigpy is unmodified. Two things it cannot know are settled here:

* A HAN has one application profile. zigpy takes ZCL frames of ZigBee Home Automation only and drops those
  of Smart Energy, so frames of either profile reach it as Home Automation, and whatever it sends to an
  application endpoint leaves under the HAN's profile.
* The device's end of the stream goes away at every power cut. The radio stays, and connects again; a
  unicast into a closed stream fails with DeliveryError, a broadcast reaches nobody.
"""

import asyncio
import logging
import typing
from collections.abc import Callable
from typing import Any

import zigpy.application
import zigpy.config as conf
import zigpy.state
import zigpy.types as t
import zigpy.zdo.types as zdo_t
from zigpy.endpoint import Status as EndpointStatus
from zigpy.exceptions import DeliveryError
from zigpy.profiles import zha

from firmware_agent.protocol.aps_frame import BROADCAST, COORDINATOR, UNICAST
from tools.hub.han_frame import ZDO_ENDPOINT, HanFrame
from tools.hub.link_client import LinkClient, LinkDown
from tools.hub.statistics import LinkStatistics

_LOGGER = logging.getLogger(__name__)
HOME_AUTOMATION = zha.PROFILE_ID
SMART_ENERGY = 0x0109
_APPLICATION_PROFILES = (HOME_AUTOMATION, SMART_ENERGY)
_SCHEME = "socket://"
# Locally administered: no real coordinator has it.
_HUB_IEEE = t.EUI64.convert("02:00:00:00:00:00:00:00")
_CHANNEL = 11  # the link has none; zigpy wants one
_PAN_ID = 0x1A62


def radio_config(host: str, port: int) -> dict[str, Any]:
    """zigpy's configuration for this radio: nothing on disk, nothing from the network, nothing periodic."""
    return {
        conf.CONF_DEVICE: {conf.CONF_DEVICE_PATH: f"{_SCHEME}{host}:{port}"},
        conf.CONF_DATABASE: None,
        conf.CONF_OTA: {conf.CONF_OTA_ENABLED: False},
        conf.CONF_NWK_BACKUP_ENABLED: False,
        conf.CONF_TOPO_SCAN_ENABLED: False,
        conf.CONF_WATCHDOG_ENABLED: False,
    }


class HanRadio(zigpy.application.ControllerApplication):
    """zigpy's controller on the HAN serial link; the device path is ``socket://HOST:PORT``."""

    DISPLAY_NAME = "HAN serial link"
    DESCRIPTION = "The emulated HAN of hanota, over TCP"

    def __init__(
        self,
        config: dict[str, Any],
        profile: int = HOME_AUTOMATION,
        observe: Callable[[HanFrame], bytes | None] | None = None,
    ) -> None:
        """``profile`` is the HAN's; ``observe`` sees each frame received just before
        zigpy does; a ZCL frame that it returns is the answer, and zigpy does not see the question."""
        super().__init__(config)
        self.profile = profile
        self._observe = observe
        self._statistics = LinkStatistics()
        self._answers: set[asyncio.Future[None]] = set()
        path: str = self.config[conf.CONF_DEVICE][conf.CONF_DEVICE_PATH]
        host, _, port = path.removeprefix(_SCHEME).rpartition(":")
        self.link = LinkClient(host, int(port), self._frame_received, self._link_connected)

    @property
    def statistics(self) -> LinkStatistics:
        self._statistics.bad_frames = self.link.dropped
        return self._statistics

    # The radio's life, as zigpy calls it.

    async def connect(self) -> None:
        self.link.start()

    async def disconnect(self) -> None:
        await self.link.close()

    async def load_network_info(self, *, load_devices: bool = False) -> None:
        self.state.node_info = zigpy.state.NodeInfo(
            nwk=t.NWK(COORDINATOR),
            ieee=_HUB_IEEE,
            logical_type=zdo_t.LogicalType.Coordinator,
            model=self.DISPLAY_NAME,
            manufacturer="hanota",
        )
        self.state.network_info = zigpy.state.NetworkInfo(
            pan_id=t.PanId(_PAN_ID),
            channel=t.uint8_t(_CHANNEL),
            channel_mask=t.Channels.CHANNEL_11,
        )

    async def start_network(self) -> None:
        coordinator = self.add_device(self.state.node_info.ieee, self.state.node_info.nwk)
        coordinator.model = self.state.node_info.model
        coordinator.manufacturer = self.state.node_info.manufacturer
        coordinator.node_desc = node_descriptor(zdo_t.LogicalType.Coordinator)
        await self.register_endpoints()

    async def add_endpoint(self, descriptor: zdo_t.SimpleDescriptor) -> None:
        endpoint = self._device.add_endpoint(descriptor.endpoint)
        endpoint.profile_id = descriptor.profile
        endpoint.status = EndpointStatus.ZDO_INIT
        for cluster_id in descriptor.input_clusters:
            endpoint.add_input_cluster(cluster_id)
        for cluster_id in descriptor.output_clusters:
            endpoint.add_output_cluster(cluster_id)

    # The emulated HAN has no joining, no keys and no settings to write.

    async def permit_ncp(self, time_s: int = 60) -> None:
        """Joining is always open."""

    async def permit_with_link_key(self, node: t.EUI64, link_key: t.KeyData, time_s: int = 60) -> None:
        """Joining is always open and without keys."""

    async def force_remove(self, dev: Any) -> None:
        """The link has no lower-level leave."""

    async def reset_network_info(self) -> None:
        """There are no settings to forget."""

    async def write_network_info(
        self, *, network_info: zigpy.state.NetworkInfo, node_info: zigpy.state.NodeInfo
    ) -> None:
        raise zigpy.exceptions.CannotWriteNetworkSettings("the HAN serial link has no network settings")

    # Frames.

    async def send_packet(self, packet: t.ZigbeePacket) -> None:
        frame = self._outgoing(packet)
        contents = frame.to_contents()
        try:
            wire_bytes = await self.link.send(contents)
        except LinkDown as error:
            self._statistics.undelivered += 1
            if frame.kind == UNICAST:
                raise DeliveryError(str(error)) from error
        else:
            self._statistics.count_sent(frame, len(contents), wire_bytes)

    async def _reply(self, frame: HanFrame, payload: bytes) -> None:
        """Send the answer to a frame back to where it came from."""
        ends = (frame.source, frame.destination_endpoint, frame.source_endpoint)
        reply = HanFrame(UNICAST, frame.destination, *ends, frame.cluster_id, frame.profile_id, payload)
        contents = reply.to_contents()
        try:
            self._statistics.count_sent(reply, len(contents), await self.link.send(contents))
        except LinkDown:
            self._statistics.undelivered += 1

    def _outgoing(self, packet: t.ZigbeePacket) -> HanFrame:
        assert packet.dst is not None
        mode, address = packet.dst.addr_mode, packet.dst.address
        if mode == t.AddrMode.IEEE:
            address = self.get_device_with_address(packet.dst).nwk
        elif mode not in (t.AddrMode.NWK, t.AddrMode.Broadcast):
            raise DeliveryError(f"the HAN serial link does not carry {mode!r}")
        profile = int(packet.profile_id)
        if packet.dst_ep != ZDO_ENDPOINT and profile in _APPLICATION_PROFILES:
            profile = self.profile
        return HanFrame(
            kind=BROADCAST if mode == t.AddrMode.Broadcast else UNICAST,
            source=int(self.state.node_info.nwk),
            destination=int(typing.cast(int, address)),
            source_endpoint=packet.src_ep or 0,
            destination_endpoint=packet.dst_ep or 0,
            cluster_id=packet.cluster_id,
            profile_id=profile,
            payload=packet.data.serialize(),
        )

    def _link_connected(self) -> None:
        self._statistics.connections += 1

    def _frame_received(self, contents: bytes, wire_bytes: int) -> None:
        try:
            frame = HanFrame.from_contents(contents)
        except ValueError as error:
            self._statistics.bad_contents += 1
            _LOGGER.debug("dropped: %s", error)
            return
        self._statistics.count_received(frame, len(contents), wire_bytes)
        try:
            answer = None if self._observe is None else self._observe(frame)
            if answer is not None:
                self._answers.add(task := asyncio.ensure_future(self._reply(frame, answer)))
                task.add_done_callback(self._answers.discard)
                return
            packet = self._incoming(frame)
            self.notify_packet_callbacks(packet)
            self.packet_received(packet)
        except Exception:
            # What zigpy cannot parse must not end the link.
            self._statistics.bad_contents += 1
            _LOGGER.debug("zigpy could not take %r", frame, exc_info=True)

    def _incoming(self, frame: HanFrame) -> t.ZigbeePacket:
        profile = HOME_AUTOMATION if frame.profile_id in _APPLICATION_PROFILES else frame.profile_id
        mode = t.AddrMode.Broadcast if frame.kind == BROADCAST else t.AddrMode.NWK
        return t.ZigbeePacket(
            src=t.AddrModeAddress(addr_mode=t.AddrMode.NWK, address=t.NWK(frame.source)),
            src_ep=t.uint8_t(frame.source_endpoint),
            dst=t.AddrModeAddress(addr_mode=mode, address=t.NWK(frame.destination)),
            dst_ep=t.uint8_t(frame.destination_endpoint),
            profile_id=t.uint16_t(profile),
            cluster_id=t.uint16_t(frame.cluster_id),
            data=t.SerializableBytes(frame.payload),
        )


def node_descriptor(logical_type: zdo_t.LogicalType, manufacturer_code: int = 0) -> zdo_t.NodeDescriptor:
    """A descriptor of a mains-powered node with its receiver on, set by hand where no interview is made."""
    flags = zdo_t.NodeDescriptor.MACCapabilityFlags
    return zdo_t.NodeDescriptor(
        logical_type=logical_type,
        complex_descriptor_available=0,
        user_descriptor_available=0,
        reserved=0,
        aps_flags=0,
        frequency_band=zdo_t.NodeDescriptor.FrequencyBand.Freq2400MHz,
        mac_capability_flags=flags.FullFunctionDevice | flags.MainsPowered | flags.RxOnWhenIdle,
        manufacturer_code=manufacturer_code,
        maximum_buffer_size=82,
        maximum_incoming_transfer_size=255,
        server_mask=0,
        maximum_outgoing_transfer_size=255,
        descriptor_capability_field=zdo_t.NodeDescriptor.DescriptorCapability.NONE,
    )
