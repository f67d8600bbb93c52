"""Speed beside peers, in one run on one machine: `python -m benchmarks`."""
