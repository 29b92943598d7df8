"""The demo company: seeded exports in the dialects of real systems, with their planted truth."""

from orchestration.demo.generate import (
    DEFAULT_SEED,
    DemoSummary,
    generate,
    is_made,
    truth_file,
)
from orchestration.demo.size import DEFAULT, SIZES, TINY, DemoSize

__all__ = [
    "DEFAULT",
    "DEFAULT_SEED",
    "SIZES",
    "TINY",
    "DemoSize",
    "DemoSummary",
    "generate",
    "is_made",
    "truth_file",
]
