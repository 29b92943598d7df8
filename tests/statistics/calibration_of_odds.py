"""Whether odds of a target come true as often as they say: `python -m` this module.

Every row draws its own series of 36 months and the three that follow. The tables of
docs/methods.md are this output: what the outlook chooses, and each method left to itself.
"""

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np

from orchestration.governance.outlook import (
    CHAMPION,
    CONFIDENCE,
    HORIZON,
    METHOD_NAMES,
    SEASON,
    fit_months,
)
from orchestration.statistics.prediction.forecast import fit_method
from orchestration.statistics.prediction.odds import (
    Calibration,
    calibrate,
    check_by_simulation,
    odds_of_target,
)
from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.flat import Floats

MONTHS = 36
_TIME = np.arange(MONTHS + HORIZON)


def stable(rng: np.random.Generator) -> Floats:
    """Independent about a mean."""
    return rng.normal(50, 1, _TIME.size)


def wandering(rng: np.random.Generator) -> Floats:
    """A walk, measured with a third of its step."""
    return 50 + rng.normal(size=_TIME.size).cumsum() + rng.normal(0, 1 / 3, _TIME.size)


def seasonal(rng: np.random.Generator) -> Floats:
    """A wave of twelve months, two deviations high."""
    return stable(rng) + 2 * np.cos(2 * np.pi * (_TIME - rng.integers(SEASON)) / SEASON)


def trending(rng: np.random.Generator) -> Floats:
    """A line that climbs .3 deviations a month."""
    return stable(rng) + 0.3 * _TIME


def stepped(rng: np.random.Generator) -> Floats:
    """Two deviations higher in the last eight months known."""
    return stable(rng) + 2 * (_TIME >= MONTHS - 8)


Draw = Callable[[np.random.Generator], Floats]
KINDS: tuple[Draw, ...] = (stable, wandering, seasonal, trending, stepped)


def of_outlook(draw: Draw, n_series: int) -> str:
    """Return the row of what `fit_months` chooses, beside the mean of all months."""
    chosen: Counter[str] = Counter()
    retrained, held = 0, []
    error, by_mean = [], []
    stated, happened = [], []
    for number in range(n_series):
        series = draw(np.random.default_rng(number))
        known, came = series[:MONTHS], series[MONTHS:]
        found, mean = fit_months(known), fit_method(known, CHAMPION)
        assert not isinstance(found, Refusal), found
        assert not isinstance(mean, Refusal), mean
        chosen[found.method] += 1
        retrained += found.state == "retrained"
        error.append(np.abs(came - found.fitted.forecast(HORIZON).mean).mean())
        by_mean.append(np.abs(came - mean.forecast(HORIZON).mean).mean())
        target = float(known.mean() + (number % 5 - 2) / 2 * known.std())
        month = odds_of_target(found.fitted, target, horizon=1, widening=found.widening)
        quarter = odds_of_target(
            found.fitted, target, horizon=HORIZON, summary="mean", widening=found.widening
        )
        held.append(month.low <= came[0] <= month.high)
        stated.append(quarter.probability)
        happened.append(bool(came.mean() >= target))
    others = ", ".join(
        f"{name} {count / n_series:.1%}" for name, count in chosen.most_common() if count
    )
    return (
        f"| {draw.__name__} | {others} | {retrained / n_series:.1%} | {np.mean(error):.2f} "
        f"| {np.mean(by_mean):.2f} | {np.mean(held):.1%} | {_said(calibrate(stated, happened))} |"
    )


def of_method(draw: Draw, n_series: int) -> str:
    """Return the row of each method by itself: Brier score and z of a month a quarter ahead."""
    found = [
        check_by_simulation(draw, method, horizon=HORIZON, n_series=n_series, period=SEASON)
        for method in METHOD_NAMES
    ]
    return f"| {draw.__name__} | {' | '.join(_short(one) for one in found)} |"


def _said(found: Calibration | Refusal) -> str:
    if isinstance(found, Refusal):
        return f"{found.reason} | |"
    return f"{found.brier:.3f} | {found.brier_of_base_rate:.3f} | {found.z:+.1f}"


def _short(found: Calibration | Refusal) -> str:
    return found.reason if isinstance(found, Refusal) else f"{found.brier:.3f}, {found.z:+.1f}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=200, help="of each kind")
    n_series = parser.parse_args().series
    held = f"{CONFIDENCE:.0%} interval held"
    of_odds = ("Brier", "of the base rate", "z")
    _print(_head(("months are", "chosen", "retrained", "error", "of the mean", held, *of_odds)))
    for draw in KINDS:
        _print(of_outlook(draw, n_series))
    _print("\n" + _head(("months are", *METHOD_NAMES.values())))
    for draw in KINDS:
        _print(of_method(draw, n_series))


def _head(names: tuple[str, ...]) -> str:
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
