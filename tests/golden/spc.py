"""Control chart kinds: from a recipe to our functions, and from their results to its tree."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc import (
    attributes,
    autocorrelation,
    capability,
    individuals,
    multivariate,
    nhs,
    rare_events,
    run_length,
    runs,
    short_run,
    subgroups,
    unbiasing,
    weighted,
)
from orchestration.statistics.spc.constants import (
    D2_EXACT,
    D2_TABLE,
    D4_TABLE,
    LIMIT_SIGMAS,
)
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.presets import PRESETS, flag_with_gaps
from orchestration.statistics.spc.rules import RULES, flag_rule
from tests.golden.cases import Answer, Case

PATTERNS = {
    "beyond": "nelson1",
    "run": "nelson2",
    "shift": "nelson2",
    "one_side": "nelson2",
    "same_side": "nelson2",
    "trend": "nelson3",
    "drift": "nelson3",
    "alternating": "nelson4",
    "oscillation": "nelson4",
    "zone": "nelson5",
    "zone_a": "nelson5",
    "zone_b": "nelson6",
    "within": "nelson7",
    "zone_c": "nelson7",
    "stratification": "nelson7",
    "mixture": "nelson8",
    "both_sides": "nelson8",
    "outside_both_sides": "nelson8",
}
OTHERS = {
    "outside": replace(RULES["nelson8"], pattern="outside"),
    "within_both_sides": replace(RULES["nelson7"], pattern="within_both_sides"),
    "zone_within": replace(RULES["nelson5"], pattern="zone_within"),
}
NUMBERS = {"two": "2", "three": "3", "four": "4", "five": "5"}
TIES = {"break": "end", "breaks": "end", "ignore": "skip", "continue": "carry", "count": "carry"}
RUN_OF_ONE_SIDE = ("nelson2", "we4")
FORMS = {
    "nelson7": {"either": "within", "either_side": "within", "both_sides": "within_both_sides"},
    "nelson8": {"either": "outside", "either_side": "outside", "both_sides": "outside_both_sides"},
}


# What recipes call what is counted, and out of how many.
COUNTS = ("count", "num", "numerator")
SIZES = ("n", "den", "denominator")


def i_mr(case: Case) -> Any:
    values, options = case.column("value"), case.options
    exclude = _rows(options.get("exclude"), values.size)
    chart = individuals.individuals_chart(
        values,
        freeze=options.get("freeze"),
        split_after=_listed(options.get("split_after")),
        exclude=exclude,
        screen_moving_ranges=_screens(case),
        bridge_gaps=_gaps(case) == "bridge",
        d2=_d2(case),
        sigma_method=_sigma_of_one(case),
    )
    if isinstance(chart, Refusal):
        return chart
    chart = _as_given(case, chart)
    beyond = _points((values > chart.upper) | (values < chart.lower))
    return {
        "center": _single(chart.centre),
        "sigma": _single(chart.sigma),
        "lcl": chart.lower,
        "ucl": chart.upper,
        "mr": chart.moving_range,
        "mr_bar": _single(chart.mean_moving_range),
        "mr_ucl": _single(chart.moving_range_upper),
        "mr_ucl_D4_table": _single(chart.moving_range_upper),
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "rules": _rules(case, values, chart.centre, chart.sigma, chart.phase_start),
        "anhoej": _anhoej_by_phase(values, chart, exclude),
    }


def _sigma_of_one(case: Case) -> Any:
    """How sigma comes from single readings; R qcc says MR and SD."""
    said = _first_of(case.options, "sigma_method", "std_dev", "std.dev", default="MR")
    word = re.sub(r"[^a-z]", "", str(said).lower())
    if "median" in word:
        return "median_MR"
    if word in {"sd", "s", "stdev", "standarddeviation"}:
        return "SD"
    if "mr" not in word and "movingrange" not in word:
        raise ValueError(f"sigma of single readings by {said!r} is not known: MR, SD, median MR")
    return "MR"


def _nsigmas(case: Case) -> float:
    return float(_first_of(case.options, "nsigmas", "n_sigmas", "limit_sigmas", default=3))


def _as_given(
    case: Case, chart: Any, *, of_point: Any = 1.0, least: float = -np.inf, most: float = np.inf
) -> Any:
    """The chart with the centre, the sigma and the distance of its limits that are given.

    `of_point`: the sigma of a plotted point in the chart's sigma.
    """
    centre, sigma = chart.centre, chart.sigma
    stated = _first_of(case.options, "center", "centre", default=None)
    if isinstance(stated, int | float):
        centre = np.full_like(centre, float(stated))
    elif stated not in {None, "mean"}:
        raise ValueError(f"a centre by {stated!r} is not known: a figure, mean")
    if isinstance(case.options.get("sigma"), int | float):
        sigma = np.full_like(sigma, float(case.options["sigma"]))
    if centre is chart.centre and sigma is chart.sigma and _nsigmas(case) == LIMIT_SIGMAS:
        return chart
    reach = _nsigmas(case) * sigma * of_point
    return replace(
        chart,
        centre=centre,
        sigma=sigma,
        lower=np.maximum(centre - reach, least),
        upper=np.minimum(centre + reach, most),
    )


def rules(case: Case) -> Any:
    values, options = case.column("value"), case.options
    centre, sigma = options["center"], options["sigma"]
    if "rule" not in options:
        return {"rules": _rules(case, values, centre, sigma)}
    named = {key: options[key] for key in ("length", "count", "sigmas") if key in options}
    rule = replace(_rule(case, options["rule"]), **named)
    return _points(_flagged(case, values, rule, centre, sigma, (0,)))


def _canonical(name: str) -> str:
    """The Nelson rule that a word means: `2of3`, `two_out_of_three`, `trend`, `Nelson 3`."""
    word = re.sub(r"[\s-]+", "_", name.strip().lower())
    if joined := re.fullmatch(r"(nelson|we|western_electric|rule)_?(\d)", word):
        return f"{'we' if joined[1].startswith('we') else 'nelson'}{joined[2]}"
    counted = re.match(r"([a-z]+|\d)_?(?:out_of|of|in)_?([a-z]+|\d)", word)
    pair = [NUMBERS.get(one, one) for one in counted.groups()] if counted else []
    if pair in (["2", "3"], ["4", "5"]):
        return "nelson5" if pair[0] == "2" else "nelson6"
    return PATTERNS.get(word, word)


def xbar(case: Case) -> Any:
    options = case.options
    groups = subgroups.summarise_subgroups(case.column("value"), case.column("subgroup"))
    if isinstance(groups, Refusal):
        return groups
    method = options.get("sigma_method", "UWAVE-R")
    base = groups.first(options.get("baseline_subgroups"))
    chart = subgroups.mean_chart(
        groups,
        baseline_subgroups=options.get("baseline_subgroups"),
        sigma_method=method,
        digits=_digits(case),
    )
    if isinstance(chart, Refusal):
        return chart
    estimated = chart.sigma
    chart = _as_given(case, chart, of_point=1 / np.sqrt(groups.size))
    beyond = _points((chart.value > chart.upper) | (chart.value < chart.lower))
    tree = {
        "statistics": chart.value,
        "sizes": groups.size,
        "center": _single(chart.centre),
        "sigma": _single(chart.sigma),
        f"sigma_{method.lower().replace('-', '_')}": _single(chart.sigma),
        "lcl": chart.lower,
        "ucl": chart.upper,
        "signals": beyond,
        "violations": beyond,
        "rules": _rules(case, chart.value, chart.centre, chart.sigma / np.sqrt(groups.size)),
        "sigma_by_method": {
            name: subgroups.sigma_within(base, name, digits=_digits(case))
            for name in options.get("sigma_methods", ())
        },
    }
    companions = {"r": ("range_chart", subgroups.range_chart), "s": ("s_chart", subgroups.sd_chart)}
    letter = str(options.get("companion", "")).lower()
    if letter in companions:
        key, draw = companions[letter]
        beside = draw(base, sigma_method=method, digits=_digits(case))
        if isinstance(beside, Refusal):
            return {**tree, key: beside}
        # About the centre that the data have, as R qcc, also where sigma is given.
        within = slice(beside.value.size)
        wider = _nsigmas(case) / LIMIT_SIGMAS * (chart.sigma / estimated)[within]
        reach = wider * (beside.upper - beside.centre)
        beside = replace(
            beside,
            sigma=chart.sigma[within],
            lower=np.maximum(beside.centre - reach, 0.0),
            upper=beside.centre + reach,
        )
        tree[key] = {
            "statistics": beside.value,
            "center": _single(beside.centre),
            "sigma": _single(beside.sigma),
            "lcl": beside.lower,
            "ucl": beside.upper,
            "signals": _points((beside.value > beside.upper) | (beside.value < beside.lower)),
        }
        for name in ("center", "lcl", "ucl"):
            tree[f"{letter}_{name}"] = tree[key][name]
    return tree


def attribute(case: Case) -> Any:
    options = case.options
    counts = _column(case, *COUNTS)
    sizes = _sizes(case, counts.size)
    baseline = _baseline(case, counts.size)
    rows = np.arange(counts.size)
    if "rules_on" in options:
        named = re.findall(r"baseline|phase[ _]?(\d+)", options["rules_on"])
        parts = [case.column("phase") == float(one) if one else baseline for one in named]
        if baseline.all():
            # Where no other baseline is stated the first phase sets the limits.
            baseline = parts[0]
        rows = np.concatenate([np.flatnonzero(part) for part in parts])
        counts, baseline = counts[rows], baseline[rows]
        sizes = None if sizes is None else sizes[rows]

    def draw(kind: str) -> Any:
        return attributes.attribute_chart(
            kind,
            counts,
            None if kind == "c" else sizes,
            baseline=baseline,
            screen_moving_ranges=options.get("screen_mr", False),
            d2=_d2(case),
        )

    chart = draw(case.kind)
    if isinstance(chart, Refusal):
        return chart
    chart = _attribute_as_given(case, case.kind, chart, sizes)
    tree = _attribute_tree(case, chart)
    if "rules_on" in options:
        tree |= {"rows": rows + 1, "rules_by_position": tree["rules"]}
    if case.kind.startswith("laney"):
        letter = case.kind[-1]
        plain = _attribute_as_given(case, letter, draw(letter), sizes)
        tree |= {
            "sigma_z": chart.sigma_z,
            "sigma_z_mr": chart.sigma_z,
            "z": chart.z,
            f"plain_{letter}_signals": _beyond(plain),
        }
    for kind in options.get("also", ()):
        beside = draw(kind)
        if not isinstance(beside, Refusal):
            beside = _attribute_tree(case, _attribute_as_given(case, kind, beside, sizes))
        tree[kind] = beside
    return tree


def _sizes(case: Case, count: int) -> np.ndarray | None:
    """Trials or exposure: a column, or one figure for all rows."""
    if any(case.has(role) and case.columns[role] in case.table for role in SIZES):
        return _column(case, *SIZES)
    stated = _first_of(case.options, *SIZES, "size", "sizes", default=None)
    return None if stated is None else np.full(count, float(stated))


def _attribute_as_given(case: Case, kind: str, chart: Any, sizes: np.ndarray | None) -> Any:
    """As `_as_given`; of a given centre the law says the sigma."""
    stated = _first_of(case.options, "center", "centre", default=None)
    size = np.ones_like(chart.value) if sizes is None or kind == "c" else sizes
    most = {"p": 1.0, "laney_p": 1.0, "np": size}.get(kind, np.inf)
    if isinstance(stated, int | float) and "sigma" not in case.options:
        laws = {"c": stated, "u": stated / size, "p": stated * (1 - stated) / size,
                "np": stated * (1 - stated / size)}  # fmt: skip
        if kind not in laws:
            raise ValueError(f"a {kind} chart about a given centre is not known")
        chart = replace(chart, sigma=np.sqrt(np.broadcast_to(laws[kind], chart.value.shape)))
    return _as_given(case, chart, least=0.0, most=most)


def _attribute_tree(case: Case, chart: attributes.AttributeChart) -> dict[str, Any]:
    beyond = _beyond(chart)
    return {
        "statistics": chart.value,
        "center": _single(chart.centre),
        "sigma": _single(chart.sigma),
        "sigma_of_p": _single(chart.sigma),
        "sigma_of_u": _single(chart.sigma),
        "lcl": chart.lower,
        "ucl": chart.upper,
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "rules": _rules(case, chart.value, chart.centre, chart.sigma),
    }


def _column(case: Case, *roles: str) -> Any:
    """Return the column of the first role that the recipe names."""
    return case.column(next((role for role in roles if case.has(role)), roles[0]))


def i_prime(case: Case) -> Any:
    num, den = _column(case, *COUNTS), _column(case, *SIZES)
    chart = individuals.prime_chart(
        num,
        den,
        baseline=_baseline(case, num.size),
        screen_differences=case.options.get("screen_mr", False),
    )
    if isinstance(chart, Refusal):
        return chart
    one_sigma = (chart.upper - chart.centre) / LIMIT_SIGMAS
    reach = _nsigmas(case) * one_sigma
    chart = replace(chart, lower=chart.centre - reach, upper=chart.centre + reach)
    beyond = _points((chart.value > chart.upper) | (chart.value < chart.lower))
    return {
        "y": chart.value,
        "statistics": chart.value,
        "center": _single(chart.centre),
        "s": chart.s,
        "sigma": chart.s,
        "lcl": chart.lower,
        "ucl": chart.upper,
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "rules": _rules(case, chart.value, chart.centre, one_sigma),
    }


def g(case: Case) -> Any:
    values, options = case.column("value"), case.options
    law = str(options.get("limits", "sqrt")).lower()
    by_sigma = not any(word in law for word in ("quantile", "percent", "probab", "exact"))
    chart = rare_events.g_chart(
        values,
        limits="sigma" if by_sigma else "quantile",
        baseline=_baseline(case, values.size),
    )
    if isinstance(chart, Refusal):
        return chart
    if by_sigma:
        reach = _nsigmas(case) * chart.sigma
        chart = replace(chart, lower=max(0.0, chart.mean - reach), upper=chart.mean + reach)
    beyond = _points((values > chart.upper) | (values < chart.lower))
    return {
        "mean": chart.mean,
        "median": chart.median,
        "center": case.word("center", {"median": chart.median, "mean": chart.mean}, chart.mean),
        "center_qicharts2_median": chart.median,
        "sigma": chart.sigma,
        "lcl": np.full(values.size, chart.lower),
        "ucl": np.full(values.size, chart.upper),
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
    }


def t(case: Case) -> Any:
    values, options = case.column("value"), case.options
    chart = rare_events.t_chart(
        values,
        freeze=options.get("freeze"),
        exclude=_rows(options.get("exclude"), values.size),
        screen_moving_ranges=options.get("screen_mr", False),
        d2=_d2(case),
    )
    if isinstance(chart, Refusal):
        return chart
    inner, back = _as_given(case, chart.transformed), 1 / rare_events.NEARLY_NORMAL_POWER
    chart = replace(
        chart,
        centre=inner.centre**back,
        lower=np.maximum(inner.lower, 0.0) ** back,
        upper=inner.upper**back,
    )
    beyond = _points((values > chart.upper) | (values < chart.lower))
    return {
        "center": _single(chart.centre),
        "sigma": _single(inner.sigma),
        "lcl": chart.lower,
        "ucl": chart.upper,
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "transformed": {
            "center": _single(inner.centre),
            "sigma": _single(inner.sigma),
            "mr_bar": _single(inner.mean_moving_range),
            "lcl": inner.lower,
            "ucl": inner.upper,
        },
        "rules": _rules(case, values**rare_events.NEARLY_NORMAL_POWER, inner.centre, inner.sigma),
    }


def ewma(case: Case) -> Any:
    plotted = _plotted(case)
    if isinstance(plotted, Refusal):
        return plotted
    values, centre, sigma, of_point = plotted
    options = case.options
    chart = weighted.ewma_chart(
        values,
        centre=centre,
        sigma=of_point,
        weight=options["lambda"],
        limit_sigmas=options.get("nsigmas", options.get("L", 3)),
        limits=options.get("limits", "exact"),
    )
    if isinstance(chart, Refusal):
        return chart
    return {"ewma": chart.value, **_weighted_tree(chart, centre, sigma)}


def moving_average(case: Case) -> Any:
    plotted = _plotted(case)
    if isinstance(plotted, Refusal):
        return plotted
    values, centre, sigma, of_point = plotted
    window = case.options.get("window", case.options.get("span", case.options.get("w")))
    chart = weighted.moving_average_chart(values, centre=centre, sigma=of_point, window=window)
    if isinstance(chart, Refusal):
        return chart
    wider = _nsigmas(case) / LIMIT_SIGMAS
    chart = replace(
        chart,
        lower=centre + wider * (chart.lower - centre),
        upper=centre + wider * (chart.upper - centre),
        asymptotic_lower=centre + wider * (chart.asymptotic_lower - centre),
        asymptotic_upper=centre + wider * (chart.asymptotic_upper - centre),
    )
    if wider != 1:
        chart = replace(chart, beyond=(chart.value > chart.upper) | (chart.value < chart.lower))
    return {
        "ma": chart.value,
        "moving_average": chart.value,
        "statistics": chart.value,
        **_weighted_tree(chart, centre, sigma),
    }


def _weighted_tree(chart: weighted.WeightedChart, centre: float, sigma: float) -> dict[str, Any]:
    beyond = _points(chart.beyond)
    return {
        "center": centre,
        "sigma": sigma,
        "lcl": chart.lower,
        "ucl": chart.upper,
        "asymptotic_lcl": _single(chart.asymptotic_lower),
        "asymptotic_ucl": _single(chart.asymptotic_upper),
        "violations": beyond,
        "signals": beyond,
        "beyond": beyond,
    }


def cusum(case: Case) -> Any:
    plotted = _plotted(case)
    if isinstance(plotted, Refusal):
        return plotted
    values, centre, sigma, of_point = plotted
    options = case.options
    h = options.get("h_sigma", options.get("h", 5))
    head_start = options.get("head_start", 0)
    if options.get("fir"):
        head_start = h / 2 if options["fir"] is True else options["fir"]
    chart = weighted.cusum_chart(
        values,
        centre=centre,
        sigma=of_point,
        k=options.get("k_sigma", options.get("k", 0.5)),
        h=h,
        head_start=head_start,
    )
    if isinstance(chart, Refusal):
        return chart
    return {
        "center": centre,
        "sigma": sigma,
        "c_plus": chart.plus,
        "c_minus": chart.minus,
        "c_plus_sigma": chart.plus,
        "c_minus_sigma": chart.minus,
        "c_plus_units": chart.plus * of_point,
        "c_minus_units": chart.minus * of_point,
        "signals_upper": _points(chart.above),
        "signals_lower": _points(chart.below),
        "signals": _points(chart.above | chart.below),
    }


def z_mr_short_run(case: Case) -> Any:
    values = case.column("value")
    chart = short_run.short_run_chart(values, case.column("part"), d2=_d2(case))
    if isinstance(chart, Refusal):
        return chart
    chart = replace(chart, lower=-_nsigmas(case), upper=_nsigmas(case))
    beyond = _points(np.abs(chart.z) > chart.upper)
    means = {_label(part): mean for part, mean in chart.mean.items()}
    sigmas = {_label(part): sigma for part, sigma in chart.sigma.items()}
    return {
        "z": chart.z,
        "mr": chart.moving_range,
        "mr_z": chart.moving_range,
        "mean": means,
        "means": means,
        "sigma": sigmas,
        "sigmas": sigmas,
        "parts": {part: {"mean": means[part], "sigma": sigmas[part]} for part in means},
        "center": 0,
        "lcl": np.full(values.size, chart.lower),
        "ucl": np.full(values.size, chart.upper),
        "mr_center": chart.moving_range_centre,
        "mr_ucl": chart.moving_range_upper,
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "rules": _rules(case, chart.z, 0.0, 1.0),
    }


def hotelling_t2_individual(case: Case) -> Any:
    values, options = case.column("values"), case.options
    chart = multivariate.hotelling_chart(
        values,
        confidence=options.get("confidence", 0.9973),
        baseline=_baseline(case, values.shape[0]),
    )
    if isinstance(chart, Refusal):
        return chart
    upper = chart.upper_phase_2 if options.get("phase") == 2 else chart.upper_phase_1
    beyond = _points(chart.beyond)
    return {
        "t2": chart.t2,
        "statistics": chart.t2,
        "center": chart.centre,
        "cov": chart.covariance,
        "ucl": upper,
        "ucl_phase1_beta": chart.upper_phase_1,
        "ucl_phase2_f": chart.upper_phase_2,
        "violations": beyond,
        "signals": beyond,
        "beyond": beyond,
    }


def process_capability(case: Case) -> Any:
    options = case.options
    values = case.column("value")
    if case.has("subgroup"):
        groups = subgroups.summarise_subgroups(values, case.column("subgroup"))
        if isinstance(groups, Refusal):
            return groups
        sigma = subgroups.sigma_within(
            groups, options.get("sigma_method", "UWAVE-R"), digits=_digits(case)
        )
    else:
        chart = individuals.individuals_chart(
            values, d2=_d2(case), sigma_method=_sigma_of_one(case)
        )
        sigma = chart if isinstance(chart, Refusal) else float(chart.sigma[0])
    if isinstance(sigma, Refusal):
        return sigma
    confidence = options.get("confidence", 0.95)
    found = capability.capability(
        values,
        sigma_within=sigma,
        # The tools of the cases do not ask whether the process is stable.
        is_stable=options.get("is_stable", True),
        lower_spec=options.get("lsl"),
        upper_spec=options.get("usl"),
        target=options.get("target"),
        confidence=confidence,
    )
    if isinstance(found, Refusal):
        return found
    share = f"{100 * confidence:g}"
    named = {
        "Cp": found.cp,
        "Cp_l": found.cp_lower,
        "Cp_u": found.cp_upper,
        "Cp_k": found.cpk,
        "Cpm": found.cpm,
    }
    return {
        "center": found.centre,
        "sigma_within": found.sigma_within,
        "sigma_overall": found.sigma_overall,
        "indices": {
            name: {"value": index.value, f"lo{share}": index.low, f"hi{share}": index.high}
            for name, index in named.items()
        },
        "Pp": found.pp.value,
        "Ppk": found.ppk.value,
    }


def run_anhoej(case: Case) -> Any:
    values = case.column("value")
    found = runs.analyse_runs(
        values, centre=case.options.get("center"), baseline=_baseline(case, values.size)
    )
    if isinstance(found, Refusal):
        return found
    return {"center": found.centre, "median": found.centre, **_runs_tree(found)}


def xmr_nhs(case: Case) -> Any:
    options = case.options
    chart = nhs.nhs_chart(
        case.column("value"),
        freeze=options.get("freeze", options.get("fix_after_n_points")),
        split_after=_listed(options.get("split_after")),
        screen_moving_ranges=options.get("screen_mr", True),
    )
    if isinstance(chart, Refusal):
        return chart
    ways = {"increase": "increase", "decrease": "decrease"}
    direction = case.word("direction_of_assurance", ways, "increase")
    return {
        "mean": _single(chart.mean),
        "amr": _single(chart.mean_moving_range),
        "lpl": _single(chart.lower),
        "upl": _single(chart.upper),
        "special_cause_type": chart.cause,
        **{
            f"point_type_{better}_is_better": nhs.point_types(chart, better)
            for better in ("increase", "decrease")
        },
        "assurance": {
            f"target_{target:g}": nhs.assurance(chart, target, direction)
            for target in options.get("targets", ())
        },
    }


def i_on_ar1_residuals(case: Case) -> Any:
    values, options = case.column("value"), case.options
    found = autocorrelation.residual_chart(values, d2=_d2(case))
    if isinstance(found, Refusal):
        return found
    lags = _first_of(options, "acf_lags", "lags", "lag_max", "max_lag", "lag", default=10)
    tested = _first_of(options, "ljung_box_lag", "ljung_box_lags", "lag", "lags", default=lags)
    model, chart = found.model, _as_given(case, found.chart)
    test = autocorrelation.ljung_box(values, tested)
    after = autocorrelation.ljung_box(model.innovations, tested, fitted=options.get("fitdf", 0))
    residuals = model.innovations
    beyond = _points((residuals > chart.upper) | (residuals < chart.lower))
    correlations = autocorrelation.autocorrelation(values, lags)
    return {
        "acf": correlations,
        "acf1": correlations[0],
        "ljung_box": _ljung_box_tree(test),
        "ljung_box_residuals": _ljung_box_tree(after),
        **dict.fromkeys(("phi", "ar1"), model.phi),
        **dict.fromkeys(("mean", "intercept", "mu"), model.mean),
        "se_phi": model.se_phi,
        "se_mean": model.se_mean,
        "sigma2": model.sigma2,
        "loglik": model.log_likelihood,
        "aic": -2 * model.log_likelihood + 6,
        "residuals": residuals,
        "innovations": residuals,
        "center": _single(chart.centre),
        "sigma": _single(chart.sigma),
        "lcl": chart.lower,
        "ucl": chart.upper,
        "signals": beyond,
        "violations": beyond,
        "beyond": beyond,
        "rules": _rules(case, residuals, chart.centre, chart.sigma),
    }


def average_run_length(case: Case) -> Any:
    return {name: _run_length(name) for name in case.expected}


def constants(case: Case) -> Any:
    sizes = [int(n) for n in case.column("n")]
    tree: dict[str, Any] = {
        "qicharts2_D4": D4_TABLE,
        "qcc_table_d2": [unbiasing.d2(n) for n in range(2, 26)],
        "qcc_table_d3": [unbiasing.d3(n) for n in range(2, 51)],
        "c4": [unbiasing.c4(n) for n in sizes],
    }
    letters = {
        "d2": "d2", "d3": "d3", "c4": "c4", "A2": "a2", "A3": "a3", "B3": "b3", "B4": "b4",
        "D3": "d3_limit", "D4": "d4_limit", "E2": "e2",
    }  # fmt: skip
    exact = {n: unbiasing.factors(n) for n in sizes}
    for letter, field in letters.items():
        figures = [getattr(exact[n], field) for n in sizes]
        tree |= _each_and_all(letter, sizes, figures)
    for letter, sign in (("B5", -1), ("B6", 1)):
        # Limits of the standard deviation in sigma: c4 -+ 3 sqrt(1 - c4^2).
        figures = [
            max(0.0, exact[n].c4 + sign * 3 * float(np.sqrt(1 - exact[n].c4 ** 2))) for n in sizes
        ]
        tree |= _each_and_all(letter, sizes, figures)
    for letter, sign in (("D1", -1), ("D2", 1)):
        # Of the range: d2 -+ 3 d3.
        figures = [max(0.0, exact[n].d2 + sign * 3 * exact[n].d3) for n in sizes]
        tree |= _each_and_all(letter, sizes, figures)
    tree |= _each_and_all("A", sizes, [3 / float(np.sqrt(n)) for n in sizes])
    tree |= {
        "d2_table": [unbiasing.d2(n) for n in sizes],
        "d3_table": [unbiasing.d3(n) for n in sizes],
    }
    for n in sizes:
        tree |= {f"d2_n{n}_table": unbiasing.d2(n), f"qcc_table_d2_n{n}": unbiasing.d2(n)}
        tree |= {f"d3_n{n}_table": unbiasing.d3(n), f"qcc_table_d3_n{n}": unbiasing.d3(n)}
    return tree


def _each_and_all(letter: str, sizes: list[int], figures: list[float]) -> dict[str, Any]:
    tree: dict[str, Any] = {letter: figures, f"{letter}_exact": figures}
    for n, figure in zip(sizes, figures, strict=True):
        tree |= {f"{letter}_n{n}": figure, f"{letter}_n{n}_exact": figure}
    return tree


def _run_length(name: str) -> float | None:
    """Read the design from the leaf's name: `ewma_l0.2_L3_shift1`, `cusum_k.5_h5_two`."""
    figure = {
        letter: float(number)
        for letter, number in re.findall(r"_(shift|hs|arl|[klhL])(-?\d*\.?\d+)", name)
    }
    wanted = re.search(r"for_arl(\d*\.?\d+)", name)
    shift = figure.get("shift", 0.0)
    sides = "one" if re.search(r"_one(_|$)", name) else "two"
    if name.startswith("shewhart"):
        limit = re.search(r"_(\d*\.?\d+)s", name)
        return run_length.shewhart_arl(float(limit[1]) if limit else 3.0, shift=shift)
    if name.startswith("cusum"):
        k = figure.get("k", 0.5)
        if wanted:
            return run_length.cusum_interval(k, float(wanted[1]), sides=sides, shift=shift)
        head_start = figure.get("hs", figure["h"] / 2 if "_fir" in name else 0.0)
        return run_length.cusum_arl(k, figure["h"], shift=shift, sides=sides, head_start=head_start)
    if name.startswith("ewma"):
        weight = figure.get("l", 0.2)
        if wanted:
            return run_length.ewma_limit(weight, float(wanted[1]), shift=shift)
        return run_length.ewma_arl(weight, figure.get("L", 3.0), shift=shift)
    return None


def _plotted(case: Case) -> tuple[np.ndarray, float, float, np.ndarray] | Refusal:
    """Plotted figures, centre, sigma of a reading, and sigma of each plotted figure."""
    options, values = case.options, case.column("value")
    size = np.ones(values.size)
    if case.has("subgroup"):
        groups = subgroups.summarise_subgroups(values, case.column("subgroup"))
        if isinstance(groups, Refusal):
            return groups
        chart = subgroups.mean_chart(
            groups,
            baseline_subgroups=options.get("baseline_subgroups"),
            sigma_method=options.get("sigma_method", "UWAVE-R"),
            digits=_digits(case),
        )
        values, size = groups.mean, groups.size
        if isinstance(chart, Refusal):
            return chart
        found = float(chart.centre[0]), float(chart.sigma[0])
    elif "center" in options and "sigma" in options:
        found = options["center"], options["sigma"]
    else:
        baseline = _baseline(case, values.size)
        chart = individuals.individuals_chart(
            values, exclude=~baseline, d2=_d2(case), sigma_method=_sigma_of_one(case)
        )
        if isinstance(chart, Refusal):
            return chart
        found = float(chart.centre[0]), float(chart.sigma[0])
    centre = float(options.get("center", found[0]))
    sigma = float(options.get("sigma", found[1]))
    return values, centre, sigma, sigma / np.sqrt(size)


def _anhoej_by_phase(
    values: np.ndarray, chart: individuals.IndividualsChart, exclude: np.ndarray | None
) -> dict[str, Any]:
    seen = values if exclude is None else np.where(exclude, np.nan, values)
    columns: dict[str, list[Any]] = {}
    ends = [*chart.phase_start[1:].tolist(), values.size]
    for first, end in zip(chart.phase_start.tolist(), ends, strict=True):
        found = runs.analyse_runs(seen[first:end], centre=float(chart.centre[first]))
        if isinstance(found, Refusal):
            continue
        for name, figure in _runs_tree(found).items():
            columns.setdefault(name, []).extend([figure] * (end - first))
    return columns


def _runs_tree(found: runs.RunsAnalysis) -> dict[str, Any]:
    return {
        "n_useful": found.n_useful,
        "longest_run": found.longest_run,
        "longest_run_max": found.longest_run_max,
        **dict.fromkeys(("crossings", "n_crossings"), found.crossings),
        **dict.fromkeys(("crossings_min", "n_crossings_min"), found.crossings_min),
        **dict.fromkeys(("runs_signal", "signal"), found.is_signal),
    }


def _ljung_box_tree(test: Any) -> Any:
    if isinstance(test, Refusal):
        return test
    return {
        **dict.fromkeys(("statistic", "stat", "Q"), test.statistic),
        **dict.fromkeys(("df", "lag"), test.freedom),
        **dict.fromkeys(("p", "p_value"), test.p_value),
    }


def _rules(
    case: Case, values: np.ndarray, centre: Any, sigma: Any, series_start: Any = (0,)
) -> dict[str, list[int]]:
    named = case.options.get("rules", ())
    known = PRESETS[_tool(case)].rules if _tool(case) else RULES
    tree = {}
    for name in known if named == "all" else named:
        if not {name, _canonical(name)} & {*known, *OTHERS}:
            case.remarks.append(f"the rule {name!r} is not known")
            continue
        rule = _rule(case, name)
        tree[name] = _points(_flagged(case, values, rule, centre, sigma, series_start))
    return tree


def _rule(case: Case, name: str) -> Rule:
    """A named rule of the recipe's tool, with the conventions that its options state."""
    options = case.options
    known = {**OTHERS, **(PRESETS[_tool(case)].rules if _tool(case) else RULES)}
    word, name = name, name if name in known else _canonical(name)
    if name not in known:
        raise ValueError(f"the rule {word!r} is not known")
    rule = known[name]
    changes: dict[str, Any] = {}
    if name in RUN_OF_ONE_SIDE and "run_length" in options:
        changes["length"] = options["run_length"]
    if rule.pattern == "trend" and "trend_length" in options:
        changes["length"] = options["trend_length"]
    if "ties" in options:
        changes["ties"] = TIES.get(options["ties"], options["ties"])
    if rule.pattern == "zone" and "third_point" in options:
        changes["flagged_point_in_zone"] = options["third_point"] in {True, "in_zone", "inside"}
    if rule.pattern == "zone" and "full_window" in options:
        changes["full_window"] = options["full_window"]
    form = _first_of(options, f"{name}_form", f"rule{name[-1]}", default=None)
    if form is not None and name in FORMS:
        changes["pattern"] = FORMS[name].get(form, form)
    return replace(rule, **changes)


def _flagged(
    case: Case, values: np.ndarray, rule: Rule, centre: Any, sigma: Any, series_start: Any
) -> np.ndarray:
    told = dict.fromkeys(("all_members", "all", "members", "every", True), True)
    told |= dict.fromkeys(("completing", "completing_point", "last", "end", False), False)
    default = PRESETS[_tool(case)].all_members if _tool(case) else False
    all_members = case.word("flag", told, default)
    lines = [_single(np.atleast_1d(np.asarray(line, dtype=float))) for line in (centre, sigma)]
    if len(series_start) == 1 and all(np.ndim(line) == 0 for line in lines):
        return flag_with_gaps(
            values,
            rule,
            centre=float(lines[0]),
            sigma=float(lines[1]),
            gaps=_gaps(case),
            all_members=all_members,
        ).flagged
    return flag_rule(
        values,
        rule,
        centre=centre,
        sigma=sigma,
        series_start=series_start,
        all_members=all_members,
    ).flagged


def _screens(case: Case) -> bool:
    default = PRESETS[_tool(case)].screen_moving_ranges if _tool(case) else False
    return case.options.get("screen_mr", default)


def _tool(case: Case) -> str | None:
    return _first_of(case.options, "preset", "tool", "convention", default=None)


def _gaps(case: Case) -> str:
    if "bridge_gaps" in case.options:
        return "bridge" if case.options["bridge_gaps"] else "hold"
    return case.options.get("gaps", PRESETS[_tool(case)].gaps if _tool(case) else "hold")


def _beyond(chart: attributes.AttributeChart) -> list[int]:
    return _points((chart.value > chart.upper) | (chart.value < chart.lower))


def _points(flagged: np.ndarray) -> list[int]:
    return (np.flatnonzero(flagged) + 1).tolist()


def _single(line: np.ndarray) -> Any:
    """A line that is one figure for all points is printed as one."""
    there = line[np.isfinite(line)]
    return there[0] if there.size and np.all(there == there[0]) else line


def _baseline(case: Case, n: int) -> np.ndarray:
    mask = np.ones(n, dtype=bool)
    if case.has("baseline"):
        mask &= case.column("baseline") == 1
    first = _first_of(case.options, "freeze", "baseline_rows", "baseline_points", default=None)
    if isinstance(first, list):
        mask &= _rows(first, n)
    elif first is not None:
        mask &= np.arange(n) < first
    exclude = _rows(case.options.get("exclude"), n)
    return mask if exclude is None else mask & ~exclude


def _rows(numbers: Any, n: int) -> np.ndarray | None:
    if numbers is None:
        return None
    mask = np.zeros(n, dtype=bool)
    mask[np.array(_listed(numbers), dtype=int) - 1] = True
    return mask


def _listed(value: Any) -> list[int]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _first_of(options: Any, *names: str, default: Any) -> Any:
    return next((options[name] for name in names if name in options), default)


def _digits(case: Case) -> str:
    said = _first_of(case.options, "d2_digits", "d2", default="table")
    if said not in {"exact", "table"}:
        raise ValueError(f"d2 by {said!r} is not known: table or exact")
    return str(said)


def _d2(case: Case) -> float:
    if isinstance(case.options.get("d2"), int | float):
        return float(case.options["d2"])
    return D2_EXACT if _digits(case) == "exact" else D2_TABLE


def _label(part: Any) -> str:
    return f"{part:g}" if isinstance(part, float) else str(part)


KINDS: dict[str, Answer] = {
    "i_mr": i_mr,
    "rules": rules,
    "xbar": xbar,
    **dict.fromkeys(("p", "np", "u", "c", "laney_p", "laney_u"), attribute),
    "i_prime": i_prime,
    "g": g,
    "t": t,
    "ewma": ewma,
    "cusum": cusum,
    "moving_average": moving_average,
    "z_mr_short_run": z_mr_short_run,
    "hotelling_t2_individual": hotelling_t2_individual,
    "capability": process_capability,
    "run_anhoej": run_anhoej,
    "xmr_nhs": xmr_nhs,
    "i_on_ar1_residuals": i_on_ar1_residuals,
    "average_run_length": average_run_length,
    "constants": constants,
}
