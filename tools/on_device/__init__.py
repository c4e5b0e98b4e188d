"""Code of the benchmarks that runs on a device."""
