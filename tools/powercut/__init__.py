"""Real power cuts: the emulated device on real MicroPython, killed at random instants, judged by the
simulator's oracle.
"""
