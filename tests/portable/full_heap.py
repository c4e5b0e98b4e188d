"""A heap in which next to nothing is free, on MicroPython."""


def filled(left):
    """Takes all of the heap but pieces of less than ``left`` bytes, until its result is let go of."""
    rest = None
    size = 65536
    while size >= left:
        try:
            rest = [rest, bytearray(size)]
        except MemoryError:
            size //= 2
    return rest
