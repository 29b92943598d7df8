"""What a KPI's figures rest on, as one hash: its register entry and the SQL of its measures.

Two people can agree on a hash, and a later one shows that what they agreed on has changed. It is
that of the KPI's own entry, the entries of its measures, and the models that compute these
measures with all models and macros above them, up to the typed rows. Comments and layout do not
count, nor does who owns the KPI: that is an act of its own.

Not in it, because it is the same for all KPIs and a change of it would call every one of them in
question: the models that add measures up and divide the sums, the charts and the bands. Neither is
which days a run replaces (`control`), from which no figure comes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestration.registry.load import Registers
    from orchestration.registry.model import Entry, Kpi

Manifest = dict[str, Any]
Definition = dict[str, Any]

# The model that puts all measures into one shape. It lists those that have a column each.
UNION = "fct_measures"
# Who answers for a KPI changes no figure, nor does the day on which something begins to hang on it.
_NO_LOGIC = {"owner", "steward", "consequences_from"}
_CONTROL = ["intermediate", "control"]

_COMMENT = r"\{\#.*?\#\}|--[^\n]*|/\*.*?\*/"
_LITERAL = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
_PARTS = re.compile(rf"({_COMMENT})|({_LITERAL}|\w+|[^\s\w])", re.DOTALL)
_LISTED = re.compile(r"'(\w+)':\s*\[(.*?)\]", re.DOTALL)
_LISTS = re.compile(r"\{%-?\s*set\s.*?%\}", re.DOTALL)


@dataclass(frozen=True)
class Logic:
    """What a KPI's figures rest on.

    Attributes
    ----------
    kpi_id : str
        The KPI.
    hash : str
        Sha256 of `definition` as canonical JSON.
    definition : dict
        `kpi` (its entry), `measures` (their entries by id) and `sql` (name of a model or macro to
        the hash of its text).
    texts : mapping of str to str
        Hash to SQL without comments.
    """

    kpi_id: str
    hash: str
    definition: Definition
    texts: Mapping[str, str]


def logics(registers: Registers, manifest: Manifest) -> dict[str, Logic]:
    """Return what each KPI's figures rest on.

    Parameters
    ----------
    registers : Registers
        KPIs and measures in force.
    manifest : dict
        dbt's manifest of the project that computes the measures.

    Raises
    ------
    ValueError
        If no model computes a measure that a KPI reads.
    """
    graph = _Graph(manifest)
    return {kpi.id: _logic(kpi, registers, graph) for kpi in registers.kpis.values()}


def models_by_measure(manifest: Manifest) -> dict[str, set[str]]:
    """Return which models compute each measure, by their unique ids.

    A model says so by `'<measure>' as measure_id`; one with a column per measure is listed with
    them in `fct_measures`.
    """
    found: dict[str, set[str]] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "model":
            continue
        code = without_comments(node["raw_code"])
        for measure in re.findall(r"'(\w+)'\s+as\s+measure_id", code):
            found.setdefault(measure, set()).add(unique_id)
        if node["name"] == UNION:
            for model, columns in _LISTED.findall(code):
                for measure in re.findall(r"'(\w+)'", columns):
                    parent = f"model.{node['package_name']}.{model}"
                    found.setdefault(measure, set()).add(parent)
    return found


def without_comments(sql: str) -> str:
    r"""Return SQL without comments and blank lines, its other lines as they were.

    Examples
    --------
    >>> without_comments("select a -- the a\n\nfrom t /* t */ where b = '--'")
    "select a\nfrom t  where b = '--'"
    """
    bare = _PARTS.sub(lambda part: part[2] or " ", sql)
    return "\n".join(line.rstrip() for line in bare.splitlines() if line.strip())


def text_hash(sql: str) -> str:
    r"""Return the sha256 of SQL that comments and layout do not change.

    Examples
    --------
    >>> text_hash("select sum( a )  -- all") == text_hash("select\nsum(a)")
    True
    >>> text_hash("select 'a  b'") == text_hash("select 'a b'")
    False
    """
    parts = "\n".join(part for _, part in _PARTS.findall(sql) if part)
    return hashlib.sha256(parts.encode()).hexdigest()


def definition_bytes(definition: Definition) -> bytes:
    """Return a definition as the canonical JSON whose sha256 is the logic hash."""
    return json.dumps(
        definition, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()


class _Graph:
    """The models and macros of the project, and what stands above each."""

    def __init__(self, manifest: Manifest) -> None:
        self.computed_by = models_by_measure(manifest)
        self._nodes = {
            unique_id: node
            for unique_id, node in manifest["nodes"].items()
            if node["resource_type"] == "model" and node["fqn"][1:3] != _CONTROL
        }
        packages = {node["package_name"] for node in self._nodes.values()}
        # Those of dbt itself come with its version, which is pinned.
        self._macros = {
            unique_id: macro
            for unique_id, macro in manifest["macros"].items()
            if macro["package_name"] in packages
        }
        self._union = next((n for n in self._nodes.values() if n["name"] == UNION), None)

    def sql(self, models: set[str]) -> Iterator[tuple[str, str]]:
        """Name and text of some models and all above them, and of how measures are put together."""
        todo, seen = sorted(models), set[str]()
        if self._union is not None:
            # Without its lists: another measure in them is no change of this one.
            yield UNION, _LISTS.sub("", self._union["raw_code"])
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self._nodes:
                node = self._nodes[name]
                yield node["name"], node["raw_code"]
                todo += [*node["depends_on"]["nodes"], *node["depends_on"]["macros"]]
            elif name in self._macros:
                macro = self._macros[name]
                yield f"macro {macro['name']}", macro["macro_sql"]
                todo += macro["depends_on"]["macros"]


def _logic(kpi: Kpi, registers: Registers, graph: _Graph) -> Logic:
    measures = sorted(kpi.measures())
    for measure in measures:
        if measure not in graph.computed_by:
            raise ValueError(
                f"KPI {kpi.id} reads the measure {measure}, which no model computes: add a branch "
                f"with `'{measure}' as measure_id`."
            )
    models = {model for measure in measures for model in graph.computed_by[measure]}
    hashes, texts = {}, {}
    for name, code in graph.sql(models):
        hashes[name] = text_hash(code)
        texts[hashes[name]] = without_comments(code)
    definition = {
        "kpi": _declared(kpi, _NO_LOGIC),
        "measures": {name: _declared(registers.measures[name], set()) for name in measures},
        "sql": dict(sorted(hashes.items())),
    }
    return Logic(
        kpi_id=kpi.id,
        hash=hashlib.sha256(definition_bytes(definition)).hexdigest(),
        definition=definition,
        texts=texts,
    )


def _declared(entry: Entry, left_out: set[str]) -> Definition:
    """Return what a file says; a later version's new field with a default is no change."""
    return entry.model_dump(mode="json", exclude_defaults=True, exclude=left_out)
