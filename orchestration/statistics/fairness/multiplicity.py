"""Many tests at once: p-values adjusted for their number."""

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import IMPOSSIBLE_VALUE, Refusal, refuse_values
from orchestration.statistics.spc.flat import Floats

Method = Literal["BH", "BY", "holm", "hochberg", "hommel", "bonferroni"]
METHODS: Final[tuple[Method, ...]] = ("BH", "BY", "holm", "hochberg", "hommel", "bonferroni")


def adjust_p_values(p_values: ArrayLike, method: Method = "BH") -> Floats | Refusal:
    """Return adjusted p-values.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        NaN marks a test that was not made: it stays NaN and does not count.
    method : {"BH", "BY", "holm", "hochberg", "hommel", "bonferroni"}
        ``BH`` and ``BY`` hold the false discovery rate (independent or positively dependent
        tests; any tests), the others the chance of one false finding.

    Returns
    -------
    ndarray, shape (n,), or Refusal
        Refused: no p-value, one outside [0, 1].

    Raises
    ------
    ValueError
        If the method is unknown.

    References
    ----------
    Benjamini and Hochberg, *Journal of the Royal Statistical Society B* 57 (1995) 289-300;
    Benjamini and Yekutieli, *Annals of Statistics* 29 (2001) 1165-1188; Holm (1979); Hochberg
    (1988); Hommel (1988), by Wright, *Biometrics* 48 (1992) 1005-1013.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03], "BH").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in METHODS:
        raise ValueError(f"unknown method {method}; known: {', '.join(METHODS)}")
    refusal = refuse_values(p_values, least=1)
    if refusal is not None:
        return refusal
    p = np.asarray(p_values, dtype=np.float64)
    if np.any((p < 0) | (p > 1)):
        at = int(np.flatnonzero((p < 0) | (p > 1))[0]) + 1
        return Refusal(IMPOSSIBLE_VALUE, f"p-value {at} lies outside [0, 1]")
    there = np.flatnonzero(np.isfinite(p))
    order = there[np.argsort(p[there], kind="stable")]
    n, rank = order.size, np.arange(1, order.size + 1)
    adjusted = np.full(p.size, np.nan)
    if method == "hommel":
        adjusted[order] = _hommel(p[order])
        return adjusted
    factor = {
        "BH": n / rank,
        "BY": n / rank * (1 / rank).sum(),
        "holm": n - rank + 1.0,
        "hochberg": n - rank + 1.0,
        "bonferroni": np.full(n, float(n)),
    }[method]
    raised = p[order] * factor
    # Holm steps down from the smallest p-value, the others up from the largest.
    if method == "holm":
        raised = np.maximum.accumulate(raised)
    elif method != "bonferroni":
        raised = np.minimum.accumulate(raised[::-1])[::-1]
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def _hommel(p: Floats) -> Floats:
    """Adjust p-values in rising order by Simes's test of every set that holds one."""
    n, rank = p.size, np.arange(1, p.size + 1)
    found = np.full(n, float((n * p / rank).min()))
    for size in range(n - 1, 1, -1):
        few = n - size + 1
        least = float((size * p[few:] / np.arange(2, size + 1)).min())
        raised = np.minimum(size * p[:few], least)
        found[:few] = np.maximum(found[:few], raised)
        found[few:] = np.maximum(found[few:], found[few - 1])
    return np.asarray(np.minimum(np.maximum(found, p), 1.0), dtype=np.float64)
