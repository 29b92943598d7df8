"""XmR chart as the NHS programme "Making Data Count" reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.flat import Bools, FlatSeries, Floats, Ints
from orchestration.statistics.spc.individuals import individuals_chart
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.rules import flag_rule

MOVING_RANGES_TO_LIMIT: Final = 2.66
"""Distance of the limits in mean moving ranges: 3 / 1.128, rounded as the programme has it."""

COMMON_CAUSE: Final = "Common Cause"
HIGHER: Final = (
    "Above UCL", "7 Point Trend (Increasing)", "2 in 3 Above CL", "7 Points Above CL",
)  # fmt: skip
Direction = Literal["increase", "decrease"]
Assurance = Literal["consistent_pass", "consistent_fail", "inconsistent"]


@dataclass(frozen=True)
class NhsChart:
    """Lines and causes of every point, shape (n,) each.

    Attributes
    ----------
    mean, mean_moving_range, lower, upper : ndarray
        Lines of the point's phase.
    cause : ndarray of str
        ``Above UCL``, ``Below LCL``, ``7 Point Trend (Increasing)`` or ``(Decreasing)``,
        ``2 in 3 Above CL`` or ``Below CL``, ``7 Points Above CL`` or ``Below CL``, else
        ``Common Cause``. The first in this order wins.
    side : ndarray of int8
        1 above the mean, -1 below, 0 on it.
    phase_start : ndarray of int, shape (n_phases,)
    """

    mean: Floats
    mean_moving_range: Floats
    lower: Floats
    upper: Floats
    cause: NDArray[np.str_]
    side: NDArray[np.int8]
    phase_start: Ints


def nhs_chart(
    values: ArrayLike,
    *,
    freeze: int | None = None,
    split_after: Sequence[int] = (),
    screen_moving_ranges: bool = True,
) -> NhsChart | Refusal:
    """Return the XmR chart with the programme's rules; all members of a pattern are flagged.

    Parameters
    ----------
    values, freeze, split_after
        As in `individuals_chart`.
    screen_moving_ranges : bool
        The R package NHSRplotthedots screens, the programme's spreadsheet does not.

    Returns
    -------
    NhsChart or Refusal
        Refused as `individuals_chart`.

    References
    ----------
    NHS England, *Making Data Count*; R package NHSRplotthedots.
    """
    chart = individuals_chart(
        values, freeze=freeze, split_after=split_after, screen_moving_ranges=screen_moving_ranges
    )
    if isinstance(chart, Refusal):
        return chart
    points = np.asarray(values, dtype=np.float64)
    reach = MOVING_RANGES_TO_LIMIT * chart.mean_moving_range
    sigma = reach / 3

    def flagged(rule: Rule) -> NDArray[np.int8]:
        return flag_rule(
            points,
            rule,
            centre=chart.centre,
            sigma=sigma,
            series_start=chart.phase_start,
            all_members=True,
        ).side

    outside = flagged(Rule("beyond", sigmas=3))
    far = flagged(Rule("beyond", sigmas=2))
    side = flagged(Rule("one_side", length=1))
    trend = flagged(Rule("trend", length=7))
    run = flagged(Rule("one_side", length=7))
    close = _two_in_three(np.where(outside == 0, far, 0).astype(np.int8), side, chart.phase_start)
    cause = np.select(
        [
            *(outside == sign for sign in (1, -1)),
            *(trend == sign for sign in (1, -1)),
            *(close & (side == sign) for sign in (1, -1)),
            *(run == sign for sign in (1, -1)),
        ],
        [
            "Above UCL",
            "Below LCL",
            "7 Point Trend (Increasing)",
            "7 Point Trend (Decreasing)",
            "2 in 3 Above CL",
            "2 in 3 Below CL",
            "7 Points Above CL",
            "7 Points Below CL",
        ],
        default=COMMON_CAUSE,
    )
    return NhsChart(
        mean=chart.centre,
        mean_moving_range=chart.mean_moving_range,
        lower=chart.centre - reach,
        upper=chart.centre + reach,
        cause=cause,
        side=side,
        phase_start=chart.phase_start,
    )


def point_types(chart: NhsChart, direction: Direction) -> NDArray[np.str_]:
    """Return what each point means when an increase (or a decrease) is better.

    A special cause that its name calls higher (above, increasing) is an improvement where an
    increase is better, else a concern: all seven points of a trend mean one thing, also where it
    crosses the mean (NHSRplotthedots since its issue 171). Shape (n,): ``common_cause``,
    ``special_cause_improvement`` or ``special_cause_concern``.
    """
    is_higher = np.isin(chart.cause, HIGHER)
    return np.select(
        [chart.cause == COMMON_CAUSE, is_higher == (direction == "increase")],
        ["common_cause", "special_cause_improvement"],
        default="special_cause_concern",
    )


def assurance(chart: NhsChart, target: float, direction: Direction) -> Assurance:
    """Return whether the process as it is in its last phase will meet a target."""
    if chart.lower[-1] <= target <= chart.upper[-1]:
        return "inconsistent"
    passes = (target < chart.lower[-1]) == (direction == "increase")
    return "consistent_pass" if passes else "consistent_fail"


def _two_in_three(far: NDArray[np.int8], side: NDArray[np.int8], start: Ints) -> Bools:
    """Flag the far points of three in a row on one side of which two or more are far.

    ``far`` is 0 outside the limits: such a point does not count as one of the two, but may be the
    third (as in NHSRplotthedots).
    """
    owner = FlatSeries.from_start(start, far.size).of_point
    flagged = np.zeros(far.size, dtype=np.bool_)
    for first in range(far.size - 2):
        window = slice(first, first + 3)
        one_phase = owner[first] == owner[first + 2]
        one_side = abs(int(side[window].sum())) == 3  # noqa: PLR2004 - all three of them
        if one_phase and one_side and np.count_nonzero(far[window]) >= 2:  # noqa: PLR2004
            flagged[window] |= far[window] != 0
    return flagged
