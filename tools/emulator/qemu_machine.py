"""boards/qemu_mps2: real firmware on QEMU, which lives through the device's resets.

The flash is PSRAM that QEMU maps from DIR/flash.bin, so what the processor wrote before QEMU was killed is
in the file: killing it is a power cut between two instructions.
"""

import asyncio
import functools
import json
import os
import socket

from boards.common import flash_map as fm
from boards.qemu_mps2 import memory_map as mm
from tools import toolchain
from tools.emulator.launcher import die_with
from tools.emulator.machine import Life, Machine, Options
from tools.emulator.state_dir import StateDir
from tools.errors import Failed

QEMU = "qemu-system-arm"


class QemuMps2Machine(Machine):
    """``lock``: the state directory's, shared with QEMU."""

    def __init__(self, state: StateDir, options: Options, lock: int):
        self._state = state
        self._options = options
        self._lock = lock
        self._memory = state.map(0, mm.PSRAM_SIZE)
        self._shown = b""

    async def start(self, cause: str) -> Life:
        """``cause`` is not told: the chip knows it."""
        toolchain.require(QEMU)
        put_facts(self._memory, self._options)
        console, console_inside = socket.socketpair()
        link, link_inside = socket.socketpair()
        with console_inside, link_inside:
            process = await asyncio.create_subprocess_exec(
                QEMU,
                *self._arguments(console_inside.fileno(), link_inside.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[console_inside.fileno(), link_inside.fileno(), self._lock],
                start_new_session=True,
                preexec_fn=functools.partial(die_with, os.getpid()),
            )
        from_console, to_console = await asyncio.open_connection(sock=console, limit=1 << 20)
        from_device, to_device = await asyncio.open_connection(sock=link)
        return Life(process, from_console, from_device, to_device, to_console)

    def beat(self) -> None:
        """Copy the display's frame to DIR/screen.txt, where other boards have it."""
        shown = self._memory[mm.SCREEN : mm.SCREEN + fm.SCREEN_SIZE]
        if shown != self._shown:
            self._shown = shown
            self._state.screen.write_bytes(shown)

    def _arguments(self, console: int, link: int) -> list[str]:
        return [
            *chip_arguments(self._state),
            *("-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=han,fd={link}", "-serial", "chardev:han"),
        ]


def chip_arguments(state: StateDir) -> list[str]:
    """QEMU's arguments for the chip and its memory; the serial ports are left to the caller."""
    backing = str(state.flash.resolve()).replace(",", ",,")
    return [
        *("-object", f"memory-backend-file,id=psram,size={mm.PSRAM_SIZE},share=on,mem-path={backing}"),
        *("-machine", "mps2-an385,memory-backend=psram"),
        *("-nodefaults", "-display", "none"),
        # The machine has a network chip, and QEMU warns if it leads nowhere; this one reaches nothing.
        *("-nic", "user,restrict=on,model=lan9118"),
        # Only for the exit code: the firmware opens no files by it.
        *("-semihosting-config", "enable=on,target=native"),
        *("-kernel", str(state.firmware.resolve())),
    ]


def put_page(memory, offset: int, data: bytes) -> None:
    """``data`` at ``offset`` of the PSRAM, its page filled up with zeros."""
    if len(data) >= mm.PAGE:
        raise Failed(f"{len(data)} bytes do not fit into a page of the emulated board")
    memory[offset : offset + mm.PAGE] = data + bytes(mm.PAGE - len(data))


def put_facts(memory, options: Options) -> None:
    """What the board is told of its next start, into the PSRAM."""
    facts = {**options.facts(), "entropy": int.from_bytes(os.urandom(3), "little")}
    put_page(memory, mm.FACTS, json.dumps(facts).encode())
    size = int(options.heap.rstrip("km")) << {"k": 10, "m": 20}.get(options.heap[-1], 0)
    at = mm.WORLD + mm.REG_HEAP_SIZE
    memory[at : at + 4] = size.to_bytes(4, "little")
