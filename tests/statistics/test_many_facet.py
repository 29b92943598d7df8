"""Persons, items and raters on one scale: by brute force, by laws, and what links nobody."""

import numpy as np
import pytest
from scipy.optimize import minimize

from orchestration.statistics.calibration.fair_score import fair_score
from orchestration.statistics.calibration.many_facet import ManyFacet, many_facet, moments
from orchestration.statistics.calibration.rasch import rasch_model
from orchestration.statistics.refusal import Refusal

STEPS = np.array([-1.4, 0.1, 1.3])


def draw(rng, ability, difficulty, severity, rated, steps=STEPS):
    """Scores 1 to 4 of persons by raters, as `rated` says who rates whom, on all items."""
    rows = [(p, i, r) for p, r in rated for i in range(len(difficulty))]
    person, item, rater = np.array(rows).T
    logit = np.asarray(ability)[person] - np.asarray(difficulty)[item] - np.asarray(severity)[rater]
    cumulated = np.append(0.0, np.cumsum(steps))
    weight = np.exp(np.arange(4) * logit[:, None] - cumulated)
    chance = weight / weight.sum(axis=1, keepdims=True)
    score = 1 + (rng.random((len(rows), 1)) > chance.cumsum(axis=1)).sum(axis=1)
    return score.astype(float), {
        "person": np.array([f"P{one:02d}" for one in person]),
        "item": np.array([f"I{one}" for one in item]),
        "rater": np.array([f"R{one:02d}" for one in rater]),
    }


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(3)
    rated = [(p, r) for p in range(12) for r in range(6) if (p + r) % 2 == 0 or r == 0]
    return draw(rng, rng.normal(0, 1, 12), [-0.5, -0.1, 0.2, 0.4], rng.normal(0, 0.7, 6), rated)


def by_brute_force(scores, facets, *, partial):
    """Maximise the joint likelihood without any of its structure; errors from differences."""
    coded = [np.unique(one, return_inverse=True) for one in facets.values()]
    sizes = [names.size for names, _ in coded]
    free = [sizes[0], sizes[1] - 1, sizes[2] - 1, 2 * (sizes[1] if partial else 1)]
    ends = np.cumsum(free)

    def parts(theta):
        person, item, rater, steps = np.split(theta, ends[:-1])
        return person, np.append(item, -item.sum()), np.append(rater, -rater.sum()), steps

    def loss(theta):
        person, item, rater, steps = parts(theta)
        table = np.pad(steps.reshape(-1, 2), ((0, 0), (1, 1)))
        logit = person[coded[0][1]] - item[coded[1][1]] - rater[coded[2][1]]
        logits = np.arange(4) * logit[:, None] - table[coded[1][1] if partial else 0]
        own = logits[np.arange(scores.size), scores.astype(int) - 1]
        return -(own - np.log(np.exp(logits).sum(axis=1))).sum()

    found = minimize(loss, np.zeros(ends[-1]), method="BFGS", options={"gtol": 1e-7})
    width, n = 1e-4, int(ends[-1])
    shift = np.eye(n) * width
    hessian = np.array(
        [
            [
                loss(found.x + a + b) - loss(found.x + a - b)
                - loss(found.x - a + b) + loss(found.x - a - b)
                for b in shift
            ]
            for a in shift
        ]
    ) / (4 * width**2)  # fmt: skip
    error = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return -found.fun, parts(found.x), np.split(error, ends[:-1])


@pytest.mark.parametrize("partial", [False, True])
def test_measures_and_errors_are_those_of_a_likelihood_maximised_by_brute_force(panel, partial):
    scores, facets = panel
    found = many_facet(scores, facets, steps_of="item" if partial else None)
    likelihood, (person, item, rater, _), errors = by_brute_force(scores, facets, partial=partial)

    assert found.log_likelihood == pytest.approx(likelihood, abs=1e-8)
    assert found.gradient < 1e-6
    for name, measure, error in zip(facets, (person, item, rater), errors, strict=False):
        facet = found.facets[name]
        assert facet.measure == pytest.approx(measure, abs=2e-6)
        # The last item and rater have no parameter of their own there.
        assert facet.standard_error[: error.size] == pytest.approx(error, abs=2e-6)
    assert all(steps.sum() == pytest.approx(0, abs=1e-12) for steps in found.thresholds.values())


def test_at_the_estimate_every_element_scores_what_is_expected_of_it(panel):
    scores, facets = panel
    found = many_facet(scores, facets)
    place = {name: np.unique(one, return_inverse=True)[1] for name, one in facets.items()}
    logit = (
        found.facets["person"].measure[place["person"]]
        - found.facets["item"].measure[place["item"]]
        - found.facets["rater"].measure[place["rater"]]
    )
    steepness = np.append(0.0, np.cumsum(found.thresholds["*"]))
    mean, variance = moments(logit, np.tile(steepness, (scores.size, 1)), np.full(scores.size, 3))
    residual = scores - 1 - mean
    of_rater = place["rater"]

    for at in place.values():
        assert np.bincount(at, residual) == pytest.approx(0, abs=1e-6)
    assert found.facets["rater"].infit == pytest.approx(
        np.bincount(of_rater, residual**2) / np.bincount(of_rater, variance)
    )
    assert found.facets["rater"].outfit == pytest.approx(
        np.bincount(of_rater, residual**2 / variance) / np.bincount(of_rater)
    )


def test_planted_severities_are_found_and_every_rater_fits_the_model_that_drew_them():
    rng = np.random.default_rng(11)
    severity = np.linspace(-1.5, 1.5, 20)
    rated = [(p, r) for p in range(120) for r in rng.choice(20, 6, replace=False)]
    scores, facets = draw(rng, rng.normal(0, 1, 120), [-0.6, -0.2, 0, 0.3, 0.5], severity, rated)
    rater = many_facet(scores, facets).facets["rater"]

    # Two or three of a hundred raters lie outside an interval of 2.5 errors.
    assert np.abs((rater.measure - severity) / rater.standard_error).max() < 3.5
    assert np.corrcoef(rater.measure, severity)[0, 1] > 0.98
    # Joint estimates lie somewhat too far out, as the module says.
    assert 1 < np.polyfit(severity, rater.measure, 1)[0] < 1.2
    assert 1 < rater.spread / severity.std(ddof=1) < 1.2
    assert rater.reliability > 0.95
    # 180 ratings each: a standard error of a tenth.
    assert np.all((rater.infit > 0.6) & (rater.infit < 1.5))
    assert rater.infit.mean() == pytest.approx(1, abs=0.06)


def test_two_facets_and_two_categories_agree_with_conditional_likelihood_but_for_its_known_bias():
    rng = np.random.default_rng(5)
    items = np.linspace(-1, 1, 40)
    person, item = np.divmod(np.arange(400 * 40), 40)
    yes = rng.random(person.size) < 1 / (1 + np.exp(items[item] - rng.normal(0, 1, 400)[person]))
    joint = many_facet(yes.astype(float), {"person": person, "item": item})
    conditional = rasch_model(yes.reshape(400, 40).astype(float))
    names = joint.facets["item"].elements.astype(int)
    easiness = conditional.easiness[names]

    # Joint estimates stretch by L / (L - 1) with L items: Wright and Douglas 1977.
    assert -joint.facets["item"].measure * 39 / 40 == pytest.approx(
        easiness - easiness.mean(), abs=0.01
    )


def test_order_and_names_do_not_matter(panel):
    scores, facets = panel
    order = np.random.default_rng(1).permutation(scores.size)
    renamed = {name: one[order] for name, one in facets.items()}
    renamed["rater"] = np.char.add("X", renamed["rater"])
    found, again = many_facet(scores, facets), many_facet(scores[order] + 6, renamed)

    assert again.lowest == {"*": 7}
    for name in facets:
        assert again.facets[name].measure == pytest.approx(found.facets[name].measure, abs=1e-8)


def test_raters_of_other_persons_are_another_subset_although_all_use_the_same_items():
    rng = np.random.default_rng(2)
    rated = [(p, r) for p in range(6) for r in range(3)]
    rated += [(p, r) for p in range(6, 10) for r in range(3, 6)]
    scores, facets = draw(rng, rng.normal(0, 1, 10), [-0.3, 0, 0.3], np.zeros(6), rated)
    found = many_facet(scores, facets)
    linked = many_facet(
        np.append(scores, [2.0, 3.0]),
        {
            name: np.append(one, extra)
            for (name, one), extra in zip(
                facets.items(), (["P00", "P00"], ["I0", "I1"], ["R05", "R05"]), strict=True
            )
        },
    )

    assert found.subsets == 2
    assert found.facets["rater"].subset.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.facets["person"].subset.tolist() == [0] * 6 + [1] * 4
    assert found.facets["item"].subset.tolist() == [0, 0, 0]
    assert np.isfinite(found.facets["rater"].measure).tolist() == [True] * 3 + [False] * 3
    assert linked.subsets == 1
    assert np.isfinite(linked.facets["rater"].measure).all()


def test_whoever_gives_the_best_throughout_has_a_measure_just_inside_and_moves_nobody():
    rng = np.random.default_rng(7)
    rated = [(p, r) for p in range(10) for r in range(4)]
    scores, facets = draw(rng, rng.normal(0, 1, 10), [-0.3, 0, 0.3], np.zeros(4), rated)
    kind = facets["rater"] == "R03"
    without = many_facet(scores[~kind], {name: one[~kind] for name, one in facets.items()})
    found = many_facet(np.where(kind, 4.0, scores), facets)
    rater = found.facets["rater"]

    assert rater.is_extreme.tolist() == [False, False, False, True]
    assert rater.measure[:3] == pytest.approx(without.facets["rater"].measure, abs=1e-8)
    assert rater.measure[3] < rater.measure[:3].min() - 1
    assert np.isnan(rater.infit[3])
    # 30 ratings that are 0.3 points short of the best.
    item = dict(zip(found.facets["item"].elements, found.facets["item"].measure, strict=True))
    person = dict(zip(found.facets["person"].elements, found.facets["person"].measure, strict=True))
    logit = np.array(
        [
            person[p] - item[i] - rater.measure[3]
            for p, i in zip(facets["person"][kind], facets["item"][kind], strict=True)
        ]
    )
    steepness = np.append(0.0, np.cumsum(found.thresholds["*"]))
    mean, _ = moments(logit, np.tile(steepness, (30, 1)), np.full(30, 3))
    assert mean.sum() == pytest.approx(30 * 3 - 0.3, abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "steps_of", "reason"),
    [
        ([1, 2, np.inf, 2], None, "infinite_value"),
        ([1, 2, 1.5, 2], None, "impossible_value"),
        ([np.nan] * 4, None, "no_value"),
        ([2, 2, 2, 2], None, "no_variation"),
        ([1, 2, 2, 1], None, None),
        ([1, 3, 3, 1], None, "separation"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(scores, steps_of, reason):
    facets = {"person": ["a", "a", "b", "b"], "item": ["x", "y", "x", "y"]}
    found = many_facet(scores, facets, steps_of=steps_of)

    if reason is None:
        assert isinstance(found, ManyFacet)
    else:
        assert isinstance(found, Refusal)
        assert found.reason == reason


def test_fair_scores_undo_the_severity_of_who_happened_to_rate():
    rng = np.random.default_rng(4)
    severity = np.array([1.2, 1.0, 0.8, -0.8, -1.0, -1.2])
    # Persons 0 to 29 are rated by the severe, the others by the lenient, some by both.
    rated = [(p, r) for p in range(60) for r in range(6) if (r < 3) == (p < 30) or p % 4 == 0]
    scores, facets = draw(rng, np.zeros(60), [-0.4, 0, 0.1, 0.3], severity, rated)
    found = many_facet(scores, facets)
    known = dict(zip(found.facets["rater"].elements, found.facets["rater"].measure, strict=True))
    persons = np.unique(facets["person"])

    def fair(person, known):
        mine = facets["person"] == person
        return fair_score(found, scores[mine], facets["item"][mine], facets["rater"][mine], known)

    raw = np.array([scores[facets["person"] == one].mean() for one in persons])
    corrected = np.array([fair(one, known).score for one in persons])
    apart = np.arange(60) % 4 != 0
    by_severe = np.arange(60) < 30

    # All sixty are equally able.
    assert raw[~by_severe & apart].mean() - raw[by_severe & apart].mean() > 0.8
    assert abs(corrected[~by_severe & apart].mean() - corrected[by_severe & apart].mean()) < 0.15
    # With nobody's severity known, the fair score of complete ratings is about the raw one.
    assert fair(persons[1], {}).score == pytest.approx(raw[1], abs=0.02)


def test_a_fair_score_has_an_interval_only_where_raters_can_be_seen_to_differ(panel):
    scores, facets = panel
    found = many_facet(scores, facets)
    mine = (facets["person"] == "P00") & (facets["rater"] == "R00")
    one = fair_score(found, scores[mine], facets["item"][mine], facets["rater"][mine], {})
    best = fair_score(found, [4, 4, 4, 4], ["I0", "I1"] * 2, ["a", "a", "b", "b"], {})
    three = facets["person"] == "P00"
    several = fair_score(found, scores[three], facets["item"][three], facets["rater"][three], {})

    assert np.isnan([one.low, one.high, best.low, best.high]).all()
    assert 3.5 < best.score < 4
    assert several.low < several.score < several.high
    assert fair_score(found, [np.nan], ["I0"], ["a"], {}).reason == "no_value"
    assert fair_score(found, [3.0], ["unknown"], ["a"], {}).reason == "no_value"


def test_of_few_ratings_either_all_errors_are_known_or_the_reason_is():
    """Eight of some 260 such sets had a flat likelihood, whose curvature was rounding."""
    fits = 0
    for seed in range(50, 120):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(8, 60))
        leader, item, rater = (rng.integers(0, k, n).astype(str) for k in (3, 4, 4))
        score = rng.choice([1, 2, 3, 4, 5], n, p=[0.03, 0.27, 0.4, 0.25, 0.05]).astype(float)
        found = many_facet(score, {"leader": leader, "item": item, "rater": rater})
        if isinstance(found, Refusal):
            continue
        fits += 1
        for facet in found.facets.values():
            assert not np.isnan(facet.standard_error[np.isfinite(facet.measure)]).any()
        fair = fair_score(found, score, item, rater, {})
        assert isinstance(fair, Refusal) or 1 <= fair.score <= 5
    assert fits > 40
