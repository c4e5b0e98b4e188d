"""Whole devices, emulated on real MicroPython, and an unmodified zigpy hub, joined by the HAN serial link."""
