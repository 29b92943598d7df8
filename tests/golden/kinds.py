"""Which function answers which kind of case; None where none does yet."""

from collections.abc import Mapping

from tests.golden import calibration, fairness, mixed, spc
from tests.golden.cases import Answer

NOT_YET = (
    "rasch",
    "ordinal_regression", "morans_i", "james_stein", "did", "its",
    "change_point", "forecast", "bunching", "digits", "kpi_relations",
)  # fmt: skip

KINDS: Mapping[str, Answer | None] = {
    **dict.fromkeys(NOT_YET),
    **spc.KINDS,
    **calibration.KINDS,
    **fairness.KINDS,
    **mixed.KINDS,
}
