"""The payloads of the test images, computed alike on every interpreter."""


def payload(seed, size):
    """``size`` bytes without a short period."""
    data = bytearray(size)
    x = seed
    for i in range(size):
        x = x * 1103 + 12345 & 0xFFFF
        data[i] = x >> 8
    return bytes(data)
