"""Runs a notebook as its reader would, and reads what it says."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from nbformat import NotebookNode

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"


def execute(
    name: str, home: Path, *, then: str = "", instead: tuple[str, str] | None = None
) -> NotebookNode:
    """Run a notebook on the demo company of a home, where it lies, as Jupyter does.

    `then` is run after its last cell, under the tag ``then``: it shows the test what a reader sees
    in a chart. `instead` replaces a text of the notebook by another.
    """
    notebook = jupytext.read(NOTEBOOKS / f"{name}.py")
    if instead:
        old, new = instead
        (cell,) = [cell for cell in notebook.cells if old in cell.source]
        cell.source = cell.source.replace(old, new)
    if then:
        notebook.cells.append(nbformat.v4.new_code_cell(then, metadata={"tags": ["then"]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_HOME", str(home))
        patch.setenv("STEELYARD_COMPANY", "demo")
        # This checkout, whichever one is installed.
        patch.setenv("PYTHONPATH", str(ROOT))
        where = {"metadata": {"path": str(NOTEBOOKS)}}
        # A kernel sends what it printed five times a second: without the merge two lines of one
        # cell come apart whenever the machine is busy between them.
        client = NotebookClient(notebook, timeout=120, resources=where, coalesce_streams=True)
        return client.execute()


def outputs_of(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    (cell,) = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    return cell.outputs


def said(notebook: NotebookNode, tag: str) -> str:
    """All that the cell with this tag printed or showed, as plain text."""
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in outputs_of(notebook, tag)
    )


def charts_of(notebook: NotebookNode, tag: str) -> list[str]:
    """The charts that the cell with this tag drew, as SVG."""
    return [
        output["data"]["image/svg+xml"]
        for output in outputs_of(notebook, tag)
        if "image/svg+xml" in output.get("data", {})
    ]


def all_said(notebook: NotebookNode) -> str:
    """All that a notebook printed."""
    return "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream" and output["name"] == "stdout"
    )


def functions_of(name: str) -> SimpleNamespace:
    """The functions, classes and CONSTANTS of a notebook, without running its page."""
    path = NOTEBOOKS / f"{name}.py"
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [node for node in tree.body if _is_definition(node)]
    namespace = {"__name__": name}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(NOTEBOOKS))
        # This file's own `from __future__` is not the notebook's.
        exec(compile(tree, str(path), "exec", dont_inherit=True), namespace)
    return SimpleNamespace(**namespace)


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(
            one.id.isupper()
            for target in node.targets
            for one in ast.walk(target)
            if isinstance(one, ast.Name)
        ) and not any(isinstance(one, ast.Subscript) for one in node.targets)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))
