"""A hostile hub: a whole device from its link to its flash, and bytes that decide what it hears.

``home.py`` is the device and what must hold, ``targets.py`` turns bytes into frames and files, ``run.py`` is
the process that atheris drives. ``python -m tools.fuzz`` runs campaigns.
"""
