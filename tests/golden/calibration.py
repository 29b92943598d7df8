"""Calibration kinds that have a closed form or one equation: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.calibration import agreement, funnel, pooling, shrinkage
from orchestration.statistics.calibration import rasch as one_scale
from orchestration.statistics.fairness import multiplicity
from orchestration.statistics.refusal import Refusal
from tests.golden.cases import Answer, Case, labels


def icc(case: Case) -> Any:
    confidence = case.options.get("confidence", 0.95)
    ratings = _ratings(case)
    # R's psych leaves out targets that some rater has not seen.
    found = agreement.intraclass_correlations(
        ratings[np.isfinite(ratings).all(axis=1)], confidence=confidence
    )
    if isinstance(found, Refusal):
        return found
    named = {
        "ICC1": found.one_way,
        "ICC2": found.agreement,
        "ICC3": found.consistency,
        "ICC1k": found.one_way_mean,
        "ICC2k": found.agreement_mean,
        "ICC3k": found.consistency_mean,
    }
    return {
        name: {"icc": one.value, "F": one.f, "lo": one.low, "hi": one.high}
        for name, one in named.items()
    }


def _ratings(case: Case) -> np.ndarray:
    """A row per target and a column per rater, also of data with a row per rating."""
    if case.has("raters"):
        return np.asarray(case.column("raters"))
    wide = next((one for one in case.columns.values() if isinstance(one, list)), None)
    if wide is not None:
        return np.column_stack([case.table[name] for name in wide])
    rating = _first_role(case, ("rating", "score", "value", "y"))
    targets, row = np.unique(labels(case.column("target")), return_inverse=True)
    raters, column = np.unique(labels(case.column("rater")), return_inverse=True)
    table = np.full((targets.size, raters.size), np.nan)
    table[row, column] = case.column(str(rating))
    return table


def meta_random_effects(case: Case) -> Any:
    """A tree per estimator; the first, which may be the only one, stands at the top too."""
    variance = _first_role(case, ("vi", "v", "variance"))
    error = _first_role(case, ("sei", "se"))
    estimate = case.columns[str(_first_role(case, ("yi", "y", "estimate", "es")))]
    case = case.complete(estimate, case.columns[str(variance or error)])
    yi = case.table[estimate]
    vi = case.column(variance) if variance else case.column(str(error)) ** 2
    stated = next(
        (
            case.options[name]
            for name in ("estimators", "estimator", "method")
            if name in case.options
        ),
        pooling.ESTIMATORS,
    )
    each = {
        estimator: _pooled_tree(
            pooling.pool_random_effects(
                yi, vi, estimator, pm_tolerance=pooling.METAFOR_PM_TOLERANCE
            )
        )
        for estimator in ([stated] if isinstance(stated, str) else stated)
    }
    first = next(iter(each.values()))
    return {**(first if isinstance(first, dict) else {}), **each}


def _pooled_tree(found: pooling.RandomEffects | Refusal) -> Any:
    if isinstance(found, Refusal):
        return found
    return {
        "mu": found.mean,
        "se_mu": found.se_mean,
        "tau2": found.tau2,
        "I2": found.i2,
        "Q": found.q,
        "Qp": found.q_p_value,
        "blup": found.shrunken,
        "blup_se": found.se_shrunken,
    }


def funnel_plot(case: Case) -> Any:
    options = case.options
    if "data" not in options:
        return _exact_limits(case)
    measure = options["data"]
    found = funnel.funnel(
        case.column("observed"),
        case.column("expected" if measure == "SR" else "n"),
        measure=measure,
        adjust=options.get("adjust", "none"),
        transform=options.get("transform", "root"),
        trim=options.get("trim", 0.1),
    )
    if isinstance(found, Refusal):
        return found
    return {
        "Y": found.value,
        "s": found.standard_error,
        "target": found.target,
        "z": found.z,
        "z_adjusted_for_outliers": found.z_adjusted,
        "n_used": found.n_used,
        "phi": found.phi,
        "tau2": found.tau2,
        "z_additive": found.z_additive,
        "z_multiplicative": found.z_multiplicative,
    }


def _exact_limits(case: Case) -> Any:
    """Limits whose trials, probabilities and expected counts stand in the leaves themselves."""
    target = float(case.column("observed").sum() / case.column("n").sum())
    tree: dict[str, Any] = {"target_proportion": target, "exact_limits": []}
    for row in case.expected.get("exact_limits", ()):
        tree["exact_limits"].append({"n": row["n"]})
        for name in row:
            if name.startswith("p"):
                limit = funnel.exact_binomial_limit([row["n"]], target, float(name[1:]))
                tree["exact_limits"][-1][name] = limit[0]
    for name, ends in case.expected.items():
        if name.startswith("poisson_chisq_limits_E"):
            expected = float(name.removeprefix("poisson_chisq_limits_E"))
            tree[name] = {}
            for end in ends:
                # lo998 and hi998: the ends of 99.8 %.
                found = funnel.poisson_limits(expected, float(f"0.{end[2:]}"))
                tree[name][end] = found[0 if end.startswith("lo") else 1]
    return tree


def p_adjust(case: Case) -> Any:
    """Every method by name; where the options name one alone, its p-values."""
    p = np.asarray(case.column(str(_first_role(case, ("p", "p_value", "pvalue", "values")))))
    # R's n: tests that were made and of which no p-value is at hand count as ones.
    more = int(case.options.get("n", 0)) - int(np.isfinite(p).sum())
    padded = np.concatenate([p, np.ones(max(0, more))])
    known = {
        method: _first(multiplicity.adjust_p_values(padded, method), p.size)
        for method in multiplicity.METHODS
    }
    known |= {"fdr": known["BH"], "none": p}
    stated = case.options.get("method")
    asked = [stated] if isinstance(stated, str) else case.options.get("methods", [])
    if unknown := set(asked) - set(known):
        raise ValueError(f"no such adjustment is known: {', '.join(sorted(unknown))}")
    return known[stated] if isinstance(stated, str) else known


def _first(found: np.ndarray | Refusal, count: int) -> np.ndarray | Refusal:
    return found if isinstance(found, Refusal) else found[:count]


NAMES: dict[str, one_scale.Model] = {
    **dict.fromkeys(("rm", "rasch", "dichotomous"), "RM"),
    **dict.fromkeys(("pcm", "partial_credit", "partial credit"), "PCM"),
    **dict.fromkeys(("rsm", "rating_scale", "rating scale"), "RSM"),
}


def rasch(case: Case) -> Any:
    """The named model, or those that the answers allow; the first stands at the top too."""
    named = next((one for one in case.columns.values() if isinstance(one, list)), None)
    named = case.options.get("items", named)
    items = named or [name for name, column in case.table.items() if column.dtype.kind == "f"]
    answers = np.column_stack([case.table[name] for name in items])
    dichotomous = np.nanmax(answers - np.nanmin(answers, axis=0)) <= 1
    stated = case.options.get("model", case.options.get("models"))
    asked = [stated] if isinstance(stated, str) else stated
    asked = asked and [NAMES.get(one.lower(), one) for one in asked]
    models = asked or (["RM"] if dichotomous else ["PCM", "RSM"])
    each = {model: _scale(answers, model, items) for model in models}
    first = each[models[0]]
    return {**(first if isinstance(first, dict) else {}), **each}


def _scale(answers: np.ndarray, model: one_scale.Model, items: list[str]) -> Any:
    found = one_scale.rasch_model(answers, model)
    if isinstance(found, Refusal):
        return found
    used = [items[at] for at in found.items]
    steps = [
        name if model == "RM" else f"{name}.c{category}"
        for name, most in zip(used, found.categories, strict=True)
        for category in range(1, most + 1)
    ]
    free = [*used[1:], *(f"Cat {k}" for k in range(2, found.categories[0] + 1))]
    easiness = dict(zip(steps, found.easiness.tolist(), strict=True))
    se_easiness = dict(zip(steps, found.se_easiness.tolist(), strict=True))
    names = free if model == "RSM" else steps[1:]
    eta = dict(zip(names, found.parameters.tolist(), strict=True))
    se_eta = dict(zip(names, found.se_parameters.tolist(), strict=True))
    persons = one_scale.person_measures(found)
    return {
        "beta": easiness,
        "betapar": easiness,
        "easiness": easiness,
        "difficulty": {name: -value for name, value in easiness.items()},
        "se": se_easiness,
        "se_beta": se_easiness,
        "se.beta": se_easiness,
        "se_easiness": se_easiness,
        "eta": eta,
        "etapar": eta,
        "se_eta": se_eta,
        "se.eta": se_eta,
        "loglik": found.log_likelihood,
        "npar": found.parameters.size,
        "person": persons.measure,
        "person_se": persons.standard_error,
    }


def james_stein(case: Case) -> Any:
    """Variance from a column, an option, or binomial about the grand mean with n trials."""
    options = case.options
    role = _first_role(case, ("y", "yi", "value", "values", "estimate", "x", "rate", "score"))
    values = np.asarray(case.column(role or next(iter(case.columns))))
    transform = str(options.get("transform", ""))
    n = next((options[key] for key in ("n", "trials", "at_bats") if key in options), None)
    if _first_role(case, ("n", "trials", "at_bats")):
        n = case.column(str(_first_role(case, ("n", "trials", "at_bats"))))
    if role == "y" and n is not None and np.all(values == np.round(values)) and values.max() > 1:
        values = values / n
    if transform.startswith(("arcsin", "asin")):
        # Efron and Morris 1975: variance one.
        values, n = np.sqrt(n) * np.arcsin(2 * values - 1), None
    elif transform not in {"", "none", "identity", "None"}:
        raise ValueError(f"the transform {transform!r} is not known: arcsin")
    variance = _variance(case, values, n)
    target = _target(options.get("target", "grand_mean"))
    positive = options.get("positive_part", options.get("positive", True))
    found = shrinkage.james_stein(values, variance, target=target, positive_part=bool(positive))
    if isinstance(found, Refusal):
        return found
    factor = 1 - found.shrinkage
    tree = {
        "target": found.target,
        "grand_mean": found.target,
        "mean": found.target,
        "S": found.spread * (variance if np.ndim(variance) == 0 else 1.0),
        "shrinkage": found.shrinkage,
        "B": found.shrinkage,
        "factor": factor,
        "shrinkage_factor": factor,
        "c": factor,
        "sigma2": variance,
        "variance": variance,
    }
    for name in ("estimate", "estimates", "js", "james_stein", "shrunk", "shrunken", "theta"):
        tree[name] = found.estimates
    truth = _first_role(case, ("truth", "true", "remaining", "season", "actual"))
    if truth:
        raw = float(((values - case.column(truth)) ** 2).sum())
        ours = float(((found.estimates - case.column(truth)) ** 2).sum())
        tree |= {"sse_raw": raw, "sse_js": ours, "mse_raw": raw / values.size}
        tree |= {"mse_js": ours / values.size, "ratio": ours / raw}
    return tree


def _target(stated: Any) -> float | None:
    """What estimates are shrunk to; None is their grand mean."""
    word = str(stated).lower()
    if word in {"none", "zero", "origin"}:
        return 0.0
    if "mean" in word or word == "average":
        return None
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"a target {stated!r} is not known: a figure, zero, grand_mean") from None


def _variance(case: Case, values: np.ndarray, n: Any) -> Any:
    role = _first_role(case, ("variance", "vi", "v", "var", "sigma2"))
    if role:
        return case.column(role)
    role = _first_role(case, ("se", "sei", "sigma", "sd"))
    if role:
        return case.column(role) ** 2
    for key, power in (("sigma2", 1), ("variance", 1), ("sigma", 2), ("se", 2), ("sd", 2)):
        if isinstance(case.options.get(key), int | float):
            return float(case.options[key]) ** power
    return 1.0 if n is None else values.mean() * (1 - values.mean()) / n


def _first_role(case: Case, roles: tuple[str, ...]) -> str | None:
    return next((role for role in roles if case.has(role)), None)


KINDS: dict[str, Answer] = {
    "icc": icc,
    "meta_random_effects": meta_random_effects,
    "funnel": funnel_plot,
    "p_adjust": p_adjust,
    "rasch": rasch,
    "james_stein": james_stein,
}
