"""Mutation testing of what must never lose the device: the store and boot.

- ``making``     one-place changes of a module, by mutmut's operators and a few of our own
- ``trying``     each in a process of its own: the portable tests, then a slice of the simulator
- ``arguments``  why a mutant that survived is no fault; one without an argument fails ``make mutants``

mutmut itself leaves properties and module constants out, and knows no flash to judge by: so its
operators are taken, and not its runner.
"""
