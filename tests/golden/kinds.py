"""Which function answers which kind of case; None where none does yet."""

from collections.abc import Mapping

from tests.golden import calibration, detection, fairness, spc, trials
from tests.golden.cases import Answer

NOT_YET = ("lmm", "glmm", "rater_severity")

KINDS: Mapping[str, Answer | None] = {
    **dict.fromkeys(NOT_YET),
    **spc.KINDS,
    **calibration.KINDS,
    **fairness.KINDS,
    **detection.KINDS,
    **trials.KINDS,
}
