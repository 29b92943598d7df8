"""Recipes of kinds that no shared case has, answered with figures that R gives."""

import json

import numpy as np

from tests.golden.__main__ import main
from tests.golden.cases import Case, figures
from tests.golden.kinds import KINDS
from tests.statistics.test_clustering import PLACES
from tests.statistics.test_digits import POWERS
from tests.statistics.test_ordinal import HOUSING
from tests.statistics.test_rasch import RATINGS
from tests.statistics.test_relations import ATTITUDE
from tests.statistics.test_shrinkage import HITS


def written(folder, header, rows, recipe, expected, tolerance=1e-6, formula=None):
    """The folder with the two files of a case."""
    lines = [",".join(header), *(",".join(str(one) for one in row) for row in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    stated = {"recipe": recipe, "expected": expected, "tolerance": {"default": tolerance}}
    if formula:
        stated["formula"] = formula
    (folder / "expected.json").write_text(json.dumps(stated), encoding="utf-8")
    return folder


def wrong(folder, *case, **options):
    """The figures that do not agree."""
    found = figures(Case.read(written(folder, *case, **options), folder), KINDS)
    assert found
    return [figure for figure in found if figure.verdict != "ok"]


def test_an_ordinal_regression_by_formula_and_by_roles(tmp_path):
    cell = np.arange(72)
    rows = zip(
        np.array(["Low", "Medium", "High"])[cell % 3],
        np.array(["1low", "2medium", "3high"])[cell // 3 % 3],
        np.array(["1tower", "2apartment", "3atrium", "4terrace"])[cell // 9 % 4],
        np.array(["1low", "2high"])[cell // 36],
        HOUSING,
        strict=True,
    )
    rows, header = list(rows), ["Sat", "Infl", "Type", "Cont", "Freq"]
    # MASS 7.3-58.2, polr(); wilcox.test(correct = FALSE) of contact; coefficients to 1e-6.
    logit = {"coef": {"Cont2high": 0.360284}, "zeta": {"Low|Medium": -0.496135}}
    options = {"levels": ["Low", "Medium", "High"]}
    columns = {"outcome": "Sat", "group": "Cont", "freq": "Freq"}
    expected = {
        "logit": logit | {"deviance": 3479.14929905897, "se": {"Cont2high": 0.0955358}},
        "probit": {"coef": {"Cont2high": 0.222385829}},
        "wilcoxon": {"W": 328443.5, "p": 0.071202768722},
        "other": {"coef": {"Cont2high": 0.209225284}},
    }
    by_role = {
        "kind": "ordinal_regression",
        "columns": {**columns, "covariates": ["Infl", "Type"]},
        "options": options,
        "variants": {"other": {"link": "cloglog"}},
    }
    assert wrong(tmp_path, header, rows, by_role, expected, 2e-6) == []

    by_formula = {"kind": "ordinal_regression", "columns": columns, "options": options}
    del expected["other"]
    formula = "Sat ~ Infl + Type + Cont"
    assert wrong(tmp_path, header, rows, by_formula, expected, 2e-6, formula) == []


def test_rasch_models_by_variant(tmp_path):
    items = [f"I{item}" for item in range(1, 7)]
    recipe = {
        "kind": "rasch",
        "columns": {"items": items},
        "variants": {"pcm": {"model": "PCM"}, "rsm": {"model": "RSM"}},
    }
    # eRm 1.0-2.
    expected = {
        "pcm": {"loglik": -101.86459010182, "easiness": {"I1.c2": 0.9727104, "I2.c3": -1.3937207}},
        "rsm": {"loglik": -107.561823945, "se": {"I1.c1": 0.1954895}},
    }
    assert wrong(tmp_path, items, RATINGS, recipe, expected, 5e-5) == []


def test_james_stein_with_a_variance_by_option_and_a_given_target(tmp_path):
    averages = np.array(HITS) / 45
    recipe = {
        "kind": "james_stein",
        "columns": {"y": "average"},
        "options": {"sigma2": 0.004},
        "variants": {"given": {"target": 0.25}},
    }
    spread = ((averages - averages.mean()) ** 2).sum()
    given = ((averages - 0.25) ** 2).sum()
    expected = {
        "shrinkage": 15 * 0.004 / spread,
        "grand_mean": averages.mean(),
        "given": {"shrinkage": 16 * 0.004 / given, "target": 0.25},
    }
    assert wrong(tmp_path, ["average"], averages[:, None], recipe, expected) == []


def test_james_stein_towards_the_origin_by_every_word_for_it(tmp_path):
    # By hand: 1 - (4 - 2) / (1 + 4 + 9 + 16) = 14 / 15.
    words = ("zero", "origin", "none", "0", 0, "Zero")
    variants = {f"v{at}": {"target": word} for at, word in enumerate(words)}
    recipe = {"kind": "james_stein", "columns": {"y": "y"}, "options": {"sigma2": 1},
              "variants": {**variants, "mean": {"target": "mean"}}}  # fmt: skip
    shrunk = {"estimate": [14 / 15 * one for one in (1, 2, 3, 4)], "target": 0}
    # About the mean 2.5: 1 - (4 - 3) / 5.
    about_mean = {"estimate": [2.5 + 0.8 * (one - 2.5) for one in (1, 2, 3, 4)]}
    expected = {**dict.fromkeys(variants, shrunk), "mean": about_mean}
    assert wrong(tmp_path, ["y"], [[1], [2], [3], [4]], recipe, expected, 1e-12) == []

    # Another word is no licence to take the mean.
    recipe = {"kind": "james_stein", "columns": {"y": "y"}, "options": {"target": "the moon"}}
    (figure,) = wrong(tmp_path, ["y"], [[1], [2], [3], [4]], recipe, {"estimate": [1, 2, 3, 4]})
    assert figure.verdict == "missing"


def test_morans_i_by_inverse_distance_and_by_band(tmp_path):
    recipe = {
        "kind": "morans_i",
        "columns": {"x": "x", "y": "y", "value": "v"},
        "options": {"weights": "inverse distance"},
        "variants": {"band": {"weights": "distance band", "threshold": 0.3}},
    }
    # ape 5.7-1.
    expected = {
        "I": 0.129104654758,
        "expected": -1 / 29,
        "sd": 0.0537730004042,
        "p": 0.00234867523692,
        "band": {"observed": 0.398290295438},
    }
    assert wrong(tmp_path, ["x", "y", "v"], PLACES, recipe, expected, 1e-9) == []


def test_first_digits_and_a_refusal_where_figures_are_narrow(tmp_path):
    rows = zip([f"{one:.12g}" for one in POWERS[:400]], 50 + np.arange(400), strict=True)
    recipe = {"kind": "digits", "columns": {"values": ["wide", "narrow"]}}
    exact = [int(str(2**power)[0]) for power in range(400)]
    counts = [exact.count(digit) for digit in range(1, 10)]
    expected = {"wide": {"first": {"counts": counts}}, "narrow": {"first": {"chi2": None}}}
    assert wrong(tmp_path, ["wide", "narrow"], rows, recipe, expected) == []


def test_relations_of_kpis_cut_into_clusters(tmp_path):
    names = ["rating", "complaints", "privileges", "learning", "raises", "critical", "advance"]
    recipe = {
        "kind": "kpi_relations",
        "columns": {"kpis": names},
        "options": {"distance": "1 - rho", "k": 3, "lag_max": 1},
    }
    expected = {
        "vif": {"rating": 3.739743648, "advance": 2.077467587},
        "clusters": [4, 4, 4, 4, 4, 1, 2],
        "hclust": {"order": [6, 7, 3, 4, 5, 1, 2],
                   "height": [0.1677994377, 0.3775858768, 0.3937498749, 0.5066210028,
                              0.6413094648, 0.8423448905]},
        "ccf": {"lag": [-1, 0, 1]},
    }  # fmt: skip
    assert wrong(tmp_path, names, ATTITUDE, recipe, expected, 1e-8) == []


def test_morans_i_on_a_grid(tmp_path):
    cell = np.arange(36)
    recipe = {
        "kind": "morans_i",
        "columns": {"value": "v"},
        "options": {"grid": [6, 6], "weights": "rook", "style": "B"},
    }
    # 60 edges of which 6 cross: (54 - 6) / 60.
    rows = (cell // 6 < 3).astype(int)[:, None]
    assert wrong(tmp_path, ["v"], rows, recipe, {"I": 0.8, "n": 36}, 1e-12) == []


def test_rules_by_every_convention_that_a_recipe_may_state(tmp_path):
    # By hand: on the centre in fourth place, one reading missing, rising at the end.
    values = [0.5, 0.5, 0.5, 0, 0.5, "", 0.5, 0.6, 0.7, 0.7, 0.8, 0.9]
    recipe = {
        "kind": "rules",
        "columns": {"value": "x"},
        "options": {"center": 0, "sigma": 1, "rules": ["nelson2", "nelson3"]},
        "variants": {
            "plain": {"run_length": 6, "trend_length": 4},
            "skipped": {"run_length": 6, "trend_length": 4, "ties": "ignore"},
            "carried": {"run_length": 5, "trend_length": 4, "ties": "continue"},
            "bridged": {"run_length": 8, "bridge_gaps": True},
            "members": {"run_length": 6, "flag": "all_members"},
        },
    }
    expected = {
        "plain": {"rules": {"nelson2": [12], "nelson3": []}},
        "skipped": {"rules": {"nelson2": [12], "nelson3": [11, 12]}},
        "carried": {"rules": {"nelson2": [5, 11, 12], "nelson3": [10, 11, 12]}},
        "bridged": {"rules": {"nelson2": [], "nelson3": []}},
        "members": {"rules": {"nelson2": [7, 8, 9, 10, 11, 12], "nelson3": []}},
    }
    rows = [[number, value] for number, value in enumerate(values)]
    assert wrong(tmp_path, ["i", "x"], rows, recipe, expected) == []


def test_rules_seven_and_eight_by_their_form_and_by_the_tool(tmp_path):
    recipe = {
        "kind": "rules",
        "columns": {"value": "x"},
        "options": {"center": 0, "sigma": 1, "rules": ["nelson8"]},
        "variants": {
            "both": {},
            "either": {"nelson8_form": "either"},
            "minitab": {"tool": "minitab"},
            "jmp": {"tool": "jmp"},
        },
    }
    found, none = {"rules": {"nelson8": [8]}}, {"rules": {"nelson8": []}}
    expected = {"both": none, "either": found, "minitab": found, "jmp": none}
    rows = [[number, 1.5] for number in range(8)]
    assert wrong(tmp_path, ["i", "x"], rows, recipe, expected) == []


def test_a_two_by_two_table_of_rows_with_gaps_of_truth_values_and_of_counts(tmp_path):
    gaps = [("", "F"), ("TRUE", "")]
    counts = {("TRUE", "F"): 10, ("FALSE", "F"): 13, ("TRUE", "M"): 23, ("FALSE", "M"): 34}
    rows = gaps + [pair for pair, count in counts.items() for _ in range(count)]
    columns = {"outcome": "hired", "group": "sex", "reference": "F", "favourable": True}
    # R 4.2.2, chisq.test(correct = FALSE) and fisher.test() of 10, 13; 23, 34.
    expected = {
        "rates": {"F": 10 / 23, "M": 23 / 57},
        "adverse_impact_ratio": 23 / 57 / (10 / 23),
        "chi2": 0.0661368050238,
        "fisher": {"or": 1.135286158088, "p": 0.8071139607225},
    }
    recipe = {"kind": "two_by_two", "columns": columns}
    assert wrong(tmp_path, ["hired", "sex"], rows, recipe, expected, 1e-4) == []

    by_group = {"group": "sex", "selected": "hired", "applicants": "n"}
    recipe = {"kind": "two_by_two", "columns": by_group}
    rows = [("F", 10, 23), ("M", 23, 57)]
    assert wrong(tmp_path, ["sex", "hired", "n"], rows, recipe, expected, 1e-4) == []


def test_an_ordinal_regression_leaves_rows_with_gaps_out(tmp_path):
    cell = np.arange(72)
    rows = list(zip(np.array(["a", "b"])[cell // 36], 1 + cell % 3, HOUSING, strict=True))
    gaps = [("a", "", 500), ("", 2, 500)]
    recipe = {
        "kind": "ordinal_regression",
        "columns": {"outcome": "grade", "group": "contact", "freq": "times"},
        "options": {"link": "logit"},
    }
    # The statistic of the whole table, see above.
    expected = {"wilcoxon": {"W": 328443.5, "p": 0.071202768722}, "n": int(sum(HOUSING))}
    header = ["contact", "grade", "times"]
    assert wrong(tmp_path, header, rows + gaps, recipe, expected) == []


def test_ratings_in_long_form_are_those_of_the_table(tmp_path):
    # Shrout and Fleiss (1979), table 2.
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    rows = [(t, r, score) for t, row in enumerate(table) for r, score in enumerate(row)]
    columns = {"target": "person", "rater": "judge", "rating": "score"}
    recipe = {"kind": "icc", "columns": columns}
    # Their table 4 prints two decimals.
    expected = {"ICC1": {"icc": 0.17}, "ICC2": {"icc": 0.29}, "ICC3": {"icc": 0.71}}
    header = ["person", "judge", "score"]
    assert wrong(tmp_path, header, rows[::-1], recipe, expected, 0.03) == []


def test_a_meta_analysis_by_standard_errors_with_one_estimator(tmp_path):
    rows = [(0.1, 0.1), (0.6, 0.03**0.5), ("", 1), (0.3, 0.02**0.5), (0.4, 0.2)]
    recipe = {
        "kind": "meta_random_effects",
        "columns": {"yi": "effect", "sei": "error"},
        "options": {"estimator": "HE"},
        "variants": {"sj": {"estimator": "SJ"}},
    }
    # metafor 3.8.1; HE by hand: the variance of the effects less the mean of theirs.
    expected = {"tau2": 0.13 / 3 - 0.025, "sj": {"tau2": 0.026965348367074}}
    assert wrong(tmp_path, ["effect", "error"], rows, recipe, expected, 1e-9) == []


def test_one_method_of_adjusting_p_values_with_tests_not_at_hand(tmp_path):
    recipe = {
        "kind": "p_adjust",
        "columns": {"p": "p"},
        "variants": {"a": {"method": "hommel"}, "b": {"method": "BH", "n": 20}},
    }
    # R 4.2.2, p.adjust().
    expected = {
        "a": [0.12, 0.05, None, 0.05, 0.4, 1, 0, 0.09],
        "b": [0.16, 1 / 15, None, 1 / 15, 2 / 3, 1, 0, 0.15],
    }
    rows = [[one] for one in (0.04, 0.01, "", 0.01, 0.2, 1, 0, 0.03)]
    assert wrong(tmp_path, ["p"], rows, recipe, expected, 1e-12) == []


def test_successes_over_trials_and_outcomes_in_words(tmp_path):
    groups = np.arange(60) % 6
    good = 2 + groups + np.arange(60) % 3
    recipe = {
        "kind": "glmm",
        "columns": {"trials": "n"},
        "options": {"family": "binomial"},
    }
    counted = [(g, k, 10) for g, k in zip(groups, good, strict=True)]
    words = [
        (g, word, 1)
        for g, k, n in counted
        for word, times in (("left", n - k), ("stayed", k))
        for _ in range(times)
    ]
    # Both are the same likelihood, but for the number of ways to place the successes.
    formula = "y ~ 1 + (1 | leader)"
    split = "y/n ~ 1 + (1 | leader)"
    header = ["leader", "y", "n"]
    case = Case.read(written(tmp_path, header, words, recipe, {}, formula=formula), tmp_path)
    by_words = KINDS["glmm"](case)
    expected = {name: by_words[name] for name in ("fixef", "se")}
    assert wrong(tmp_path, header, counted, recipe, expected, 1e-6, split) == []


def test_last_digits_of_a_column_of_their_own(tmp_path):
    rows = zip([f"{one:.12g}" for one in POWERS[:400]], 500 + np.arange(400), strict=True)
    recipe = {"kind": "digits", "columns": {"benford": "amount", "terminal": "weight"}}
    expected = {"terminal": {"counts": [40] * 10, "chi2": 0, "p": 1}, "benford": {"n": 400}}
    assert wrong(tmp_path, ["amount", "weight"], rows, recipe, expected) == []


def test_a_model_nobody_knows_does_not_take_the_others_away(tmp_path):
    recipe = {
        "kind": "forecast",
        "options": {
            "known": {"column": "y", "model": "naive", "horizon": 2},
            "unknown": {"column": "y", "model": "oracle", "horizon": 2},
        },
    }
    expected = {"known": {"mean": [9, 9]}, "unknown": {"mean": [1, 1]}}
    rows = [[one] for one in (3, 4, 2, 7, 8, 6, 5, 9)]
    (figure,) = wrong(tmp_path, ["y"], rows, recipe, expected)
    assert (figure.path, figure.verdict) == ("unknown.mean", "refused")


def test_an_interrupted_series_with_gaps_leaves_their_rows_out(tmp_path):
    months = np.arange(1, 41)
    jump = (months > 20).astype(int)
    rows = [(m, j, 2 + 0.5 * m + 3 * j + (m * 7 % 5)) for m, j in zip(months, jump, strict=True)]
    recipe = {
        "kind": "its",
        "columns": {"y": "kpi", "t": "month", "step": "after"},
        "options": {"newey_west_lag": 2, "newey_west_adjust": False},
    }
    header, holes = ["month", "after", "kpi"], {6, 30}
    whole = [row for at, row in enumerate(rows) if at not in holes]
    design = np.column_stack([np.ones(len(whole)), np.array(whole)[:, :2]])
    solved = np.linalg.lstsq(design, np.array(whole)[:, 2], rcond=None)[0]
    expected = {"coef": dict(zip(["Intercept", "month", "after"], solved.tolist(), strict=True))}
    gappy = [(*row[:2], "") if at in holes else row for at, row in enumerate(rows)]
    assert wrong(tmp_path, header, gappy, recipe, expected, 1e-9) == []


def test_morans_i_of_a_line_and_of_weights_in_the_data(tmp_path):
    # Values 1 to 6 in a line: 5 pairs of neighbours. By hand, 6 / 10 * 2 * 8.75 / 17.5.
    recipe = {
        "kind": "morans_i",
        "columns": {"position": "place", "value": "v"},
        "options": {"threshold": 1, "style": "B"},
    }
    rows = [(place, place) for place in range(1, 7)]
    assert wrong(tmp_path, ["place", "v"], rows, recipe, {"observed": 0.6, "n": 6}, 1e-12) == []

    beside = (np.abs(np.subtract.outer(np.arange(6), np.arange(6))) == 1).astype(int)
    header = ["v", *(f"w{at}" for at in range(6))]
    columns = {"value": "v", "weights": header[1:]}
    recipe = {"kind": "morans_i", "columns": columns, "options": {"style": "B"}}
    rows = [(at + 1, *row) for at, row in enumerate(beside.tolist())]
    assert wrong(tmp_path, header, rows, recipe, {"I": 0.6}, 1e-12) == []


def test_a_change_point_by_points_per_regime(tmp_path):
    # strucchange 1.5-3: breakpoints(h = 3), sctest() of Fstats(from = 0.15) and of OLS-CUSUM.
    recipe = {"kind": "change_point", "columns": {"value": "kpi"}, "options": {"h": 3}}
    rows = [[one] for one in (5, 6, 5.5, 5.2, 6.1, 9, 9.4, 8.8, 9.1, 9.6, 9.2, 8.9)]
    expected = {
        "break": 5,
        "supF": {"stat": 265.699513382},
        "ols_cusum": {"stat": 1.60519019563, "p": 0.0115609280149},
    }
    assert wrong(tmp_path, ["kpi"], rows, recipe, expected, 1e-10) == []


def test_terms_nested_twice_bear_the_names_that_lme4_gives_them(tmp_path):
    at = np.arange(96)
    rows = zip(at // 24, at // 8 % 3, at // 2 % 4, (at * 37 % 101) + 9 * (at // 24), strict=True)
    recipe = {"kind": "lmm", "options": {"method": "REML"}}
    groups = ("person:(leader:site)", "leader:site", "site", "Residual")
    expected = {"varcomp": [{"grp": one} for one in groups]}
    header, formula = ["site", "leader", "person", "y"], "y ~ 1 + (1 | site/leader/person)"
    assert wrong(tmp_path, header, rows, recipe, expected, formula=formula) == []


def test_the_density_test_of_rounded_values_is_the_bare_one(tmp_path):
    rng = np.random.default_rng(3)
    honest = np.round(rng.normal(93, 4, 800), 1)
    moved = (honest >= 94) & (honest < 95) & (rng.random(800) < 0.7)
    gamed = np.where(moved, np.round(honest + 1, 1), honest)
    recipe = {"kind": "bunching", "columns": {"values": ["gamed", "honest"]},
              "options": {"cutoff": 95}}  # fmt: skip
    # rddensity 3.0 (Python): p of the jackknife test 4.5e-6 and 0.083.
    expected = {"density_test": {"gamed": {"significant": True}, "honest": {"significant": False}}}
    rows = zip(gamed.tolist(), honest.tolist(), strict=True)
    assert wrong(tmp_path, ["gamed", "honest"], rows, recipe, expected) == []


def test_a_variant_may_have_columns_of_its_own_and_name_its_model_in_small_letters(tmp_path):
    items = [f"I{item}" for item in range(1, 7)]
    recipe = {
        "kind": "rasch",
        "columns": {"items": items[:2]},
        "variants": {"all": {"columns": {"items": items}, "model": "pcm"}},
    }
    # eRm 1.0-2, of all six.
    expected = {"all": {"loglik": -101.86459010182}}
    assert wrong(tmp_path, items, RATINGS, recipe, expected, 1e-9) == []


def test_a_model_of_counts_is_known_by_its_response(tmp_path):
    team = np.arange(80) % 8
    rows = list(zip(team, 1 + team // 2 + np.arange(80) % 3, strict=True))
    formula, header = "y ~ 1 + (1 | team)", ["team", "y"]
    said = {"kind": "glmm", "options": {"family": "poisson"}}
    case = Case.read(written(tmp_path, header, rows, said, {}, formula=formula), tmp_path)
    expected = {"loglik": KINDS["glmm"](case)["loglik"]}
    assert wrong(tmp_path, header, rows, {"kind": "glmm"}, expected, formula=formula) == []


def test_a_window_without_values_has_counts_and_no_test(tmp_path):
    recipe = {"kind": "bunching", "columns": {"values": "kpi"}, "options": {"cutoff": 95}}
    expected = {"below": 0, "above": 0, "binom_p": None}
    assert wrong(tmp_path, ["kpi"], [[90], [91], [99]], recipe, expected) == []


# By hand: mean 11.5, moving ranges 2, 1, 2, 3, 2, 1, 2, squares about the mean 10.
EIGHT = [[one] for one in (10, 12, 11, 13, 10, 12, 11, 13)]


def test_sigma_of_single_readings_by_every_estimator(tmp_path):
    recipe = {
        "kind": "i_mr",
        "columns": {"value": "x"},
        "variants": {
            "mr": {"sigma_method": "MR"},
            "exact": {"d2": "exact"},
            "sd": {"sigma_method": "SD"},
            "median": {"sigma_method": "median_mr"},
            "median_in_words": {"sigma_method": "median moving range"},
        },
    }
    by_median = {"sigma": 2 / 0.954, "ucl": [11.5 + 6 / 0.954] * 8, "mr_bar": 13 / 7}
    expected = {
        "mr": {"sigma": 13 / 7 / 1.128},
        "exact": {"sigma": 13 / 7 * np.sqrt(np.pi) / 2},
        # R qcc, sd.xbar.one(std.dev = "SD"): over c4(8) = 0.9650 of the tables.
        "sd": {"sigma": np.sqrt(10 / 7) / 0.9650305},
        "median": by_median,
        "median_in_words": by_median,
    }
    assert wrong(tmp_path, ["x"], EIGHT, recipe, expected, 1e-6) == []


def test_lines_that_are_given_stand_in_place_of_those_of_the_data(tmp_path):
    given = {"center": 10, "sigma": 1}
    recipe = {
        "kind": "i_mr",
        "columns": {"value": "x"},
        "options": {"rules": ["nelson2"]},
        "variants": {
            "given": given,
            "narrow": {**given, "nsigmas": 2},
            "sigma": {"sigma": 0.5, "nsigmas": 2},
        },
    }
    narrow = {"lcl": [8] * 8, "ucl": [12] * 8, "signals": [4, 8]}
    expected = {
        "given": {"center": 10, "sigma": 1, "lcl": [7] * 8, "ucl": [13] * 8, "signals": []},
        "narrow": narrow,
        "sigma": {"center": 11.5, "ucl": [12.5] * 8, "signals": [1, 4, 5, 8]},
    }
    assert wrong(tmp_path, ["x"], EIGHT, recipe, expected, 1e-12) == []

    pairs = [(group, one) for group in range(4) for one in (9 + group, 11 + group)]
    recipe = {
        "kind": "xbar",
        "columns": {"value": "x", "subgroup": "g"},
        "options": {**given, "companion": "r"},
        "variants": {"three": {}, "two": {"nsigmas": 2}},
    }
    # Means 10 to 13 against 10 -+ 3 / sqrt(2); the ranges, all 2, about their own mean.
    expected = {
        "three": {"center": 10, "ucl": [10 + 3 / np.sqrt(2)] * 4, "signals": [4],
                  "range_chart": {"center": 2, "ucl": [2 + 3 * 0.8525033] * 4, "lcl": [0] * 4}},
        "two": {"ucl": [10 + np.sqrt(2)] * 4, "signals": [3, 4],
                "range_chart": {"ucl": [2 + 2 * 0.8525033] * 4}},
    }  # fmt: skip
    assert wrong(tmp_path, ["g", "x"], pairs, recipe, expected, 1e-9) == []


def test_limits_at_another_distance_on_every_shewhart_chart(tmp_path):
    counts = [[16, 100], [16, 100], [12, 100], [25, 100], [11, 100]]
    kinds = {
        # Centre 16 and sigma 4; 80 of 500 and sigma sqrt(0.16 * 0.84 / 100).
        "c": {"center": 16, "lcl": [8] * 5, "ucl": [24] * 5, "signals": [4]},
        "u": {"center": 0.16, "ucl": [0.24] * 5, "signals": [4]},
        "p": {"ucl": [0.16 + 2 * np.sqrt(0.1344 / 100)] * 5, "signals": [4]},
        "np": {"ucl": [16 + 2 * np.sqrt(13.44)] * 5, "signals": [4]},
    }
    for kind, expected in kinds.items():
        columns = {"count": "k"} if kind == "c" else {"count": "k", "n": "n"}
        recipe = {"kind": kind, "columns": columns, "options": {"nsigmas": 2}}
        assert wrong(tmp_path, ["k", "n"], counts, recipe, expected, 1e-12) == []
    recipe = {"kind": "c", "columns": {"count": "k"}, "options": {"center": 9}}
    expected = {"center": 9, "sigma": 3, "ucl": [18] * 5, "signals": [4]}
    assert wrong(tmp_path, ["k", "n"], counts, recipe, expected, 1e-12) == []

    # By hand: mean 20, sigma sqrt(20 * 21); the moving average of two of given sigma.
    recipe = {"kind": "g", "columns": {"value": "k"}, "options": {"nsigmas": 1}}
    rows = [[10], [20], [30], [1], [39]]
    expected = {"ucl": [20 + np.sqrt(420)] * 5, "lcl": [0] * 5}
    assert wrong(tmp_path, ["k"], rows, recipe, expected, 1e-12) == []
    options = {"center": 20, "sigma": 2, "window": 2, "nsigmas": 1}
    recipe = {"kind": "moving_average", "columns": {"value": "k"}, "options": options}
    expected = {"ucl": [22, *[20 + np.sqrt(2)] * 4], "signals": [1, 2, 3, 4]}
    assert wrong(tmp_path, ["k"], [[10], [20], [30], [1], [39]], recipe, expected, 1e-12) == []


def test_np_with_one_size_for_all(tmp_path):
    recipe = {"kind": "np", "columns": {"count": "k"}, "options": {"n": 100}}
    expected = {"center": 10, "sigma": 3, "ucl": [19] * 3}
    assert wrong(tmp_path, ["k"], [[5], [10], [15]], recipe, expected, 1e-12) == []


def test_rules_along_two_phases_of_which_the_first_sets_the_limits(tmp_path):
    # Mean 4 of the first phase, sigma 2; its order in the data does not matter.
    rows = [(40, 2), (4, 1), (4, 1), (10, 2), (4, 1)]
    options = {"rules": ["nelson1"], "rules_on": "phase 1 rows then phase 2 rows"}
    columns = {"count": "k", "phase": "phase"}
    recipe = {"kind": "c", "columns": columns, "options": options}
    expected = {"center": 4, "rows": [2, 3, 5, 1, 4], "rules_by_position": {"nelson1": [4]}}
    assert wrong(tmp_path, ["k", "phase"], rows, recipe, expected, 1e-12) == []


def test_zone_rules_by_the_words_that_books_have_for_them(tmp_path):
    # Two of three beyond two sigma at the third point; four of five beyond one at the eighth.
    values = [2.5, 0.5, 2.5, 0, 1.5, 1.5, 1.5, 1.5]
    two = ("2of3", "two_of_three", "2 of 3", "two out of three", "zone_a", "zone", "Nelson 5")
    four = ("4of5", "four_of_five", "4_in_5", "zone_b", "nelson_6")
    recipe = {
        "kind": "rules",
        "columns": {"value": "x"},
        "options": {"center": 0, "sigma": 1},
        "variants": {word: {"rule": word} for word in two + four},
    }
    expected = {word: [3] if word in two else [7, 8] for word in two + four}
    rows = [[value] for value in values]
    assert wrong(tmp_path, ["x"], rows, recipe, expected) == []
    options = {"center": 0, "sigma": 1, "rules": ["2of3", "we_2"]}
    recipe = {"kind": "rules", "columns": {"value": "x"}, "options": options}
    assert wrong(tmp_path, ["x"], rows, recipe, {"rules": {"2of3": [3], "we_2": [3]}}) == []


def test_an_error_in_one_variant_leaves_the_others_their_figures(tmp_path, capsys):
    recipe = {
        "kind": "rules",
        "columns": {"value": "x"},
        "options": {"center": 0, "sigma": 1},
        "variants": {"known": {"rule": "beyond"}, "unknown": {"rule": "astrology"},
                     "last": {"rule": "run", "length": 2}},
    }  # fmt: skip
    expected = {"known": [2], "unknown": [1], "last": [2]}
    (figure,) = wrong(tmp_path, ["x"], [[1], [4]], recipe, expected)
    assert (figure.path, figure.verdict) == ("unknown", "missing")

    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "3 figures, 0 differ, 1 missing"
    assert "the rule 'astrology' is not known" in printed.err


def test_an_option_or_a_word_that_nobody_knows_is_named(tmp_path, capsys):
    recipe = {
        "kind": "rules",
        "columns": {"value": "x"},
        "options": {"center": 0, "sigma": 1, "rule": "beyond"},
        # Read by no answer of this variant, though another knows the name.
        "variants": {"a": {"trend_length": 3}, "b": {"flag": "in the middle"}},
    }
    folder = written(tmp_path, ["x"], [[1], [4]], recipe, {"a": [2], "b": [2]})
    assert main([str(folder)]) == 0
    said = capsys.readouterr().err
    assert "no answer reads the options trend_length of a" in said
    assert "the option flag is not known as 'in the middle'" in said


def test_three_groups_are_compared_by_the_lowest_rate_over_the_highest(tmp_path):
    # By hand: expected 30 and 70 in each; (100 + 0 + 100) (1 / 30 + 1 / 70).
    rows = [("A", "y", 40), ("A", "n", 60), ("B", "y", 30), ("B", "n", 70), ("C", "y", 20),
            ("C", "n", 80)]  # fmt: skip
    columns = {"outcome": "o", "favourable": "y", "group": "g", "reference": "B", "freq": "f"}
    recipe = {"kind": "two_by_two", "columns": columns}
    expected = {
        "rates": {"A": 0.4, "B": 0.3, "C": 0.2},
        "adverse_impact_ratio": 0.5,
        "chi2": 200 / 30 + 200 / 70,
        # Two degrees of freedom: the exponential.
        "chi2_p": np.exp(-100 / 30 - 100 / 70),
    }
    assert wrong(tmp_path, ["g", "o", "f"], rows, recipe, expected, 1e-12) == []


def test_a_negative_shift_is_found_as_late_as_a_positive_one(tmp_path):
    names = ("shewhart_3s_shift", "cusum_k.5_h4_shift", "ewma_l0.1_L2.814_shift")
    # Montgomery: 43.9 of three sigma limits, 8.38 of the CUSUM, 10.3 of the EWMA.
    printed = dict(zip(names, (43.9, 8.38, 10.3), strict=True))
    expected = {f"{name}{sign}1": arl for name, arl in printed.items() for sign in ("", "-")}
    recipe = {"kind": "average_run_length"}
    assert wrong(tmp_path, ["x"], [[1]], recipe, expected, 0.01) == []


def test_morans_i_with_binary_weights(tmp_path):
    rows = [(place, place) for place in range(1, 7)]
    options = {"weights": "binary", "threshold": 1}
    columns = {"position": "place", "value": "v"}
    recipe = {"kind": "morans_i", "columns": columns, "options": options,
              "variants": {"rows": {"row_standardised": True}}}  # fmt: skip
    # Five pairs of neighbours, 6 / 10 * 2 * 8.75 / 17.5; with rows that add up to one the two ends
    # count 2.5 * 1.5 and the four between their own square each: (3.75 * 2 + 4.5 + 0.5) / 17.5.
    expected = {"observed": 0.6, "rows": {"observed": (2 * 3.75 + 2 * 2.25 + 2 * 0.25) / 17.5}}
    assert wrong(tmp_path, ["place", "v"], rows, recipe, expected, 1e-12) == []


def test_constants_in_lists_and_the_limits_in_sigma(tmp_path):
    recipe = {"kind": "constants", "columns": {"n": "n"}}
    # Montgomery, appendix "Factors for constructing variables control charts".
    expected = {
        "d2_exact": [1.128, 2.326, 3.078],
        "c4_exact": [0.7979, 0.9400, 0.9727],
        "d2_table": [1.128, 2.326, 3.078],
        "A": [2.121, 1.342, 0.949],
        "B5": [0, 0, 0.276],
        "B6": [2.606, 1.964, 1.669],
        "B5_n10": 0.276,
        "B6_n10": 1.669,
        "D1": [0, 0, 0.687],
        "D2": [3.686, 4.918, 5.469],
    }
    assert wrong(tmp_path, ["n"], [[2], [5], [10]], recipe, expected, 1e-3) == []


def test_random_terms_may_be_an_option(tmp_path):
    at = np.arange(96)
    group, x = at // 8, at % 8
    rows = list(zip(group, x, (at * 37 % 11) + group % 5 * 3 + 0.5 * x, strict=True))
    by_roles = {"kind": "lmm", "columns": {"y": "y", "x": "x", "group": "g"},
                "options": {"method": "REML", "random": "(x || g)"}}  # fmt: skip
    said = {"kind": "lmm", "options": {"method": "REML"}}
    formula, header = "y ~ x + (x || g)", ["g", "x", "y"]
    case = Case.read(written(tmp_path, header, rows, said, {}, formula=formula), tmp_path)
    of_formula = KINDS["lmm"](case)
    expected = {"loglik": of_formula["loglik"], "varcomp": [{"grp": one["grp"], "vcov": one["vcov"]}
                for one in of_formula["varcomp"]]}  # fmt: skip
    assert len(expected["varcomp"]) == 3
    assert wrong(tmp_path, header, rows, by_roles, expected, 1e-9) == []


def test_options_within_options_are_named_too_and_words_that_end_an_answer(tmp_path, capsys):
    models = {"one": {"column": "y", "model": "naive", "horizon": 1, "moon": "full"}}
    rows = [[one] for one in (3, 4, 2, 7, 8, 6, 5, 9)]
    recipe = {"kind": "forecast", "options": {**models, "tide": "high"}}
    folder = written(tmp_path, ["y"], rows, recipe, {"one": {"mean": [9]}})
    assert main([str(folder)]) == 0
    said = capsys.readouterr().err
    assert "no answer reads the options moon of one" in said
    assert "no answer reads the options tide\n" in said

    places = [(place, place) for place in range(1, 7)]
    weights = {"type": "band", "threshold": 1, "kernel": "gauss"}
    recipe = {"kind": "morans_i", "columns": {"position": "place", "value": "v"},
              "options": {"weights": weights, "style": "B", "alternative": "sideways"},
              "variants": {"gauss": {"weights": "gauss"}, "known": {}}}  # fmt: skip
    expected = {"gauss": {"I": 0.6}, "known": {"I": 0.6}}
    folder = written(tmp_path, ["place", "v"], places, recipe, expected, 1e-12)
    assert main([str(folder)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "2 figures, 0 differ, 1 missing"
    assert "no answer reads the options kernel of the weights" in printed.err
    assert "weights by 'gauss' are not known" in printed.err
    assert "the option alternative is not known as 'sideways'" in printed.err
