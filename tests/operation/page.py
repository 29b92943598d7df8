"""The code blocks of docs/operations.md, and a shell that runs them."""

import re
import subprocess

from tests.services import ROOT

PAGE = ROOT / "docs" / "operations.md"


def blocks(kind=None):
    """Return the blocks of one kind in the order of the page, or all as kind and text."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found if kind is None else [text for name, text in found if name == kind]


def run_in_shell(script, *, folder, environment):
    """Run a script as somebody types it, except that the first failure ends it."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
