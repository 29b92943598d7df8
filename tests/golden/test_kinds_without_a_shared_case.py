"""Recipes of kinds that no shared case has, answered with figures that R gives."""

import json

import numpy as np

from tests.golden.cases import Case, figures
from tests.golden.kinds import KINDS
from tests.statistics.test_clustering import PLACES
from tests.statistics.test_digits import POWERS
from tests.statistics.test_ordinal import HOUSING
from tests.statistics.test_rasch import RATINGS
from tests.statistics.test_relations import ATTITUDE
from tests.statistics.test_shrinkage import HITS


def wrong(folder, header, rows, recipe, expected, tolerance=1e-6, formula=None):
    """The figures that do not agree."""
    lines = [",".join(header), *(",".join(str(one) for one in row) for row in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    stated = {"recipe": recipe, "expected": expected, "tolerance": {"default": tolerance}}
    if formula:
        stated["formula"] = formula
    (folder / "expected.json").write_text(json.dumps(stated), encoding="utf-8")
    found = figures(Case.read(folder, folder), KINDS)
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
