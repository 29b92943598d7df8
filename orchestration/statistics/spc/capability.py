"""Process capability and performance, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from orchestration.statistics.refusal import (
    NO_SPECIFICATION,
    NO_VARIATION,
    UNSTABLE_PROCESS,
    Refusal,
    refuse_values,
)
from orchestration.statistics.spc.constants import D2_TABLE, MIN_READINGS, NELSON_2_RUN
from orchestration.statistics.spc.individuals import individuals_chart
from orchestration.statistics.spc.rules import flag_runs
from orchestration.statistics.spc.subgroups import Total


@dataclass(frozen=True)
class Index:
    """A capability index with its interval; NaN where the specification does not give it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Capability:
    """Capability (sigma within subgroups) and performance (sigma of all readings).

    Attributes
    ----------
    centre : float
        Mean of all readings.
    sigma_within, sigma_overall : float
        As given; standard deviation of all readings, n - 1 below.
    cp : Index
        ``(usl - lsl) / 6 sigma``, chi-square interval by the degrees of freedom of sigma.
    cp_lower, cp_upper : Index
        ``(mean - lsl) / 3 sigma`` and ``(usl - mean) / 3 sigma``; each end is a *one-sided* bound.
    cpk : Index
        The smaller of the two, two-sided.
    cpm : Index
        Cp over ``sqrt(1 + d^2)``, d the distance from the target in sigma. Interval by Boyles'
        degrees of freedom ``n (1 + d^2)^2 / (1 + 2 d^2)``.
    pp, ppk : Index
        Cp and Cpk by ``sigma_overall``, which has n - 1 degrees of freedom.
    """

    centre: float
    sigma_within: float
    sigma_overall: float
    cp: Index
    cp_lower: Index
    cp_upper: Index
    cpk: Index
    cpm: Index
    pp: Index
    ppk: Index


def individuals_capability(
    values: ArrayLike,
    *,
    lower_spec: float | None = None,
    upper_spec: float | None = None,
    target: float | None = None,
    confidence: float = 0.95,
    run_length: int = NELSON_2_RUN,
    d2: float = D2_TABLE,
) -> Capability | Refusal:
    """Return the indices of a process seen one value at a time, if its I-MR chart is quiet.

    Parameters as in `capability`, and ``run_length`` and ``d2`` as in `rules.flag_runs` and
    `individuals.individuals_chart`.

    Returns
    -------
    Capability or Refusal
        Refused as `capability` and `individuals_chart`; unstable is a process of which a point
        lies beyond a limit or completes a run on one side.

    Examples
    --------
    >>> individuals_capability([10, 12, 11, 13, 10, 12, 11, 30], upper_spec=40).reason
    'unstable_process'
    """
    chart = individuals_chart(values, d2=d2)
    if isinstance(chart, Refusal):
        return chart
    flags = flag_runs(
        values,
        centre=chart.centre,
        sigma=chart.sigma,
        lower=chart.lower,
        upper=chart.upper,
        run_length=run_length,
    )
    return capability(
        values,
        sigma_within=float(chart.sigma[0]),
        is_stable=not (flags.rule_1.any() or flags.rule_2.any()),
        lower_spec=lower_spec,
        upper_spec=upper_spec,
        target=target,
        confidence=confidence,
    )


def capability(
    values: ArrayLike,
    *,
    sigma_within: float,
    is_stable: bool,
    lower_spec: float | None = None,
    upper_spec: float | None = None,
    target: float | None = None,
    confidence: float = 0.95,
    freedom_within: float | None = None,
) -> Capability | Refusal:
    """Return capability and performance indices.

    A capability index says what a *stable* process can do: of one that is not, it says nothing.

    Parameters
    ----------
    values : array_like, shape (n,)
        All readings; NaN is left out.
    sigma_within : float
        Standard deviation within subgroups, or mean moving range / d2; the estimator belongs
        beside the index.
    is_stable : bool
        The caller's finding from the control chart of the same readings: it has no default, and
        `individuals_capability` finds it itself.
    lower_spec, upper_spec : float, optional
        Specification limits; with one of them only the one-sided indices exist.
    target : float, optional
        By default the middle of both limits.
    confidence : float
    freedom_within : float, optional
        Degrees of freedom of ``sigma_within`` (`subgroups.freedom_within`). By default, as R qcc
        takes it, that of the standard deviation of all readings: of 24 subgroups of five an
        interval that is 10 % too narrow, of moving ranges 22 %.

    Returns
    -------
    Capability or Refusal
        Refused: unstable process, no specification limit, fewer readings than any chart is drawn
        of, infinite ones, no variation.

    Raises
    ------
    ValueError
        If the lower limit is not below the upper, or the confidence lies outside (0, 1).

    References
    ----------
    Montgomery, *Introduction to Statistical Quality Control*, "Confidence intervals and tests on
    process capability ratios"; Bissell, "How reliable is your capability index?", *Applied
    Statistics* 39 (1990) 331-340; Boyles, "The Taguchi capability index", *Journal of Quality
    Technology* 23 (1991) 17-26.

    Examples
    --------
    >>> found = capability(
    ...     [9, 10, 11, 10] * 2, sigma_within=1, is_stable=True, lower_spec=7, upper_spec=14
    ... )
    >>> round(found.cp.value, 4), found.cpk.value
    (1.1667, 1.0)
    """
    refusal = refuse_values(values, least=MIN_READINGS)
    if refusal is not None:
        return refusal
    readings = np.asarray(values, dtype=np.float64)
    readings = readings[np.isfinite(readings)]
    return capability_of_moments(
        Total(readings.size, float(readings.mean()), float(readings.std(ddof=1))),
        sigma_within=sigma_within,
        is_stable=is_stable,
        lower_spec=lower_spec,
        upper_spec=upper_spec,
        target=target,
        confidence=confidence,
        freedom_within=freedom_within,
    )


def capability_of_moments(
    total: Total,
    *,
    sigma_within: float,
    is_stable: bool,
    lower_spec: float | None = None,
    upper_spec: float | None = None,
    target: float | None = None,
    confidence: float = 0.95,
    freedom_within: float | None = None,
) -> Capability | Refusal:
    """Return the indices of readings of which number, mean and standard deviation are known.

    Parameters and refusals as in `capability`; ``total`` as of `subgroups.pool`.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie in (0, 1), not be {confidence}")
    if lower_spec is not None and upper_spec is not None and lower_spec >= upper_spec:
        raise ValueError(f"the lower limit {lower_spec} is not below the upper {upper_spec}")
    if not is_stable:
        return Refusal(UNSTABLE_PROCESS, "the control chart shows special causes")
    if lower_spec is None and upper_spec is None:
        return Refusal(NO_SPECIFICATION, "neither a lower nor an upper limit is given")
    n, centre, overall = total.n, total.centre, total.sd
    if not (sigma_within > 0 and overall > 0):
        return Refusal(NO_VARIATION, "sigma is not above zero")
    lsl = np.nan if lower_spec is None else lower_spec
    usl = np.nan if upper_spec is None else upper_spec
    aim = (lsl + usl) / 2 if target is None else target

    def ratios(sigma: float) -> tuple[float, float, float]:
        return (usl - lsl) / (6 * sigma), (centre - lsl) / (3 * sigma), (usl - centre) / (3 * sigma)

    cp, cp_lower, cp_upper = ratios(sigma_within)
    pp, pp_lower, pp_upper = ratios(overall)
    cpk = float(np.nanmin([cp_lower, cp_upper]))
    off = (centre - aim) / sigma_within
    cpm = cp / np.sqrt(1 + off**2)
    within = n - 1 if freedom_within is None else freedom_within
    # Boyles with the degrees of freedom of sigma in the place of his n.
    spread = 1 / (n if freedom_within is None else freedom_within)
    freedom = (1 + off**2) ** 2 / (spread + 2 * off**2 / n)
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    one_sided, two_sided = norm.ppf(confidence), norm.ppf(tails[1])
    return Capability(
        centre=centre,
        sigma_within=sigma_within,
        sigma_overall=overall,
        cp=_by_chi_square(cp, within, tails),
        cp_lower=_by_normal(cp_lower, n, within, one_sided),
        cp_upper=_by_normal(cp_upper, n, within, one_sided),
        cpk=_by_normal(cpk, n, within, two_sided),
        cpm=_by_chi_square(float(cpm), freedom, tails),
        pp=_by_chi_square(pp, n - 1, tails),
        ppk=_by_normal(float(np.nanmin([pp_lower, pp_upper])), n, n - 1, two_sided),
    )


def _by_chi_square(value: float, freedom: float, tails: tuple[float, float]) -> Index:
    low, high = (value * float(np.sqrt(chi2.ppf(tail, freedom) / freedom)) for tail in tails)
    return Index(value, low, high)


def _by_normal(value: float, n: int, freedom: float, quantile: float) -> Index:
    """Bissell's approximation: relative variance 1 / (9 n c^2) + 1 / (2 degrees of freedom)."""
    # Written so that a process centred on its limit (index 0) still has an interval.
    spread = float(quantile * np.sqrt(1 / (9 * n) + value**2 / (2 * freedom)))
    return Index(value, value - spread, value + spread)
