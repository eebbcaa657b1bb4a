"""Workloads measured for Lamina and for its peers, side by side: `python -m benchmarks`."""
