"""One hub and one device: zigpy's own OTA manager, from the first contact to the version read back."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import zigpy.types as t
import zigpy.zdo.types as zdo_t
from zigpy.device import ZigbeeDevice
from zigpy.endpoint import Status as EndpointStatus
from zigpy.exceptions import DeliveryError
from zigpy.ota import OtaImageWithMetadata
from zigpy.zcl import AttributeReadEvent, ClusterType, foundation
from zigpy.zcl.clusters.general import Basic, Ota

from tools.hub.han_frame import ZDO_ENDPOINT, HanFrame
from tools.hub.images import load_image
from tools.hub.radio import HOME_AUTOMATION, HanRadio, node_descriptor, radio_config
from tools.hub.specific_files import SpecificFiles
from tools.hub.statistics import LinkStatistics

Progress = Callable[[int, int], None]
# Answers that tell a device's IEEE address by its short one, and the other way round.
_NAMES = (zdo_t.ZDOCmd.IEEE_addr_rsp, zdo_t.ZDOCmd.NWK_addr_rsp)
_VERSION = Ota.AttributeDefs.current_file_version
# A device that is on the HAN but has nothing to say is asked, by a broadcast Image Notify.
_FIRST_CALL_S = 0.3
_NEXT_CALL_S = 5.0
# A device is back on the link well within zigpy's own patience with a silent one.
_LINK_WAIT_S = 30.0
# zigpy's notification and interview after an update are for its own books; nobody waits longer for them.
_AFTERCARE_S = 10.0
_READ_S = 5.0
_USUAL_ENDPOINT = 1
# Locally administered, and not the hub's own.
_MADE_UP_IEEE = 0x02_00_00_00_01_00_00_00


class DeviceAway(Exception):
    """The device fell off the HAN or silent: nothing was refused, and trying again may well work.

    ``took_image`` tells whether it had reported Upgrade End with success before.
    """

    def __init__(self, message: str, took_image: bool = False) -> None:
        super().__init__(message)
        self.took_image = took_image


class HubSession:
    """zigpy as the hub of one device on the HAN serial link at HOST:PORT.

    Use as an async context manager; the link connects in the background and again after every power cut.
    The device's address, endpoint and IEEE address are learnt from its first frames unless given.
    The device is described to zigpy by hand, so that no interview delays the update. ``specific_files`` are
    served whenever their device asks.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        profile: int = HOME_AUTOMATION,
        device_address: int | None = None,
        device_endpoint: int | None = None,
        device_ieee: str | None = None,
        specific_files: SpecificFiles | None = None,
    ) -> None:
        self._files = specific_files or SpecificFiles()
        self._radio = HanRadio(radio_config(host, port), profile, self._observe)
        self._place = f"{host}:{port}"
        self._given_address = self._address = device_address
        self._given_endpoint = self._endpoint = device_endpoint
        self._ieee = None if device_ieee is None else t.EUI64.convert(device_ieee)
        self._known = asyncio.Event()
        self._updating = False
        self._upgrade_end: foundation.Status | None = None
        self._offered = 0  # the file version of the image that update() serves, or served last
        self._ended_another: foundation.Status | None = None

    async def __aenter__(self) -> Self:
        await self._radio.startup()
        if self._address is not None and self._endpoint is not None:
            self._describe(self._endpoint)
            self._known.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._radio.shutdown()

    @property
    def statistics(self) -> LinkStatistics:
        """Everything counted since the session began."""
        return self._radio.statistics

    @property
    def connected(self) -> asyncio.Event:
        """Set while the stream to the device is open."""
        return self._radio.link.connected

    @property
    def device_address(self) -> int | None:
        """The device's short address, once known."""
        return self._address

    @property
    def device_endpoint(self) -> int | None:
        """The device's endpoint with the OTA Upgrade client, once known."""
        return self._endpoint

    @property
    def device_ieee(self) -> str | None:
        """The device's IEEE address as announced or given; None if it never announced itself."""
        return None if self._ieee is None else str(self._ieee)

    @property
    def upgrade_end_status(self) -> int | None:
        """The status of the device's last Upgrade End Request for what update() served, None if none came."""
        return None if self._upgrade_end is None else int(self._upgrade_end)

    @property
    def device(self) -> ZigbeeDevice:
        """zigpy's device object; it is another one after each update. DeviceAway before first contact."""
        device = self._radio.devices.get(self._key())
        if not isinstance(device, ZigbeeDevice):
            raise DeviceAway("no device is known yet; wait_for_device() first")
        return device

    async def wait_for_device(self, timeout_s: float) -> None:
        """Return once the device's address and endpoint are known and the link is up.

        A device that stays silent is called by broadcast Image Notify. DeviceAway after timeout_s.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.connected.wait()
                pause = _FIRST_CALL_S
                while not self._known.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._known.wait(), pause)
                        break
                    await self.broadcast_notify()
                    pause = _NEXT_CALL_S
        except TimeoutError:
            heard = "it is connected but says nothing" if self.connected.is_set() else "nothing listens there"
            raise DeviceAway(f"no device at {self._place} within {timeout_s:g} s: {heard}") from None

    async def broadcast_notify(self, jitter: int = 100) -> None:
        """Broadcast Image Notify: each device queries with a probability of jitter percent."""
        await self._radio.ota.broadcast_notify(jitter=jitter)

    async def update(
        self, image: Path | str | OtaImageWithMetadata, progress: Progress | None = None
    ) -> foundation.Status:
        """Offer one image and serve it to the end, by zigpy's ``device.update_firmware``.

        ``progress(offset, size)`` is called with the end of each block served. Returns zigpy's status:

        * SUCCESS: the device took the image and reported its file version afterwards (which one:
          read_file_version());
        * NO_IMAGE_AVAILABLE: zigpy did not offer it, because the device's query did not fit it;
        * any other: the device refused with that status in its Upgrade End Request, or broke the
          protocol (MALFORMED_COMMAND).

        DeviceAway if the device fell silent (zigpy waits 30 s for a block request, 60 s for Upgrade End)
        or was not heard again after the update, or if it first had to report the end of another file, by
        which zigpy, blind to file versions, ends its session. UnusableImage if the file cannot be served.
        """
        if not isinstance(image, OtaImageWithMetadata):
            image = load_image(image)
        if self._updating:
            raise RuntimeError("an update of this device is under way")
        try:
            await asyncio.wait_for(self.connected.wait(), _LINK_WAIT_S)
        except TimeoutError:
            raise DeviceAway(f"no connection to {self._place} within {_LINK_WAIT_S:g} s") from None
        self._upgrade_end = self._ended_another = None
        self._offered = image.version
        self._updating = True
        try:
            status = await self._run_zigpy_update(image, progress)
        except (TimeoutError, DeliveryError) as error:
            took_image = self._upgrade_end == foundation.Status.SUCCESS
            raise DeviceAway(f"the device did not answer after the update: {error!r}", took_image) from error
        finally:
            self._updating = False
        if status in (foundation.Status.TIMEOUT, foundation.Status.FAILURE) and not self._upgrade_end:
            took_image = self._upgrade_end == foundation.Status.SUCCESS
            raise DeviceAway(f"the device fell silent during the update ({status.name})", took_image)
        if self._upgrade_end is None and status == self._ended_another:
            raise DeviceAway(
                f"the device reported the end of another file ({status.name}), of an earlier update"
            )
        return status

    async def read_file_version(self, timeout_s: float = _READ_S) -> int:
        """Read the device's CurrentFileVersion. DeviceAway if it does not answer or does not tell."""
        try:
            async with asyncio.timeout(timeout_s):
                values, _ = await self._ota_cluster().read_attributes([_VERSION.name], retries=0)
        except (TimeoutError, DeliveryError) as error:
            raise DeviceAway(f"the device did not answer a read of its file version: {error!r}") from error
        if _VERSION.name not in values:
            raise DeviceAway("the device answered without its file version")
        return int(values[_VERSION.name])

    async def _run_zigpy_update(
        self, image: OtaImageWithMetadata, progress: Progress | None
    ) -> foundation.Status:
        device = self.device
        version_read = asyncio.Event()
        forget = self._ota_cluster().on_event(AttributeReadEvent.event_type, lambda _: version_read.set())
        report = None if progress is None else (lambda offset, size, percent: progress(offset, size))
        update = asyncio.create_task(device.update_firmware(image, report))
        watch = asyncio.create_task(version_read.wait())
        try:
            await asyncio.wait((update, watch), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((update,), timeout=_AFTERCARE_S)
            # zigpy answers None only to a second update at a time, which update() excludes.
            return (await update if update.done() else None) or foundation.Status.SUCCESS
        finally:
            forget()
            for task in (update, watch):
                task.cancel()
            await asyncio.gather(update, watch, return_exceptions=True)
            if update.cancelled():
                # An interview cut short leaves zigpy with the empty device it was about to fill.
                self._radio.devices[device.ieee] = device

    def _ota_cluster(self) -> Ota:
        cluster = self.device.find_cluster(Ota.cluster_id, ClusterType.Client)
        assert isinstance(cluster, Ota)
        return cluster

    # What the device's frames tell. Each is seen here before zigpy gets it.

    def _observe(self, frame: HanFrame) -> bytes | None:
        if frame.cluster_id == zdo_t.ZDOCmd.Device_annce and frame.destination_endpoint == ZDO_ENDPOINT:
            address, rest = t.NWK.deserialize(frame.payload[1:])
            self._announced(int(address), t.EUI64.deserialize(rest)[0])
        elif frame.cluster_id in _NAMES and frame.destination_endpoint == ZDO_ENDPOINT:
            # zigpy asks who sent a frame if it does not know, and makes a device of the answer. Left to
            # itself it would be a second one under the same address, and updates would wait for the other.
            if frame.payload[1] == zdo_t.Status.SUCCESS:
                ieee, rest = t.EUI64.deserialize(frame.payload[2:])
                self._announced(int(t.NWK.deserialize(rest)[0]), ieee)
        elif frame.cluster_id == Ota.cluster_id and frame.source_endpoint != ZDO_ENDPOINT:
            self._heard(frame.source, frame.source_endpoint)
            answer = self._files.answer(frame)
            if answer is not None:
                return answer
            end = frame.ota_command(Ota.ServerCommandDefs.upgrade_end, foundation.Direction.Client_to_Server)
            if end is not None and end.file_version == self._offered:
                self._upgrade_end = end.status
            elif end is not None:
                self._ended_another = end.status
        return None

    def _announced(self, address: int, ieee: t.EUI64) -> None:
        if self._given_address not in (None, address):
            return
        device = self._radio.devices.get(self._key())
        if isinstance(device, ZigbeeDevice) and device.ieee != ieee:
            # It was known by address only. Replacing the object would cut an update short.
            del self._radio.devices[device.ieee]
            device._ieee = ieee
            device.nwk = t.NWK(address)
            self._radio.devices[ieee] = device
        self._ieee = ieee
        self._address = address
        if device is None:
            # zigpy would interview an unknown device; the endpoint is put right by _heard().
            self._describe(self._endpoint or _USUAL_ENDPOINT)
        if self._endpoint is not None:
            self._known.set()

    def _heard(self, address: int, endpoint: int) -> None:
        unchanged = (address, endpoint) == (self._address, self._endpoint)
        if self._known.is_set() and (unchanged or self._updating):
            return
        if self._given_address not in (None, address) or self._given_endpoint not in (None, endpoint):
            return
        self._address = address
        self._endpoint = endpoint
        self._describe(endpoint)
        self._known.set()

    def _key(self) -> t.EUI64:
        """The IEEE address zigpy keeps the device by: its own, or one made up from its short address."""
        if self._ieee is not None:
            return self._ieee
        return t.EUI64.deserialize((_MADE_UP_IEEE | (self._address or 0)).to_bytes(8, "little"))[0]

    def _describe(self, endpoint_id: int) -> None:
        """Tell zigpy all that an interview would find out."""
        key = self._key()
        device = self._radio.devices.get(key) or self._radio.add_device(key, t.NWK(self._address))
        assert isinstance(device, ZigbeeDevice)
        device.nwk = t.NWK(self._address)
        device.node_desc = node_descriptor(zdo_t.LogicalType.Router)
        for other in device.non_zdo_endpoints:
            del device.endpoints[other.endpoint_id]
        endpoint = device.add_endpoint(endpoint_id)
        endpoint.profile_id = self._radio.profile
        endpoint.status = EndpointStatus.ZDO_INIT
        endpoint.add_input_cluster(Basic.cluster_id)
        endpoint.add_output_cluster(Ota.cluster_id)
        self._radio.device_initialized(device)
