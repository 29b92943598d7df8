"""The list of capabilities claims nothing that is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs" / "capabilities.yml"
AREAS = {
    "CAT": 15, "GOAL": 19, "ING": 14, "ACC": 6, "SCO": 8, "SPC": 7, "REV": 14, "CAL": 7,
    "INC": 10, "DEV": 6, "CHG": 14,
}  # fmt: skip
KEYS = {
    "planned": {"state", "what"},
    "partly": {"state", "what", "where", "test", "see", "missing"},
    "works": {"state", "what", "where", "test", "see"},
}


class Once(yaml.SafeLoader):
    """YAML that refuses a capability that is listed twice."""


def _mapping(loader: Once, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    assert len(keys) == len(set(keys)), "listed twice: " + str(sorted(keys))
    return {
        key: loader.construct_object(value, deep=True)
        for key, (_, value) in zip(keys, node.value, strict=True)
    }


Once.add_constructor("tag:yaml.org,2002:map", _mapping)


@pytest.fixture(scope="module")
def capabilities() -> dict[str, dict[str, Any]]:
    return yaml.load(LIST.read_text("utf-8"), Loader=Once)


def claims(capabilities: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in capabilities.items() if one["state"] != "planned"}


def test_every_capability_is_listed_once_and_in_order(capabilities):
    expected = [f"{area}-{n:02}" for area, count in AREAS.items() for n in range(1, count + 1)]

    assert len(expected) == 120
    assert list(capabilities) == expected


def test_every_state_brings_what_it_owes(capabilities):
    for key, one in capabilities.items():
        assert set(one) == KEYS[one["state"]], key
        assert all(one.values()), key


def test_every_named_place_exists(capabilities):
    missing = [
        (key, place)
        for key, one in claims(capabilities).items()
        for place in one["where"]
        if not (ROOT / place).exists()
    ]

    assert missing == []


def test_every_named_test_is_collected(capabilities):
    named = {one["test"] for one in claims(capabilities).values()}
    files = sorted({test.split("::")[0] for test in named})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    collected = {line.split("[")[0] for line in done.stdout.splitlines()}
    assert named - collected == set()
