"""Which function answers which kind of case."""

from collections.abc import Mapping

from tests.golden import calibration, detection, fairness, mixed, spc, trials
from tests.golden.cases import Answer

KINDS: Mapping[str, Answer] = {
    **spc.KINDS,
    **calibration.KINDS,
    **fairness.KINDS,
    **detection.KINDS,
    **mixed.KINDS,
    **trials.KINDS,
}
