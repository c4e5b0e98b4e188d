"""The hardware-in-the-loop rig: benches, plans, and what a run of them has shown."""
