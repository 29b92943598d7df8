"""What was delivered before: hashes, counts, rows and reference lists, for the rules marked (H)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class History:
    """Earlier deliveries of one feed, as relations of the same DuckDB connection.

    Attributes
    ----------
    sha256s : frozenset of str
        Hashes of the files that were delivered.
    last_rows : int or None
        Records of the latest delivery.
    latest : str or None
        Relation with the latest version of every key: typed columns and `_row_hash`.
    rows : str or None
        Relation with all delivered rows (typed columns).
    references : mapping
        Name of a reference list to a relation whose first column holds the known keys.
    key : tuple of str
        Columns by which `latest` is matched; empty: the contract's typed key.
    """

    sha256s: frozenset[str] = frozenset()
    last_rows: int | None = None
    latest: str | None = None
    rows: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
