"""The table of codes is one: code, sentences and documentation agree."""

import re
from pathlib import Path

from orchestration.ingest.messages import SENTENCES
from orchestration.ingest.verdict import ACTIONS, LEVELS, Finding, action_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_documentation_lists_every_code_at_its_level():
    text = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| `\w+` \| (.*) \|$", text, re.MULTILINE)

    listed = {code: level for level, codes in rows for code in codes.split(", ")}
    assert listed == LEVELS


def test_every_code_that_the_sources_give_is_known():
    given = set()
    for path in (ROOT / "orchestration" / "ingest").glob("*.py"):
        if path.name != "verdict.py":
            given |= set(
                re.findall(r"['\"]([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)[':\"]", path.read_text())
            )

    assert given - LEVELS.keys() <= {"AMBIGUOUS_"}
    assert SENTENCES.keys() <= LEVELS.keys()


def test_the_strongest_finding_decides():
    findings = [Finding("LATE", 1, ""), Finding("KEY_FORMAT", 1, ""), Finding("BOM_REMOVED", 1, "")]

    assert action_of(findings) == "quarantine_rows"
    assert action_of([]) == "accept"
    assert list(ACTIONS.values())[-3:] == ["reject_file", "skip_file", "ignore_file"]
