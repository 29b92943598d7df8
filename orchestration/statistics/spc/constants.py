"""Control chart constants, each with its source."""

import math
from typing import Final

D2_TABLE: Final = 1.128
"""d2 for n = 2 by the three-digit table, which Minitab, JMP and R qcc use.

Montgomery, *Introduction to Statistical Quality Control*, appendix "Factors for constructing
variables control charts".
"""

D2_EXACT: Final = 2 / math.sqrt(math.pi)
"""d2 for n = 2, the expected range of two standard normal values, 1.128379...

Limits by this figure differ from those by the table in the fourth digit.
"""

MEDIAN_RANGE_TABLE: Final = 0.954
"""Median range of two standard normal values (0.953873), as Minitab divides the median by it."""

D4_TABLE: Final = 3.267
"""Upper limit of a moving range of two, in means of the moving range (same appendix)."""

MOVING_RANGE_FREEDOM: Final = 0.605
"""Degrees of freedom of a mean moving range, for each of its ranges.

Each shares a reading with the next, so that 100 of them tell of sigma what 60 free readings do
(Cryer and Ryan, "The estimation of sigma for an X chart", *Journal of Quality Technology* 22 (1990)
187-192).
"""

LIMIT_SIGMAS: Final = 3.0
"""Distance of a control limit from the centre (Shewhart 1931)."""

NELSON_2_RUN: Final = 9
"""Points on one side of the centre (Nelson 1984). Western Electric says 8, NHS practice 7."""

ON_LINE_SIGMAS: Final = 1e-9
"""A point this close to a line is on it, so that a last binary digit decides nothing."""

MIN_READINGS: Final = 8
"""Fewest baseline readings that are charted at all."""

BASELINE_READINGS: Final = 24
"""Readings in a full baseline; limits from fewer are trial limits."""

MIN_EXPECTED_COUNT: Final = 1.0
"""Smallest mean count per reading that a p or u chart can carry.

Below it three sigma is no longer a one in 370 event: at an expected 0.5 the upper limit is 2.6 and
a count of 3 comes by chance in 1.4 % of the readings. Rarer events need a g or t chart.
"""

STORED_DIGITS: Final = 10
"""Significant digits that results are rounded to before anyone stores them."""
