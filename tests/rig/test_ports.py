"""Serial ports that come and go, power, locks, the wire: on pseudo-terminals, which are ports to pyserial."""

import asyncio
import contextlib
import os
import random
import sys
import tty
from types import SimpleNamespace

import pytest

from hal.link import FrameReceiver
from tools.emulator.state_dir import StateDir
from tools.errors import Failed
from tools.rig import on_device, power
from tools.rig.bench_file import CommandPower, EmulatedPower, RelayPower
from tools.rig.events import Events
from tools.rig.lock import BenchLock
from tools.rig.port import Port
from tools.rig.wire import HOST, Wire, _encoded
from tools.simulator.hub import SimHub

SOON_S = 10.0


@contextlib.contextmanager
def open_pty():
    """(outer end, name) of a pseudo-terminal; it goes at the end of the block."""
    outer, inner = os.openpty()
    tty.setraw(inner)
    try:
        yield outer, os.ttyname(inner)
    finally:
        os.close(outer)
        os.close(inner)


async def comes(condition):
    async with asyncio.timeout(SOON_S):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_port_comes_goes_and_comes_back(tmp_path):
    async def run():
        link = tmp_path / "port"
        heard = []
        port = Port(str(link), 115200, heard.append)
        port.start()
        assert not port.write(b"lost: nothing is there")
        for turn in (b"first", b"second"):
            with open_pty() as (outer, name):
                link.unlink(missing_ok=True)
                link.symlink_to(name)
                await port.wait_open(SOON_S)
                assert port.write(turn)
                assert os.read(outer, 100) == turn
                os.write(outer, turn)
                await comes(lambda turn=turn: turn in b"".join(heard))
            await comes(lambda: not port.opened.is_set())
        await port.stop()

    asyncio.run(run())


def test_a_port_that_does_not_open_says_why(tmp_path):
    async def run():
        port = Port(str(tmp_path / "none"), 115200, lambda data: None)
        port.start()
        with pytest.raises(Failed, match="does not open within 0.1 s: .*No such file"):
            await port.wait_open(0.1)
        await port.stop()

    asyncio.run(run())


def test_a_port_is_not_shared():
    async def run():
        with open_pty() as (_, name):
            first = Port(name, 115200, lambda data: None)
            first.start()
            await first.wait_open(SOON_S)
            second = Port(name, 115200, lambda data: None)
            second.start()
            with pytest.raises(Failed, match="exclusively lock"):
                await second.wait_open(0.2)
            await first.stop()
            await second.wait_open(SOON_S)
            await second.stop()

    asyncio.run(run())


def test_a_link_of_yesterday_leads_nowhere(tmp_path):
    """The kernel gives the number of a closed pseudo-terminal to the next who asks: another bench, say."""

    async def run():
        with open_pty() as (_, name):
            link = tmp_path / "console"
            link.symlink_to(name)
            made = os.stat(name).st_ctime_ns - 1
            os.utime(link, ns=(made, made), follow_symlinks=False)
            port = Port(str(link), 115200, lambda data: None)
            port.start()
            with pytest.raises(Failed, match="newer than itself"):
                await port.wait_open(0.2)
            with pytest.raises(Failed, match="newer than itself"):
                with on_device.repl(str(link), 115200):
                    pass
            link.unlink()
            link.symlink_to(name)
            await port.wait_open(SOON_S)
            await port.stop()

    asyncio.run(run())


def test_an_emulated_board_s_ports_are_gone_before_its_power(tmp_path):
    state = StateDir(tmp_path)
    state.han.symlink_to("/dev/pts/1")
    state.console.symlink_to("/dev/pts/2")
    supply = power.make(EmulatedPower("host", None, ""), tmp_path, ())
    left = []
    kill = SimpleNamespace(returncode=None, kill=lambda: left.append(sorted(tmp_path.iterdir())))
    supply._process = kill
    supply.cut()
    assert left == [[]]


def test_events_and_whatever_else_a_console_says():
    async def run():
        seen = []
        events = Events(seen.append)
        events.feed(b'garbage \xff\n{"event": "bo')
        assert not seen
        events.feed(b'ot", "slot": "A"}\r\n[1, 2]\n{"no": "event"}\nTraceback (most recent call last):\n')
        events.feed(b"x" * 10000)
        assert [str(event) for event in seen] == ["boot slot=A"]
        assert events.tracebacks == 1
        assert (await events.wait_for("boot", 1, slot="A")) is seen[0]
        with pytest.raises(Failed, match="no event boot slot=B within 0.05 s; the last ones: boot slot=A"):
            await events.wait_for("boot", 0.05, slot="B")

    asyncio.run(run())


def test_power_by_command(tmp_path):
    async def run():
        on = (sys.executable, "-c", f"open({str(tmp_path / 'on')!r}, 'w')")
        off = (sys.executable, "-c", f"import os; os.unlink({str(tmp_path / 'on')!r})")
        supply = power.make(CommandPower(on, off), tmp_path, ())
        await supply.on()
        assert (tmp_path / "on").exists()
        supply.cut()
        await supply.off()
        assert not (tmp_path / "on").exists()
        with pytest.raises(Failed, match="(?s)ended with 1: .*FileNotFoundError"):
            await supply.off()
        with pytest.raises(Failed, match="cannot run the power command /no/program"):
            await power.make(CommandPower(("/no/program",), off), tmp_path, ()).on()

    asyncio.run(run())


def test_power_by_relay(tmp_path):
    async def run():
        with open_pty() as (outer, name):
            supply = power.make(
                RelayPower(name, 9600, b"\xa0\x01\x01\xa2", b"\xa0\x01\x00\xa1"), tmp_path, ()
            )
            await supply.on()
            assert os.read(outer, 100) == b"\xa0\x01\x01\xa2"
            supply.cut()
            assert os.read(outer, 100) == b"\xa0\x01\x00\xa1"
        with pytest.raises(Failed, match="cannot switch the relay"):
            await supply.off()

    asyncio.run(run())


def test_a_busy_bench_is_refused_or_waited_for(tmp_path):
    async def run():
        path = tmp_path / "lock"
        async with BenchLock("desk", path, wait=False):
            with pytest.raises(Failed, match=f"bench desk is busy .process {os.getpid()}.; --wait"):
                async with BenchLock("desk", path, wait=False):
                    pass
            waiting = asyncio.create_task(BenchLock("desk", path, wait=True).__aenter__())
            await asyncio.sleep(0.3)
            assert not waiting.done()
        lock = await asyncio.wait_for(waiting, SOON_S)
        await lock.__aexit__()

    asyncio.run(run())


def frames_in(data):
    receiver = FrameReceiver()
    found = []
    at = 0
    while at < len(data):
        at = receiver.feed(data, at, len(data))
        if receiver.ready:
            found.append(bytes(receiver.buffer[: receiver.length]))
    return found


def block_response(hub):
    """What the hub answers a block request."""
    request = b"\x01\x05\x03\x00" + hub.identity + bytes(4) + b"\x3f"
    head = bytes([1, 0]) + (0x1234).to_bytes(2, "little") + bytes(2) + b"\x01\x01\x19\x00\x04\x01"
    (answer,) = hub.handle(head + request)
    return answer


def test_the_wire_carries_counts_and_loses_frames():
    async def run():
        with open_pty() as (outer, name):
            wire = Wire(name, 115200)
            await wire.start()
            await wire.port.wait_open(SOON_S)
            reader, writer = await asyncio.open_connection(HOST, wire.tcp_port)
            hub = SimHub()
            hub.offer(bytes(range(200)))
            frame = block_response(hub)
            for loss, carried in ((0.0, 1), (1.0, 0)):
                wire.loss = loss
                wire.chance = random.Random(1)
                writer.write(_encoded(frame) + _encoded(hub.notify()))
                wanted = carried + 1  # a Notify is never lost
                got = b""
                while len(frames_in(got)) < wanted:
                    got += await asyncio.wait_for(asyncio.to_thread(os.read, outer, 4096), SOON_S)
                assert len(frames_in(got)) == wanted
            assert wire.lost == 1
            assert wire.statistics.sent["Image Block Response"].frames == 1
            assert wire.statistics.sent["Image Notify"].frames == 2
            # The other way, with noise before it.
            os.write(outer, b"boot banner\r\n" + _encoded(frame))
            wire.loss = 0.0
            assert frames_in(await asyncio.wait_for(reader.read(4096), SOON_S)) == [frame]
            # Without a port, frames are lost on the way, and counted.
        await comes(lambda: not wire.port.opened.is_set())
        writer.write(_encoded(frame))
        await comes(lambda: wire.statistics.undelivered == 1)
        writer.close()
        await wire.stop()

    asyncio.run(run())
