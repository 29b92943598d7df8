"""Mixed models with memory: against the normal density written out, and planted memory."""

import numpy as np
import pytest

from orchestration.statistics.mixed.formula import frame
from orchestration.statistics.mixed.serial import RESIDUAL, SHARED, fit_serial
from orchestration.statistics.refusal import Refusal

LINES, MONTHS, SITES = 12, 24, 3


def panel(seed, *, memory=0.5, shared=0.6):
    """Line-months of three sites; a leader changes lines every eight months."""
    rng = np.random.default_rng(seed)
    line, month = np.repeat(np.arange(LINES), MONTHS), np.tile(np.arange(MONTHS), LINES)
    site, leader = line % SITES, (line + month // 8) % LINES

    def chains(n):
        found = rng.normal(size=(n, MONTHS))
        for at in range(1, MONTHS):
            found[:, at] = memory * found[:, at - 1] + np.sqrt(1 - memory**2) * found[:, at]
        return found

    own, together = 2 * chains(LINES), shared * chains(SITES)
    outcome = 50 + rng.normal(size=LINES)[leader] + 1.5 * rng.normal(size=LINES)[line]
    return {
        "outcome": outcome + own.ravel() + together[site, month],
        "leader": leader,
        "line": line,
        "site": site,
        "month": month,
    }


def fitted(table, formula="outcome ~ 1 + (1 | leader) + (1 | line)", **options):
    made = frame(formula, table)
    columns = (table[name][made.rows] for name in ("line", "month", "site"))
    return fit_serial(made, *columns, "leader", **options)


def dense(table, variances, memory):
    """Covariance of the readings, and of the leaders' effects with them."""
    apart = np.abs(np.subtract.outer(table["month"], table["month"]))
    same = {name: np.equal.outer(table[name], table[name]) for name in ("leader", "line", "site")}
    covariance = memory**apart * (
        variances[RESIDUAL] * same["line"] + variances[SHARED] * same["site"]
    )
    covariance += sum(variances[name] * same[name] for name in ("leader", "line"))
    of_leaders = variances["leader"] * np.equal.outer(np.unique(table["leader"]), table["leader"])
    return covariance, of_leaders


def restricted(table, variances, memory):
    """Restricted log-likelihood of a model with an intercept, and the generalised mean."""
    covariance, _ = dense(table, variances, memory)
    y, n = table["outcome"], table["outcome"].size
    inverse = np.linalg.inv(covariance)
    information = inverse.sum()
    mean = inverse.sum(axis=0) @ y / information
    value = (n - 1) * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1] + np.log(information)
    return -(value + (y - mean) @ inverse @ (y - mean)) / 2, mean


def test_the_likelihood_is_that_of_the_normal_density_and_none_near_by_is_higher():
    table = panel(1)
    found = fitted(table)
    best, mean = restricted(table, found.variances, found.memory)

    assert found.log_likelihood == pytest.approx(best, abs=1e-8)
    assert found.fixed == pytest.approx([mean], abs=1e-8)
    for name, factor in [(name, f) for name in found.variances for f in (0.8, 1.25)]:
        moved = found.variances | {name: factor * found.variances[name]}
        assert restricted(table, moved, found.memory)[0] < best + 1e-4
    for memory in (found.memory - 0.05, found.memory + 0.05):
        assert restricted(table, found.variances, memory)[0] < best + 1e-4


def test_readings_that_lie_exactly_one_standard_deviation_off_are_readings():
    """Sparse sums of them with other columns cancel, and nothing may be dropped for that."""
    table = panel(5)
    table["site"] = table["line"]
    high = table["outcome"] > np.median(table["outcome"])
    table["outcome"] = np.where(high, 51.0, 49.0)
    found = fitted(table)
    best, _ = restricted(table, found.variances, found.memory)

    assert high.sum() * 2 == high.size
    assert found.log_likelihood == pytest.approx(best, abs=1e-6)


def test_effects_are_close_to_the_best_linear_prediction_at_the_most_likely_variances():
    table = panel(2)
    found = fitted(table)
    covariance, of_leaders = dense(table, found.variances, found.memory)
    _, mean = restricted(table, found.variances, found.memory)
    by_hand = of_leaders @ np.linalg.solve(covariance, table["outcome"] - mean)

    # They are averaged over the sd of twelve leaders, which shrinks some more or less.
    assert np.corrcoef(found.effect, by_hand)[0, 1] > 0.999
    assert np.polyfit(by_hand, found.effect, 1)[0] == pytest.approx(1, abs=0.1)


def test_memory_and_variances_that_were_planted_are_found():
    found = [fitted(panel(seed)) for seed in range(12)]

    # Standard errors over twelve draws: .02 of the memory, .3 of the residual variance.
    assert np.mean([one.memory for one in found]) == pytest.approx(0.5, abs=0.07)
    assert np.mean([one.variances[RESIDUAL] for one in found]) == pytest.approx(4, abs=0.8)


def test_effects_are_averaged_over_what_their_sd_may_be():
    # Each line has one reading: no memory, nothing shared, and nothing to tell these from the rest.
    rng = np.random.default_rng(7)
    leader = np.repeat(np.arange(6), 20)
    outcome = 1.5 * rng.normal(size=6)[leader] + 2 * rng.normal(size=120)
    alone = {"line": np.arange(120), "month": np.zeros(120), "site": np.arange(120)}
    found = fitted(
        {"outcome": outcome, "leader": leader} | alone, "outcome ~ 1 + (1 | leader)", points=60
    )

    deviation = outcome.reshape(6, 20).mean(axis=1) - outcome.mean()
    within = ((outcome - np.repeat(outcome.reshape(6, 20).mean(axis=1), 20)) ** 2).sum()
    ratio = np.linspace(0, 4, 4000)  # sd of leaders over that of the rest
    rest = within + 20 * (deviation**2).sum() / (1 + 20 * ratio**2)
    weight = np.exp(-(5 * np.log1p(20 * ratio**2) + 119 * np.log(rest)) / 2 + 119 * 2.6)
    reliability = np.average(20 * ratio**2 / (1 + 20 * ratio**2), weights=weight)

    # The grid ends five standard deviations above the most likely sd.
    assert found.effect == pytest.approx(deviation * reliability, rel=0.02)


def test_a_missing_month_weakens_the_tie_between_its_neighbours():
    table = panel(4)
    kept = np.random.default_rng(1).random(LINES * MONTHS) > 0.3
    found = fitted({name: column[kept] for name, column in table.items()})

    # Taken for neighbours, months that are two and three apart would make a memory of about .4.
    whole = fitted(table)
    assert found.memory == pytest.approx(whole.memory, abs=0.15)
    assert found.n.sum() == kept.sum()


def test_the_order_of_rows_and_the_unit_do_not_matter():
    table = panel(5)
    order = np.random.default_rng(0).permutation(LINES * MONTHS)
    shuffled = fitted({name: column[order] for name, column in table.items()})
    scaled = fitted(table | {"outcome": 1000 * table["outcome"] - 7})
    found = fitted(table)

    assert shuffled.effect == pytest.approx(found.effect, abs=1e-6)
    assert scaled.effect == pytest.approx(1000 * found.effect, rel=1e-4, abs=1e-3)


def test_two_readings_of_a_series_in_one_period_are_refused():
    table = panel(6)
    table["month"] = np.where(table["month"] == 1, 0, table["month"])
    found = fitted(table)

    assert isinstance(found, Refusal)
    assert found.reason == "duplicate_period"


def test_a_response_that_effects_explain_wholly_is_refused():
    table = panel(6)
    found = fitted(table | {"outcome": table["leader"] + 10.0 * table["line"]})

    assert found.reason == "singular_covariance"
    assert isinstance(fitted(table | {"outcome": np.ones(LINES * MONTHS)}), Refusal)
