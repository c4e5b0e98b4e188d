"""ESP32: ``esp32.Partition`` of type data, one for each area (ports/esp32/esp32_partition.c).

- A block must be 4096 bytes: with any other size there is no erase (-EINVAL).
- Encrypted partitions are written 16 bytes at a time, and what was erased does not read as 0xFF there;
  nothing here relies on that.
- Errors and addresses outside raise OSError; nothing is cached.
- Not mapped into memory: the payload's ROMFS is copied, or the port is built with partitions as ROMFS.
"""

from esp32 import Partition

from hal.flash import FlashArea

ERASE_SIZE = 4096
WRITE_SIZE = 16


def open_area(label):
    """The FlashArea that is the whole data partition ``label``. ValueError if there is none."""
    # Its blocks have 4096 bytes unless something else is asked for.
    found = Partition.find(Partition.TYPE_DATA, label=label)
    if not found:
        raise ValueError("no data partition %s in the partition table" % label)
    partition = found[0]
    return FlashArea(partition, 0, partition.info()[3] // ERASE_SIZE, WRITE_SIZE)
