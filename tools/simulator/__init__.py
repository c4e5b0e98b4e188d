"""The whole update in one process, from one seed: device, hub, link, flash, time and power.

- ``flash``      a NOR part that tells of each operation, and everything that a cut in it may leave
- ``hub``        a small upgrade server of our own, with the state that a story needs
- ``world``      one life of the device: boot, agent, application, virtual time, watchdog
- ``stories``    what happens: a full update, a replaced image, a trial that crashes, ...
- ``oracle``     what must be true, judged from the flash and the hub alone
- ``explorer``   a cut at every operation of every life, states seen once, recoveries cut again
- ``seeded``     one-line bugs that the explorer must catch
"""
