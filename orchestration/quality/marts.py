"""Rules on marts: the same vocabulary as on feeds, judged before anything is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter

from orchestration.contracts.model import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load_mart_rules(folder: Path) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of every file `<schema>.<mart>.yml`, by relation."""
    rules = TypeAdapter(tuple[Rule, ...])
    return {
        path.stem: rules.validate_python(yaml.safe_load(path.read_text(encoding="utf-8"))["rules"])
        for path in sorted(folder.glob("*.yml"))
    }
