"""The hub's files for one device alone, asked for by the real client."""

import asyncio
import struct

import pytest

from firmware_agent.protocol import session as ss
from firmware_agent.protocol import states
from tests.hub.fake_device import FakeDevice
from tests.portable.scripted import Identity, Rig
from tests.portable.specific_file import CONFIGURATION, CONTENTS, FILE, VERSION, asking, contents, file_of
from tools.hub.han_frame import HanFrame
from tools.hub.images import UnusableImage
from tools.hub.session import HubSession
from tools.hub.specific_files import SpecificFiles


def hub(tmp_path, *files):
    paths = []
    for number, data in enumerate(files):
        paths.append(tmp_path / f"{number}.ota")
        paths[-1].write_bytes(data)
    return SpecificFiles(tuple(paths))


def play(rig, served):
    """Carry frames until the device asks nothing any more; how many there were."""
    count = 0
    while rig.asked:
        frame = HanFrame.from_contents(rig.asked.pop(0).frame)
        answer = served.answer(frame)
        assert answer is not None, frame
        rig.hear(answer)
        count += 1
    return count


def test_client_fetches_its_file_from_the_hub(tmp_path):
    older = bytearray(FILE)
    struct.pack_into("<I", older, 14, VERSION - 1)
    another = file_of(destination=b"\x09" + Identity.eui64[1:])
    served = hub(tmp_path, another, bytes(older), FILE)
    rig = asking()
    assert play(rig, served) == 1 + -(-len(FILE) // 50) + 1
    assert bytes(contents(rig)) == CONTENTS and rig.client.file.file_version == VERSION
    assert rig.state == states.IDLE and served.told == {CONFIGURATION: 0}


def test_device_without_a_file_is_told_so(tmp_path):
    for served in (hub(tmp_path), hub(tmp_path, file_of(destination=b"\x09" + Identity.eui64[1:]))):
        rig = asking()
        assert play(rig, served) == 1
        assert rig.client.base == ss.NOTHING and contents(rig) is None


def test_file_that_the_device_refuses_is_told(tmp_path):
    bad = bytearray(FILE)
    bad[4] ^= 1  # another header version, which only the device looks at
    served = hub(tmp_path, bytes(bad))
    play(asking(), served)
    assert served.told == {CONFIGURATION: 0x96}


def test_firmware_is_left_to_zigpy(tmp_path):
    served = hub(tmp_path, FILE)
    for rig in (Rig().downloading(), Rig().ending()):
        assert served.answer(HanFrame.from_contents(rig.take().frame)) is None
    query = Rig().query()
    assert served.answer(HanFrame.from_contents(query.frame)) is None


@pytest.mark.parametrize(
    "data", [b"", FILE[:30], FILE[:-1], file_of(destination=b""), file_of(image_type=0x0084)], ids=range(5)
)
def test_unusable_files_are_named(tmp_path, data):
    with pytest.raises(UnusableImage, match="0.ota: "):
        hub(tmp_path, data)


def test_the_hub_answers_over_its_link_and_zigpy_does_not(tmp_path):
    async def story():
        device = FakeDevice(verdict=1)
        async with asyncio.timeout(10), device:
            async with HubSession("127.0.0.1", device.port, specific_files=hub(tmp_path, FILE)) as session:
                await session.wait_for_device(10)
                device.send_ota(8, Identity.eui64 + struct.pack("<HHIH", 0x1234, CONFIGURATION, 1, 2))
                ids = struct.pack("<HHI", 0x1234, CONFIGURATION, VERSION)
                device.send_ota(6, b"\0" + ids)
                while 7 not in [frame.command for frame in device.received]:
                    await asyncio.sleep(0.01)
                # Time for an answer of zigpy's own.
                await session.read_file_version()
                return [frame.zcl for frame in device.received]

    answers = asyncio.run(story())
    # Queries of the scripted device, zigpy answers; the rest is Notify, reads, and once what was asked here.
    answers = [zcl for zcl in answers if zcl[0] == 0x19 and zcl[2] not in (0, 2)]
    assert [zcl[2] for zcl in answers] == [9, 7]
    assert answers[0][3] == 0 and answers[1][3:11] == struct.pack("<HHI", 0x1234, CONFIGURATION, VERSION)
