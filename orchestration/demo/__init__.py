"""The demo company: seeded exports in the dialects of real systems, with their planted truth."""

from orchestration.demo.generate import DEFAULT_SEED, DemoSummary, generate, with_machine_events
from orchestration.demo.size import DEFAULT, TINY, DemoSize

__all__ = [
    "DEFAULT",
    "DEFAULT_SEED",
    "TINY",
    "DemoSize",
    "DemoSummary",
    "generate",
    "with_machine_events",
]
