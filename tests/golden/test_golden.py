"""Every shared reference case, read where it lies."""

from pathlib import Path

import pytest

from tests.golden.__main__ import main
from tests.golden.cases import Case, figures, find
from tests.golden.kinds import KINDS

CASES = Path(__file__).parents[2].parent / "shared" / "reference"
# Every kind that the format lists, also those without a shared case.
KINDS_OF_THE_FORMAT = [
    "i_mr",
    "rules",
    "xbar",
    "p",
    "np",
    "u",
    "c",
    "laney_p",
    "laney_u",
    "i_prime",
    "g",
    "t",
    "ewma",
    "cusum",
    "moving_average",
    "z_mr_short_run",
    "hotelling_t2_individual",
    "capability",
    "run_anhoej",
    "xmr_nhs",
    "i_on_ar1_residuals",
    "average_run_length",
    "constants",
    "lmm",
    "glmm",
    "rater_severity",
    "rasch",
    "icc",
    "meta_random_effects",
    "funnel",
    "two_by_two",
    "stratified_2x2",
    "ordinal_regression",
    "morans_i",
    "p_adjust",
    "james_stein",
    "did",
    "its",
    "change_point",
    "forecast",
    "bunching",
    "digits",
    "kpi_relations",
]


@pytest.mark.skipif(not CASES.is_dir(), reason="the reference cases are not beside the checkout")
@pytest.mark.parametrize("folder", list(find(CASES)), ids=lambda folder: folder.name)
def test_every_figure_of_a_reference_case_agrees(folder):
    found = figures(Case.read(folder, CASES), KINDS)

    assert found
    assert [figure for figure in found if figure.verdict != "ok"] == []


def written(folder, kind, expected, data="x\n1\n2\n4\n", recipe="{}"):
    case = folder / "a_case"
    case.mkdir()
    (case / "data.csv").write_text(data, encoding="utf-8")
    (case / "expected.json").write_text(
        f'{{"recipe": {{"kind": "{kind}", "columns": {{"value": "x"}}, "options": {recipe}}}, '
        f'"expected": {expected}, "tolerance": {{"default": 1e-9}}}}',
        encoding="utf-8",
    )
    return folder


def test_the_runner_is_content_when_every_figure_agrees(tmp_path, capsys):
    # The mean of 1, 2, 4; their moving ranges 1 and 2.
    folder = written(tmp_path, "i_mr", '{"center": 2.3333333333333335, "mr_bar": 1.5}')

    assert main([str(folder)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 figures, 0 differ, 0 missing"


def test_the_runner_counts_what_differs_and_what_is_missing(tmp_path, capsys):
    folder = written(tmp_path, "i_mr", '{"center": 2.0, "mr_bar": 1.5, "no_such_figure": 1}')

    assert main([str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.rsplit(maxsplit=1)[1] for line in lines[:-1]] == ["differs", "ok", "missing"]
    assert lines[-1] == "3 figures, 1 differ, 1 missing"


def test_an_unknown_kind_is_missing_and_the_others_go_on(tmp_path, capsys):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    written(tmp_path / "1", "astrology", '{"a": 1, "b": {"c": [1, 2]}}')
    written(tmp_path / "2", "i_mr", '{"mr_bar": 1.5}')

    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "3 figures, 0 differ, 2 missing"
    assert "the kind 'astrology' is not known" in printed.err


def test_a_case_that_fails_is_reported_and_the_others_go_on(tmp_path, capsys):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    written(tmp_path / "1", "i_mr", '{"center": 1}', recipe='{"freeze": 1}')
    written(tmp_path / "2", "i_mr", '{"mr_bar": 1.5}')

    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "2 figures, 0 differ, 1 missing"
    assert "limits cannot come from the first 1 points" in printed.err


def test_a_refusal_is_named_and_counts_as_missing(tmp_path, capsys):
    folder = written(tmp_path, "i_mr", '{"center": 5}', data="x\n5\n5\n5\n")

    assert main([str(folder)]) == 1
    line, total = capsys.readouterr().out.splitlines()
    assert "no_variation" in line
    assert line.endswith("refused")
    assert total == "1 figures, 0 differ, 1 missing"


def test_a_case_that_cannot_be_read_is_named_and_its_figures_are_missing(tmp_path, capsys):
    for name in ("damaged", "ragged", "without_data", "without_kind"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, "i_mr", '{"mr_bar": 1.5}')
    (tmp_path / "damaged" / "a_case" / "expected.json").write_text('{"recipe": {')
    (tmp_path / "ragged" / "a_case" / "data.csv").write_text("x,y\n1,2\n3\n")
    (tmp_path / "without_data" / "a_case" / "data.csv").unlink()
    (tmp_path / "without_kind" / "a_case" / "expected.json").write_text(
        '{"recipe": {}, "expected": {"a": 1, "b": 2}}'
    )

    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "5 figures, 0 differ, 5 missing"
    assert "row 2 of data.csv has 1 fields, not 2" in printed.err
    assert "expected.json states no 'kind'" in printed.err
    assert len(printed.err.splitlines()) == 4


def test_options_that_no_answer_reads_are_named(tmp_path, capsys):
    folder = written(tmp_path, "i_mr", '{"mr_bar": 1.5}', recipe='{"freeze": 3, "moon": "full"}')

    assert main([str(folder)]) == 0
    assert capsys.readouterr().err.endswith("no answer reads the options moon\n")


def test_one_case_may_be_run_by_its_own_folder_and_a_line_without_a_value_is_missing(
    tmp_path, capsys
):
    # 1, missing, 2, 4 in a table of one column.
    folder = written(tmp_path, "i_mr", '{"center": 2.3333333333333335}', data="x\n1\n\n2\n4\n")

    assert main([str(folder / "a_case")]) == 0
    assert capsys.readouterr().out.startswith("a_case  center  ")


def test_a_folder_without_cases_proves_nothing(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == "0 figures, 0 differ, 0 missing\n"


def test_variants_lie_over_the_options_and_a_dot_goes_one_level_deeper(tmp_path):
    folder = tmp_path / "a_case"
    folder.mkdir()
    (folder / "data.csv").write_text("x\n1\n1\n1\n5\n", encoding="utf-8")
    (folder / "expected.json").write_text(
        """{"recipe": {"kind": "rules", "columns": {"value": "x"},
             "options": {"center": 0, "sigma": 1, "rule": "one_side", "length": 9},
             "variants": {"short": {"length": 3}, "deep.er": {"rule": "beyond", "sigmas": 3}}},
            "expected": {"short": [3, 4], "deep": {"er": [4]}}, "tolerance": {"default": 0}}""",
        encoding="utf-8",
    )

    found = figures(Case.read(folder, tmp_path), KINDS)

    assert [(figure.path, figure.verdict) for figure in found] == [
        ("short", "ok"),
        ("deep.er", "ok"),
    ]


def test_every_kind_of_the_format_is_answered():
    assert set(KINDS_OF_THE_FORMAT) <= set(KINDS)
