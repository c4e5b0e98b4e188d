"""Code that runs on a device, of the benchmarks and of the board's check."""
