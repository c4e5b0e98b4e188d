"""Worked examples: the flash of MicroPython's ports as FlashAreas, one module a port (boards/PORTING.md).

Each was written from the port's source (release 1.26), runs in the tests over a model of that port's
device, and is checked against the port's stubs. None has run on the real part here.
"""
