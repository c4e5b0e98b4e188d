"""The rig, without a cross compiler: files, ports, power, reports, and whole runs on the host board."""
