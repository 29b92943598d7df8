"""The demo company: seeded exports in the dialects of real systems, with their planted truth."""

from orchestration.demo.company import DEFAULT, TINY, DemoSize
from orchestration.demo.generate import DEFAULT_SEED, DemoSummary, generate

__all__ = ["DEFAULT", "DEFAULT_SEED", "TINY", "DemoSize", "DemoSummary", "generate"]
