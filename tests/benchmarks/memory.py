"""What a benchmark says of memory."""

from __future__ import annotations

import resource


def peak_gigabytes() -> float:
    """Return the largest resident set of this process so far; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
