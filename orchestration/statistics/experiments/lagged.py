"""Whether what leaders do goes with what their lines yield later, and not with what came before."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from orchestration.statistics.experiments.clustered import (
    dummies,
    fit_clustered,
    orthonormal_basis,
)
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.refusal import (
    NO_VARIATION,
    TOO_FEW_CLUSTERS,
    TOO_FEW_READINGS,
    Refusal,
    refuse_infinite,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints

LEAST_LEADERS: Final = 10
"""Fewer would be about persons."""

LEAST_MONTHS: Final = 12

LEAST_OWN_SHARE: Final = 0.05
"""Of the variance of a behaviour, what leader and site-month must leave; the rest says nothing."""

LEAST_FREEDOM: Final = 4
"""Below it the law of Student does not hold for CR2 (Tipton 2015)."""


@dataclass(frozen=True)
class LaggedEffects:
    """What goes with one more of a behaviour, by the months from it to the outcome.

    Attributes
    ----------
    lag : ndarray of int, shape (2 n + 1,)
        Months from the behaviour to the outcome, from -n to n. Below nil the outcome came first.
    estimate, low, high : ndarray, shape (2 n + 1,)
        In units of the outcome per unit of the behaviour, given the other months; 95 %, CR2.
    p_value, freedom : ndarray, shape (2 n + 1,)
    own_sd : ndarray, shape (2 n + 1,)
        Standard deviation of the behaviour within leaders and site-months.
    outcome_sd : float
        The same of the outcome.
    p_reverse : float
        That none of the months after the outcome goes with it: the least of their p-values, held
        to their number (Holm).
    n, n_leaders, n_months : int
    """

    lag: Ints
    estimate: Floats
    low: Floats
    high: Floats
    p_value: Floats
    freedom: Floats
    own_sd: Floats
    outcome_sd: float
    p_reverse: float
    n: int
    n_leaders: int
    n_months: int

    @property
    def standardising(self) -> Floats:
        """What turns an estimate into deviations of the outcome per deviation of the behaviour."""
        return self.own_sd / self.outcome_sd


def lagged_effects(
    outcome: ArrayLike, behaviour: ArrayLike, leader: ArrayLike, site: ArrayLike, *, lags: int = 3
) -> LaggedEffects | Refusal:
    """Return how an outcome goes with a behaviour of earlier months, and with one of later months.

    One regression holds the behaviour of each month from `lags` before to `lags` after, so that a
    habit that lasts is not counted for another month; each leader on each line and each month of
    each site has a level of its own. Errors of a leader hang together.

    Parameters
    ----------
    outcome, behaviour : array_like, shape (tenures, months)
        A tenure is one leader on one line; NaN where the leader did not lead it, or nothing is
        known. An outcome counts where the behaviour of all months around it is known.
    leader, site : array_like, shape (tenures,)
    lags : int
        Months, at least one.

    Returns
    -------
    LaggedEffects or Refusal
        Refused: infinite figures, fewer than `LEAST_LEADERS` leaders or `LEAST_MONTHS` months that
        can be compared, a behaviour or outcome without variation of its own, fewer than
        `LEAST_FREEDOM` degrees of freedom, or as `fit_clustered`.

    Notes
    -----
    An association and no proof: what changes with a leader's months beside the behaviour, and
    differs from the site's other lines, is not held constant. A behaviour that answers the outcome
    shows after it: read `p_reverse` first.

    References
    ----------
    Granger, *Econometrica* 37 (1969) 424-438; Angrist and Pischke, *Mostly Harmless Econometrics*
    (2009), 5.2.1, leads and lags; Tipton, *Psychological Methods* 20 (2015) 375-393.
    """
    y, x = np.asarray(outcome, dtype=np.float64), np.asarray(behaviour, dtype=np.float64)
    refusal = refuse_infinite(outcome=y, behaviour=x)
    if refusal is not None:
        return refusal
    who, place = np.asarray(leader), np.asarray(site)
    steps = np.arange(-lags, lags + 1)
    around = np.stack([_moved(x, step) for step in steps.tolist()], axis=2)
    known = _comparable(np.isfinite(y) & np.isfinite(around).all(axis=2), place)
    tenure, month = np.nonzero(known)
    leaders, months = np.unique(who[tenure]).size, np.unique(month).size
    if leaders < LEAST_LEADERS or months < LEAST_MONTHS:
        return Refusal(
            TOO_FEW_READINGS,
            f"{leaders} leaders over {months} months have others of their site beside them, at "
            f"least {LEAST_LEADERS} and {LEAST_MONTHS} are needed",
        )
    _, site_month = np.unique(place[tenure] * y.shape[1] + month, return_inverse=True)
    levels = orthonormal_basis(np.column_stack([dummies(tenure), dummies(site_month)]))
    values = np.column_stack([y[known], around[known]])
    spread = (values - levels @ (levels.T @ values)).std(axis=0)
    total = values.std(axis=0)
    flat = "behaviour" if np.any(spread[1:] ** 2 <= LEAST_OWN_SHARE * total[1:] ** 2) else None
    flat = flat or ("outcome" if spread[0] <= 1e-9 * total[0] else None)
    if flat is not None:
        return Refusal(NO_VARIATION, f"the {flat} follows from leader and month of the site")
    fit = fit_clustered(y[known], around[known], levels, who[tenure])
    if isinstance(fit, Refusal):
        return fit
    if fit.freedom.min() < LEAST_FREEDOM:
        return Refusal(
            TOO_FEW_CLUSTERS,
            f"{leaders} leaders weigh as {fit.freedom.min():.1f} degrees of freedom, at least "
            f"{LEAST_FREEDOM} are needed",
        )
    error = np.sqrt(np.diag(fit.cr2))
    p_value = 2 * student.sf(np.abs(fit.coefficient) / error, fit.freedom)
    half = student.ppf(0.975, fit.freedom) * error
    reverse = adjust_p_values(p_value[:lags], "holm")
    assert not isinstance(reverse, Refusal)  # one at least, all within [0, 1]
    return LaggedEffects(
        lag=steps,
        estimate=fit.coefficient,
        low=fit.coefficient - half,
        high=fit.coefficient + half,
        p_value=p_value,
        freedom=fit.freedom,
        own_sd=spread[1:],
        outcome_sd=float(spread[0]),
        p_reverse=float(reverse.min()),
        n=fit.n,
        n_leaders=leaders,
        n_months=months,
    )


def _moved(values: Floats, by: int) -> Floats:
    """Return what stood `by` months earlier, NaN beyond the ends."""
    moved = np.full_like(values, np.nan)
    if by > 0:
        moved[:, by:] = values[:, :-by]
    elif by < 0:
        moved[:, :by] = values[:, -by:]
    else:
        moved[:] = values
    return moved


def _comparable(known: Bools, site: Ints) -> Bools:
    """Leave out months alone at their site and tenures of one month: they fit themselves."""
    here = dummies(site).astype(np.int64)
    while True:
        beside = (here.T @ known)[np.argmax(here, axis=1)] > 1
        kept: Bools = known & beside & (known.sum(axis=1) > 1)[:, None]
        if np.array_equal(kept, known):
            return kept
        known = kept
