"""The story, told once: an update with a power cut in it, then attacks. A claim is checked as it is made."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

from zigpy.ota import OtaImageWithMetadata
from zigpy.zcl.foundation import Status

from boards.common.flash_map import ERASE_SIZE, JOURNAL_UNITS
from firmware_agent import reject
from firmware_agent.boot import POWER_ON, RESET
from firmware_agent.events import version_text
from firmware_agent.protocol.upgrade_file import BASE_LENGTH, ELEMENT_HEADER
from firmware_agent.store.image_writer import PROOF_SIZE
from tools.demo import images as demo_images
from tools.demo.device import HOST, Device
from tools.demo.images import DEVICE, MANUFACTURER_CODE, V1, V2, Attack, Images
from tools.demo.phase import Phase, erased_units
from tools.demo.screen_watch import ScreenWatch
from tools.demo.stage import Stage
from tools.errors import Failed
from tools.hub.images import load_image
from tools.hub.session import DeviceAway, HubSession
from tools.together import beside

STATE_NAME = "device"
# A stranger's signature and an old sequence number show in the image's first bytes.
MOST_BLOCKS_OF_A_BAD_HEAD = 12
# The display is refreshed once a second; the rest is for a busy host.
MOST_STANDSTILL_S = 5.0
_IMAGE_OFFSET = BASE_LENGTH + ELEMENT_HEADER
_CONTACT_S = 15.0
_BOOT_S = 15.0
_DOWNLOAD_S = 40.0
_TRIAL_S = 40.0
_REPORT_S = 30.0
_SCREEN_S = 10.0
_POWER_OFF_S = 1.0  # long enough to be seen
_LOOK_S = 0.05


class Story:
    """``tell()`` it once. Failed says which claim was not true."""

    def __init__(self, images: Images, stage: Stage, board: str) -> None:
        self.phases: list[Phase] = []
        self._images = images
        self._stage = stage
        self._device = Device(
            images.directory / STATE_NAME,
            images.public_key,
            images.upgrade_file(1),
            ("--board", board, "--device", DEVICE, "--manufacturer-code", f"0x{MANUFACTURER_CODE:04x}"),
            stage.event,
        )

    async def tell(self) -> Sequence[Phase]:
        """All of it; the phases are for the table."""
        async with self._device:
            await self._first_power_on()
            await self._update()
            with tempfile.TemporaryDirectory(prefix="hanota-") as directory:
                for number, attack in enumerate(demo_images.attacks(self._images), 1):
                    path = Path(directory) / f"attack-{number}.ota"
                    path.write_bytes(attack.data)
                    await self._attack(number, attack, load_image(path))
        return self.phases

    def _check(self, true: bool, claim: str, otherwise: object = "") -> None:
        if not true:
            raise Failed(f"not true: {claim}" + (f" ({otherwise})" if otherwise else ""))
        self._stage.claim(claim)

    async def _first_power_on(self) -> None:
        self._stage.step("2. A PPMID on real MicroPython, fresh from the factory")
        await self._device.power_on()
        await self._device.wait_for("boot", _BOOT_S, slot="A", file_version=version_text(V1))
        self._stage.show_screen(self._device.screen)
        await self._screen_shows(V1)
        self._check(True, "it runs version 1 from slot A, and its display says so")

    # The update

    async def _update(self) -> None:
        self._stage.step("3. A zigpy hub offers version 2 and serves it")
        image = load_image(self._images.upgrade_file(2))
        watch = ScreenWatch(self._device)
        async with self._phase("update", image) as phase, self._hub(phase) as session, beside(watch.run()):
            half = asyncio.Event()

            def progress(offset: int, size: int) -> None:
                self._stage.progress("version 2", offset, size)
                phase.served(offset)
                if 2 * offset >= size:
                    half.set()

            async with beside(session.update(image, progress)) as update:
                await _reach(update, half.wait(), _DOWNLOAD_S, "half of the image was served")
                await self._cut_power(phase)
                await self._download_rest(phase, update)
                await self._activate(phase, update)
            await self._conclude(session, watch)

    async def _cut_power(self, phase: Phase) -> None:
        self._stage.step("4. Its power is cut half-way, by SIGKILL, and comes back")
        device = self._device
        await device.power_cut()
        await asyncio.sleep(_POWER_OFF_S)
        before = phase.bytes_fetched
        since = len(device.events)
        await device.power_on()
        resume = await device.wait_for("resume", _BOOT_S, since)
        offset = resume.fields["offset"]
        self._check(
            offset > _IMAGE_OFFSET and before - ERASE_SIZE <= offset <= before,
            f"it goes on at byte {offset}, as far as it is proven on flash, of {before} served",
        )

    async def _download_rest(self, phase: Phase, update: asyncio.Task) -> None:
        verified = self._device.wait_for("verified", _DOWNLOAD_S, phase.first_event)
        await _reach(update, verified, _DOWNLOAD_S, "the device verified the image")
        twice = phase.bytes_fetched_twice
        self._check(
            twice <= ERASE_SIZE + PROOF_SIZE,
            f"{twice} bytes were fetched twice: at most one erase unit, {ERASE_SIZE}, "
            f"and {PROOF_SIZE} that name the image",
        )
        self._check(
            phase.bytes_fetched - twice == phase.image_size,
            f"every one of the file's {phase.image_size} bytes was fetched",
            f"{phase.bytes_fetched - twice} were",
        )

    async def _activate(self, phase: Phase, update: asyncio.Task) -> None:
        self._stage.step("5. It verified what it stored, reports Upgrade End, and tries version 2")
        device = self._device
        version = version_text(V2)
        trial = await device.wait_for("trial", _TRIAL_S, phase.first_event, slot="B", file_version=version)
        outage = phase.outage_ms
        self._check(
            outage is not None and not _saw(phase, "confirmed", before=trial.at),
            f"it runs version 2 on trial; nothing ran for {outage} ms",
        )
        await device.wait_for("confirmed", _TRIAL_S, phase.first_event, slot="B", file_version=version)
        self._check(True, "the self-test passed (application up, HAN rejoined, hub heard): it is confirmed")
        status = await _end(update, "the hub heard nothing of the new version")
        self._check(status == Status.SUCCESS, "to zigpy the update is a success", status.name)

    async def _conclude(self, session: HubSession, watch: ScreenWatch) -> None:
        await self._runs_version_2(session)
        causes = [event.fields["cause"] for event in self._device.events if event.name == "boot"]
        self._check(
            causes == [POWER_ON, POWER_ON, RESET],
            "it started three times: from the factory, after the power cut, and into version 2",
            f"{', '.join(causes)}: {self._device.said}",
        )
        self._check(
            watch.frames > 0 and watch.standstill <= MOST_STANDSTILL_S,
            f"the display was refreshed all the while: {watch.frames} pictures, "
            f"at most {watch.standstill:.1f} s apart",
        )

    # The attacks

    async def _attack(self, number: int, attack: Attack, image: OtaImageWithMetadata) -> None:
        self._stage.step(f"6.{number} Attack: {attack.story}")
        device = self._device
        flash = device.flash()
        async with self._phase(attack.title, image) as phase, self._hub(phase) as session:

            def progress(offset: int, size: int) -> None:
                self._stage.progress(attack.title, offset, size)
                phase.served(offset)

            async with beside(session.update(image, progress)) as update:
                rejected = device.wait_for("rejected", _DOWNLOAD_S, phase.first_event)
                await _reach(update, rejected, _DOWNLOAD_S, "the device refused the image")
                status = await _end(update, "the hub was not told of the refusal")
            reasons = [event.fields["reason"] for event in phase.events if event.name == "rejected"]
            self._check(
                reasons == [reject.name(attack.reason)],
                f"refused after {phase.blocks} blocks: {', '.join(reasons)}",
                f"it ought to be {reject.name(attack.reason)}",
            )
            self._check(
                status == reject.zcl_status(attack.reason),
                f"the hub was told: status 0x{int(status):02x} ({status.name})",
            )
            self._check_cost(attack, phase, flash)
            await self._runs_version_2(session)
        booted = [event.name for event in phase.events if event.name in ("boot", "reset", "trial")]
        self._check(not booted, "it ran on all the while, without a reset", booted)

    def _check_cost(self, attack: Attack, phase: Phase, flash_before: bytes) -> None:
        if attack.wholly_fetched:
            self._check(
                phase.bytes_fetched - phase.bytes_fetched_twice == phase.image_size
                and self._device.slots()["slots"]["A"]["state"] == "rejected",
                "only the whole image could show it; what is stored in slot A counts as rejected",
            )
            return
        self._check(
            phase.blocks <= MOST_BLOCKS_OF_A_BAD_HEAD,
            f"its head was enough: {phase.blocks} blocks of {phase.image_size} bytes",
        )
        phase.end()
        units = erased_units(flash_before, self._device.flash(), ERASE_SIZE)
        self._check(
            all(unit < JOURNAL_UNITS for unit in units) and phase.flash_work["erases"] == len(units),
            f"no slot was erased ({phase.flash_work['erases']} erases in the journal)",
            f"units {units}",
        )

    # Both

    @contextlib.asynccontextmanager
    async def _phase(self, title: str, image: OtaImageWithMetadata) -> AsyncIterator[Phase]:
        phase = Phase(title, self._device, image.metadata.file_size or 0, image.version)
        phase.start()
        yield phase
        phase.end()
        self.phases.append(phase)

    @contextlib.asynccontextmanager
    async def _hub(self, phase: Phase) -> AsyncIterator[HubSession]:
        async with HubSession(HOST, self._device.port) as session:
            phase.statistics = session.statistics
            try:
                await session.wait_for_device(_CONTACT_S)
                yield session
            except DeviceAway as away:
                raise Failed(f"the hub lost the device: {away}") from away

    async def _runs_version_2(self, session: HubSession) -> None:
        version = await session.read_file_version()
        self._check(version == V2, f"the hub reads CurrentFileVersion 0x{version:08x}", f"not 0x{V2:08x}")
        found = self._device.slots()
        running = found["slots"]["B"]
        self._check(
            (found["boots"], running["state"], running["file_version"]) == ("B", "updated", version_text(V2)),
            "slot B boots, with version 2 confirmed in it",
            found,
        )
        await self._screen_shows(V2)
        self._check(True, "the display shows version 2")

    async def _screen_shows(self, version: int) -> None:
        text = version_text(version)
        try:
            async with asyncio.timeout(_SCREEN_S):
                while text not in self._device.screen():
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise Failed(f"the display does not show {text}:\n{self._device.screen()}") from None


async def _reach(update: asyncio.Task, point: Coroutine[Any, Any, Any], timeout_s: float, what: str) -> None:
    """Wait for a point of the story. Failed if the hub's update ends before it, or time is up."""
    async with beside(point) as reached:
        await asyncio.wait((reached, update), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if reached.done():
            reached.result()
        elif not update.done():
            raise Failed(f"not within {timeout_s:g} s: {what}")
        else:
            # An update that failed raises here, and says why.
            raise Failed(f"the hub's update ended ({update.result().name}) before {what}")


async def _end(update: asyncio.Task, otherwise: str) -> Status:
    """zigpy's status at the end of the hub's update."""
    done, _ = await asyncio.wait((update,), timeout=_REPORT_S)
    if not done:
        raise Failed(f"{otherwise} within {_REPORT_S:g} s")
    return update.result()


def _saw(phase: Phase, name: str, before: float) -> bool:
    return any(event.name == name and event.at < before for event in phase.events)
