"""Effects of leaders, apart from the units, sites and periods that they led in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from orchestration.statistics.mixed.formula import frame, levels_of
from orchestration.statistics.mixed.separability import (
    NOT_SEPARABLE,
    Move,
    Separability,
    separability,
    split_at,
)
from orchestration.statistics.mixed.serial import SerialMixed, fit_serial
from orchestration.statistics.refusal import NO_COMPARISON, TOO_FEW_READINGS, Refusal
from orchestration.statistics.spc.flat import Floats

Verdict = Literal["above", "below", "not_distinguishable", "too_short", "not_separable"]

LEAST_PERIODS: Final = 4
"""Fewest periods for a number about a person."""


@dataclass(frozen=True)
class LeaderEffects:
    """What is left of the readings for each leader; arrays have one entry per leader.

    Attributes
    ----------
    separability : Separability
        What can be compared: to be read before any figure.
    model : SerialMixed
        The fit: how much lies between leaders, units, spells and sites, what sites share in a
        period, and how much of a period's residual is left in the next.
    effect : ndarray
        Shrunken towards the mean of all leaders (0), in the unit of the outcome; NaN where the
        verdict is `too_short` or `not_separable`.
    sd, low, high : ndarray
        Prediction error, with that of the fixed effects and of the variance between leaders, and
        the interval.
    above, below : ndarray
        Probability that the effect is above the practical difference, or below its negative.
    reliability : ndarray
        1 - sd^2 / mean variance between leaders: 0 says that the readings tell nothing.
    n : ndarray of int
        Readings.
    verdict : tuple of str
        `above` or `below` where the interval does not hold 0; `not_distinguishable` from peers;
        `too_short` below the fewest periods; `not_separable` from the units.
    """

    separability: Separability
    model: SerialMixed
    effect: Floats
    sd: Floats
    low: Floats
    high: Floats
    above: Floats
    below: Floats
    reliability: Floats
    n: NDArray[np.intp]
    verdict: tuple[Verdict, ...]


@dataclass(frozen=True)
class MoveStability:
    """How far the effects of the other leaders move when one move is not believed.

    Attributes
    ----------
    move : Move
    largest_change : float
        Largest change of another leader's effect, in the unit of the outcome.
    leader : str
        Whose it is.
    correlation : float
        Of the effects of all other leaders with and without; NaN where they do not vary.
    changes : ndarray, shape (leaders,)
        Absolute change of each leader's effect, in order of id; NaN for the leader of the move.
    """

    move: Move
    largest_change: float
    leader: str
    correlation: float
    changes: Floats


def leader_effects(
    outcome: ArrayLike,
    leader: ArrayLike,
    unit: ArrayLike,
    site: ArrayLike,
    period: ArrayLike,
    *,
    practical_difference: float = 0.0,
    covariates: Mapping[str, ArrayLike] | None = None,
    traits: Mapping[str, ArrayLike] | None = None,
    confidence: float = 0.95,
    least_periods: int = LEAST_PERIODS,
) -> LeaderEffects | Refusal:
    """Return effects of leaders from a mixed model of leader, unit, spell, site and site-period.

    Residuals of a unit remember the period before, and so does what a site shares in a period. A
    model that takes them for independent is too sure of itself, and does not see that the months
    on both sides of a handover say most about it. The spell (a leader in a unit) takes up what
    lasts within it without being the leader's or the unit's own.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        Readings; NaN marks a missing one, and its row is left out.
    leader, unit, site : array_like, shape (n,)
        Ids.
    period : array_like, shape (n,)
        Whole numbers that grow with time.
    practical_difference : float
        Smallest effect that matters, in the unit of the outcome.
    covariates : mapping of str to array_like, shape (n,), optional
        Fixed terms: numbers, or text with its first level as base. Exogenous drivers only.
    traits : mapping of str to array_like, shape (n,), optional
        Numbers that describe the leader (tenure). Each enters beside its mean over the site, so
        that sites which attract certain leaders do not pass for these leaders' effect.
    confidence : float
    least_periods : int
        Leaders with fewer periods get no number.

    Returns
    -------
    LeaderEffects or Refusal
        Refused: as `separability` and `fit_serial`; no leader who led a second unit; no leader who
        can be compared.

    Raises
    ------
    ValueError
        If the arrays differ in length.

    References
    ----------
    Mundlak (1978), "On the pooling of time series and cross section data" (site means of traits).
    """
    table = _table(outcome, leader, unit, site, period)
    there = np.isfinite(table["outcome"])
    compared = separability(table["leader"][there], table["unit"][there], table["period"][there])
    if isinstance(compared, Refusal):
        return compared
    if not compared.moves:
        return Refusal(NO_COMPARISON, "no leader led a second unit: leader and spell are one")
    if all(level == NOT_SEPARABLE for level in compared.level):
        return Refusal(NO_COMPARISON, "no leader shares a unit with another: none is separable")
    terms = _fixed(table, covariates or {}, traits or {})
    random = ["(1 | leader)", "(1 | unit)", "(1 | leader:unit)"]
    if np.unique(table["site"][there]).size > 1:
        random.append("(1 | site)")
    fitted = _fit(f"outcome ~ {' + '.join(['1', *terms, *random])}", table)
    if isinstance(fitted, Refusal):
        return fitted
    return _judge(
        compared,
        fitted,
        practical_difference=practical_difference,
        confidence=confidence,
        least_periods=least_periods,
    )


def leave_one_move_out(
    outcome: ArrayLike,
    leader: ArrayLike,
    unit: ArrayLike,
    site: ArrayLike,
    period: ArrayLike,
    *,
    whole: LeaderEffects,
    only_weak: bool = False,
) -> tuple[MoveStability, ...]:
    """Return how the effects of other leaders change when each move in turn is not believed.

    The leader of the move is taken for two people, before and after it, and the model is fitted
    again: all readings stay, only the tie between the two units is cut.

    Parameters
    ----------
    outcome, leader, unit, site, period : array_like, shape (n,)
        As for `leader_effects`.
    whole : LeaderEffects
        What `leader_effects` returned for the same readings.
    only_weak : bool
        Ask of the moves that carry a comparison alone, and of no other.

    Returns
    -------
    tuple of MoveStability
        In the order of `Separability.moves`; moves after which the model is refused are left with
        NaN.
    """
    before = _by_name(whole.model)
    found = []
    for move in whole.separability.moves:
        if only_weak and not move.rests_on_it:
            continue
        again = leader_effects(outcome, split_at(move, leader, period), unit, site, period)
        if isinstance(again, Refusal):
            unknown = np.full(len(before), np.nan)
            found.append(MoveStability(move, np.nan, "", np.nan, unknown))
            continue
        after = _by_name(again.model)
        others = [name for name in before if name != move.leader]
        pairs = np.array([(before[name], after[name]) for name in others])
        change = np.abs(pairs[:, 0] - pairs[:, 1])
        of_leader = dict(zip(others, change.tolist(), strict=True))
        varies = np.ptp(pairs, axis=0).min() > 0
        found.append(
            MoveStability(
                move=move,
                largest_change=float(change.max()),
                leader=others[int(change.argmax())],
                correlation=float(np.corrcoef(pairs.T)[0, 1]) if varies else np.nan,
                changes=np.array([of_leader.get(name, np.nan) for name in before]),
            )
        )
    return tuple(found)


def _table(
    outcome: ArrayLike, leader: ArrayLike, unit: ArrayLike, site: ArrayLike, period: ArrayLike
) -> dict[str, NDArray[np.generic]]:
    table: dict[str, NDArray[np.generic]] = {
        "outcome": np.asarray(outcome, dtype=np.float64),
        "leader": np.asarray(leader),
        "unit": np.asarray(unit),
        "site": np.asarray(site),
        "period": np.asarray(period, dtype=np.float64),
    }
    shapes = {column.shape for column in table.values()}
    if len(shapes) > 1:
        raise ValueError(f"outcome, leader, unit, site and period differ in shape: {shapes}")
    return table


def _fixed(
    table: dict[str, NDArray[np.generic]],
    covariates: Mapping[str, ArrayLike],
    traits: Mapping[str, ArrayLike],
) -> list[str]:
    """Put fixed terms into the table, under names that a formula can hold, and return these."""
    terms = []
    for number, column in enumerate(covariates.values()):
        table[f"covariate_{number}"] = np.asarray(column)
        terms.append(f"covariate_{number}")
    _, at_site = levels_of(table["site"])
    for number, column in enumerate(traits.values()):
        figures = np.asarray(column, dtype=np.float64)
        known = np.isfinite(figures)
        sums = np.bincount(at_site, np.where(known, figures, 0))
        table[f"trait_{number}"] = figures
        table[f"trait_{number}_of_site"] = (
            sums / np.maximum(np.bincount(at_site, known.astype(np.float64)), 1)
        )[at_site]
        terms.append(f"trait_{number}")
        if np.unique(at_site).size > 1:
            terms.append(f"trait_{number}_of_site")
    return terms


def _fit(formula: str, table: Mapping[str, NDArray[np.generic]]) -> SerialMixed | Refusal:
    made = frame(formula, table)
    if isinstance(made, Refusal):
        return made
    series, period, place = (table[name][made.rows] for name in ("unit", "period", "site"))
    return fit_serial(made, series, period, place, "leader")


def _judge(
    compared: Separability,
    model: SerialMixed,
    *,
    practical_difference: float,
    confidence: float,
    least_periods: int,
) -> LeaderEffects | Refusal:
    if model.levels != compared.leaders:
        return Refusal(TOO_FEW_READINGS, "a leader has no reading with all covariates")
    effect, sd = model.effect, model.sd
    width = float(norm.ppf((1 + confidence) / 2)) * sd
    above = norm.sf((practical_difference - effect) / sd)
    below = norm.cdf((-practical_difference - effect) / sd)
    verdicts = tuple(
        _verdict(level, periods >= least_periods, low, high)
        for level, periods, low, high in zip(
            compared.level, compared.periods, effect - width, effect + width, strict=True
        )
    )
    shown = np.array([one not in {"too_short", "not_separable"} for one in verdicts])
    reliability = np.clip(1 - sd**2 / model.variance, 0, 1)
    return LeaderEffects(
        separability=compared,
        model=model,
        effect=np.where(shown, effect, np.nan),
        sd=np.where(shown, sd, np.nan),
        low=np.where(shown, effect - width, np.nan),
        high=np.where(shown, effect + width, np.nan),
        above=np.where(shown, above, np.nan),
        below=np.where(shown, below, np.nan),
        reliability=np.where(shown, reliability, np.nan),
        n=model.n,
        verdict=verdicts,
    )


def _verdict(level: str, long_enough: bool, low: float, high: float) -> Verdict:
    if level == NOT_SEPARABLE:
        return "not_separable"
    if not long_enough:
        return "too_short"
    if low > 0:
        return "above"
    return "below" if high < 0 else "not_distinguishable"


def _by_name(model: SerialMixed) -> dict[str, float]:
    return dict(zip(model.levels, model.effect.tolist(), strict=True))
