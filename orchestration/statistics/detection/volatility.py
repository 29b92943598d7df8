"""Whether a process has become less steady than it was."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import f as fisher

from orchestration.statistics.refusal import (
    NO_VARIATION,
    TOO_FEW_READINGS,
    Refusal,
    refuse_values,
)

LEAST_RECENT: Final = 4
LEAST_BEFORE: Final = 12


@dataclass(frozen=True)
class Volatility:
    """Recent spread beside the one before.

    Attributes
    ----------
    ratio : float
        Standard deviation of the recent readings over that of those before.
    p_value : float
        Of a ratio as large by chance.
    n_recent, n_before : int
    """

    ratio: float
    p_value: float
    n_recent: int
    n_before: int


def volatility(recent: ArrayLike, before: ArrayLike) -> Volatility | Refusal:
    """Return how much wider recent readings scatter than earlier ones, each about their own mean.

    Parameters
    ----------
    recent, before : array_like, shape (n,)
        Readings; NaN is left out.

    Returns
    -------
    Volatility or Refusal
        Refused: fewer than 4 recent or 12 earlier readings, infinite ones, equal earlier ones.

    Notes
    -----
    The variance ratio test, one-sided: readings are normal and independent; a trend or a shift
    within the recent ones counts as scatter. Snedecor and Cochran, *Statistical Methods*, 6.12.
    """
    new, old = (np.asarray(one, dtype=np.float64) for one in (recent, before))
    new, old = new[~np.isnan(new)], old[~np.isnan(old)]
    for values, least, name in ((new, LEAST_RECENT, "recent"), (old, LEAST_BEFORE, "earlier")):
        if values.size < least:
            said = f"{values.size} {name} readings, at least {least} are needed"
            return Refusal(TOO_FEW_READINGS, said)
        refusal = refuse_values(values)
        if refusal is not None:
            return refusal
    if np.ptp(old) == 0:
        return Refusal(NO_VARIATION, "all earlier readings are equal")
    found = float(new.var(ddof=1) / old.var(ddof=1))
    return Volatility(
        ratio=float(np.sqrt(found)),
        p_value=float(fisher.sf(found, new.size - 1, old.size - 1)),
        n_recent=int(new.size),
        n_before=int(old.size),
    )
