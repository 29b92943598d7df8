"""From one figure to another by parts that add up exactly, each with an interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import norm

from orchestration.statistics.refusal import IMPOSSIBLE_VALUE, INFINITE_VALUE, NOT_POSITIVE, Refusal
from orchestration.statistics.spc.flat import Floats

Link = Literal["identity", "log", "logit"]

UNEXPLAINED: Final = "unexplained"
ENDS_DO_NOT_ADD: Final = (
    "The parts add up to the change; the ends of their intervals do not add up to anything, as what"
    " one part takes too much another has too little."
)


@dataclass(frozen=True)
class Bridge:
    """Parts of changes, on the natural scale.

    Attributes
    ----------
    before, after : ndarray, shape (n,)
        In the unit of the figure.
    parts : tuple of str, length k
        In the order given, `UNEXPLAINED` last.
    contribution, low, high : ndarray, shape (n, k)
        In the unit of the figure. ``before + contribution.sum(axis=1) = after``; the ends of the
        intervals do not add (`ENDS_DO_NOT_ADD`).
    """

    before: Floats
    after: Floats
    parts: tuple[str, ...]
    contribution: Floats
    low: Floats
    high: Floats


def bridge(
    before: ArrayLike,
    after: ArrayLike,
    effects: Mapping[str, ArrayLike],
    sds: Mapping[str, ArrayLike],
    *,
    link: Link = "identity",
    unexplained_sd: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Bridge | Refusal:
    """Divide changes into the effects of known parts and what they leave unexplained.

    Parameters
    ----------
    before, after : array_like, shape (n,)
        The figure in n comparisons; NaN where it is missing.
    effects : mapping of str to array_like, shape (n,)
        Of each part, on the scale of the link: additive for `identity`, differences of logarithms
        for `log`, of log odds for `logit`.
    sds : mapping of str to array_like, shape (n,)
        Standard error of each effect, on that scale; a part that is counted and not estimated has
        0.
    link : "identity", "log" or "logit"
    unexplained_sd : array_like, shape (n,), optional
        Standard error of what is left, on that scale; without it that of parts which are estimated
        independently of each other.
    confidence : float

    Returns
    -------
    Bridge or Refusal
        A comparison with a missing figure or effect is NaN. Refused: infinite figures; figures
        that are not positive (`log`), or not between 0 and 1 (`logit`).

    Raises
    ------
    ValueError
        If effects and standard errors name other parts, a part is called `UNEXPLAINED`, a standard
        error is negative or shapes differ.

    Notes
    -----
    On a curved scale the share of a part would depend on which part is taken first. The rule here
    takes none first: all effects grow together, from nothing to their full size, and each is
    credited for what it adds on the way (Aumann and Shapley, *Values of Non-Atomic Games*, 1974).
    On a link that comes to: its effect times ``(after - before) / (link(after) - link(before))``,
    with the slope of the inverse link where both are equal. For logarithms this is the logarithmic
    mean of LMDI-I: Ang, "The LMDI approach to decomposition analysis: a practical guide", *Energy
    Policy* 33 (2005) 867-871. Intervals are those of the effects on their scale, times the same
    slope, which is taken as known.

    Examples
    --------
    Prices and sizes each grew by a half, which of them nobody takes first:

    >>> half = {"price": [np.log(1.5)], "size": [np.log(1.5)]}
    >>> found = bridge([100.0], [225.0], half, {"price": [0.0], "size": [0.0]}, link="log")
    >>> found.parts, found.contribution[0, :2].round(10).tolist()
    (('price', 'size', 'unexplained'), [62.5, 62.5])
    """
    if set(effects) != set(sds):
        raise ValueError(f"effects are of {sorted(effects)}, their errors of {sorted(sds)}")
    if UNEXPLAINED in effects:
        raise ValueError(f"`{UNEXPLAINED}` is what the other parts leave and cannot be given")
    start, end = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    table, errors = (
        np.array([np.asarray(one[name], dtype=np.float64) for name in effects])
        if effects
        else np.zeros((0, start.size))
        for one in (effects, sds)
    )
    if start.ndim != 1 or end.shape != start.shape:
        raise ValueError(f"figures before {start.shape} and after {end.shape} differ in shape")
    if {table.shape, errors.shape} != {(len(effects), start.size)}:
        raise ValueError("effects and their errors differ in shape from the figures")
    if np.any(errors < 0):
        raise ValueError("a standard error is negative")
    refusal = _refuse(start, end, link)
    if refusal is not None:
        return refusal
    difference, slope = _along(start, end, link)
    all_effects = np.vstack([table, difference - table.sum(axis=0)])
    left = np.sqrt((errors**2).sum(axis=0)) if unexplained_sd is None else unexplained_sd
    all_errors = np.vstack([errors, np.asarray(left, dtype=np.float64)])
    contribution = (all_effects * slope).T
    # The last part is what is left on the natural scale, so that no rounding is unaccounted for.
    contribution[:, -1] = (end - start) - contribution[:, :-1].sum(axis=1)
    half = (all_errors * slope).T * float(norm.ppf((1 + confidence) / 2))
    return Bridge(
        before=start,
        after=end,
        parts=(*effects, UNEXPLAINED),
        contribution=contribution,
        low=contribution - half,
        high=contribution + half,
    )


def _refuse(start: Floats, end: Floats, link: Link) -> Refusal | None:
    for name, figures in (("before", start), ("after", end)):
        if np.isinf(figures).any():
            return Refusal(INFINITE_VALUE, f"a figure {name} is infinite")
        if link == "log" and np.any(figures <= 0):
            return Refusal(NOT_POSITIVE, f"a figure {name} is not above 0: it has no logarithm")
        if link == "logit" and np.any((figures <= 0) | (figures >= 1)):
            return Refusal(
                IMPOSSIBLE_VALUE, f"a figure {name} has no log odds: it is not in (0, 1)"
            )
    return None


def _along(start: Floats, end: Floats, link: Link) -> tuple[Floats, Floats]:
    """Return the difference on the link's scale, and the mean slope back to the natural one."""
    if link == "identity":
        return end - start, np.ones_like(start)
    forth = np.log if link == "log" else logit
    difference = forth(end) - forth(start)
    middle = (forth(start) + forth(end)) / 2
    flat = np.exp(middle) if link == "log" else expit(middle) * expit(-middle)
    # Where both are nearly equal the quotient is rounding: the slope in the middle is as good.
    is_flat = np.abs(difference) < 1e-6  # noqa: PLR2004
    slope = np.where(is_flat, flat, (end - start) / np.where(is_flat, 1.0, difference))
    return difference, slope
