"""A hub's file for one device: its bytes, and the frames that bring it."""

import struct

from tests.portable.scripted import NO_IMAGE, Identity, Rig, block

SPECIFIC = 8
CONFIGURATION = 0xFFC1
VERSION = 0x00000007
CONTENTS = bytes(range(100))
EUI64 = Identity.eui64


def file_of(
    contents=CONTENTS, destination=EUI64, image_type=CONFIGURATION, size=None, magic=0x0BEEF11E, length=None
):
    """An upgrade file for one device: header, destination, contents."""
    control = 2 if destination else 0
    whole = 56 + len(destination)
    head = struct.pack(
        "<IHHHHHIH",
        magic,
        0x0100,
        whole if length is None else length,
        control,
        0x1234,
        image_type,
        VERSION,
        2,
    )
    size = whole + len(contents) if size is None else size
    return head + bytes(32) + struct.pack("<I", size) + destination + contents


FILE = file_of()
FILE_SIZE = len(FILE)


def file_offer(size=FILE_SIZE, manufacturer=0x1234, image_type=CONFIGURATION, status=0):
    ids = struct.pack("<HHII", manufacturer, image_type, VERSION, size)
    return bytes([0x19, 2, 9, status]) + ids


def file_block(request, data=FILE, image_type=CONFIGURATION):
    part = data[request.offset : request.offset + request.size]
    return block(request.offset, part, version=VERSION, image_type=image_type)


def asking(**settings):
    """A device at rest that has just asked; first what it had to ask anyway."""
    rig = Rig(specific_file_size=512, **settings)
    rig.query()
    rig.hear(NO_IMAGE)
    assert rig.client.fetch(CONFIGURATION)
    rig.send()
    rig.actions.clear()
    return rig


def contents(rig):
    """What was fetched last; None if there is none, and nobody keeps the place for it."""
    file = rig.client.file
    return None if file is None else file.contents
