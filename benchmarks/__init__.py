"""Speed beside peers, in one run on one machine: `python -m benchmarks`.

Ours and theirs take turns, and each counts with its best time, so that a busy machine slows both; a ratio
means more than a time. All use as many threads as they choose: on a busy machine OMP_NUM_THREADS=1 is the
fairer choice, for all.
"""

import time


def best(functions, repeats):
    """The best time of each function in seconds; the functions take turns."""
    times = [[] for _ in functions]
    for function in functions:
        function()  # what is done once is not counted
    for _ in range(repeats):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]
