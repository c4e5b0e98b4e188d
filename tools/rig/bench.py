"""A bench at work: a board with power, its console, and its HAN; judged at every boot and every cut."""

import asyncio
from pathlib import Path

from boards.common import flash_map as fm
from tools.device_event import Event
from tools.emulator.state_dir import StateDir
from tools.errors import Failed
from tools.rig import hubs, power, record
from tools.rig.bench_file import BenchSpec, EmulatedPower
from tools.rig.events import Events
from tools.rig.images import FACTORY, STEP, Image, Images
from tools.rig.port import Port
from tools.rig.record import Record
from tools.rig.wire import Wire
from tools.simulator.flash import Geometry
from tools.simulator.oracle import Oracle, Past, Violation

GEOMETRY = Geometry(fm.ERASE_SIZE, fm.WRITE_SIZE, fm.JOURNAL_UNITS, fm.SLOT_UNITS)
_OPEN_S = 15.0
_BOOT_S = 60.0
_SETTLE_S = 300.0
_VERSION_S = 120.0
_ASK_AGAIN_S = 0.3


class Bench:
    """``version``: what the board runs for good, as far as is known. ``approved``: the versions that may run.

    An async context manager: power off and ports closed in the end, whatever happened.
    """

    def __init__(self, spec: BenchSpec, directory: Path, record: Record):
        self.spec = spec
        self.directory = directory
        self.record = record
        self.images = Images(spec, directory / "images")
        self.events = Events(self._told)
        self.version = FACTORY
        self.approved: dict[int, bytes] = {}
        self.state: StateDir | None = None
        console, han = spec.console, spec.han
        options: tuple[str, ...] = ()
        state = directory / "device"
        if isinstance(spec.power, EmulatedPower):
            state = spec.power.state or state
            self.state = StateDir(state.resolve())
            options = self._emulated_options(self.state)
            console, han = str(self.state.console), str(self.state.han)
        self.power = power.make(spec.power, state.resolve(), options)
        self.wire = Wire(han, spec.baud)
        self.console = Port(console, spec.baud, self.events.feed, self.events.cut)

    def _emulated_options(self, state: StateDir) -> tuple[str, ...]:
        factory = self.images.make(FACTORY)
        if not state.holds_device:
            self.approved[FACTORY] = factory.signed
        spec = self.spec
        return (
            *("--factory", str(factory.path.resolve()), "--trust", str(self.images.trust.resolve())),
            *("--device", spec.device, "--manufacturer-code", f"0x{spec.manufacturer_code:04x}"),
            *("--hardware-version", str(spec.hardware_version)),
        )

    async def __aenter__(self) -> "Bench":
        await self.wire.start()
        self.console.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        try:
            await self.power.off()
        finally:
            await self.console.stop()
            await self.wire.stop()

    @property
    def has_trace(self) -> bool:
        """Its flash tells each operation, and loses its power inside one when told to."""
        return isinstance(self.spec.power, EmulatedPower) and self.spec.power.board == "qemu_mps2"

    # Power

    async def begin(self) -> None:
        """The first power-on of a run: from off, so that the board is where the run believes it to be."""
        await self.power.off()
        boot = await self.power_on()
        if boot.fields["state"] == "trial":
            # An earlier update has come this far: it ends, one way or the other, before anything else.
            since = len(self.events.events)
            async with self.hub():
                boot = await self.events.wait_for(("confirmed", "reverted"), _SETTLE_S, since)
        self.version = int(boot.fields["file_version"], 16)

    async def power_on(self) -> Event:
        """Returns the board's boot event, judged."""
        since = len(self.events.events)
        await self.plug_in()
        return await self.boots(since)

    async def plug_in(self) -> None:
        """Power on, and both ports are open."""
        self.events.cut()
        self.record.mark(record.POWER_ON, "power on")
        await self.power.on()
        await self.console.wait_open(_OPEN_S)
        await self.wire.port.wait_open(_OPEN_S)

    async def boots(self, since: int) -> Event:
        """The first boot event from number ``since`` on."""
        boot = await self.events.wait_for("boot", _BOOT_S, since)
        self.judge_boot(boot)
        return boot

    def cut_now(self) -> None:
        """The power goes, at once; power_off() must follow."""
        self.record.mark(record.CUT, f"cut {self.record.cuts() + 1}")
        self.power.cut()

    async def power_off(self, cut: bool = False) -> None:
        """Returns when the board has no power. cut: it is a power cut that cut_now() has not begun."""
        if cut:
            self.cut_now()
        await self.power.off()
        self.record.mark(record.POWER_OFF, "power off")

    # Images

    def next_image(self, app: str | None = None, approve: bool = True) -> Image:
        """A newer image than any before; approve: its firmware may run for good."""
        version = max([self.version, *self.approved]) + STEP
        image = self.images.make(version, app)
        self.approved[version] = image.signed if approve else b""
        return image

    def hub(self) -> hubs.Hub:
        """The bench's hub, on its wire."""
        return hubs.make(self.spec.hub, self.wire)

    async def reports(self, hub: hubs.Hub, version: int) -> None:
        """Until the device itself tells the hub that it runs ``version``."""
        told: int | None = None
        try:
            async with asyncio.timeout(_VERSION_S):
                while told != version:
                    told = await hub.reads_version() or told
                    await asyncio.sleep(_ASK_AGAIN_S)
        except TimeoutError:
            shown = "nothing" if told is None else f"0x{told:08x}"
            raise Failed(f"the device reports {shown}, not 0x{version:08x}") from None

    # Judging

    def judge_boot(self, boot: Event) -> None:
        """What runs is approved; on an emulated board, byte for byte."""
        version = int(boot.fields["file_version"], 16)
        if self.approved and version not in self.approved and version != self.version:
            raise Failed(f"0x{version:08x} runs, which nobody made: {boot}")
        memory = self.flash()
        if memory is not None and self.approved.get(version):
            try:
                self._oracle().runs(memory, "AB".index(boot.fields["slot"]), version)
            except Violation as violation:
                raise Failed(str(violation)) from violation

    def judge_cut(self, confirmed: int) -> None:
        """What a cut left: the confirmed firmware is whole (seen on an emulated board)."""
        memory = self.flash()
        if memory is not None and self.approved.get(confirmed):
            try:
                self._oracle().at_cut(memory, Past(confirmed=confirmed))
            except Violation as violation:
                raise Failed(str(violation)) from violation

    def flash(self) -> bytes | None:
        """Every byte of an emulated board's flash; None of a real one's."""
        return None if self.state is None else self.state.read_flash()

    def _oracle(self) -> Oracle:
        return Oracle(GEOMETRY, {version: data for version, data in self.approved.items() if data})

    def _told(self, event: Event) -> None:
        self.record.last_event = str(event)
        self.record.mark(record.EVENT, str(event))
