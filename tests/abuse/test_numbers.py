"""The suite is whole: each case that can be tried has a test that names it."""

import ast
import re
from pathlib import Path

TRIED = {*range(1, 31), 40, 41, 42, 45, 47}
ABSENT: dict[int, str] = {}
"""Cases about something that Roadbed does not have yet; this may only shrink."""


def cases():
    """Yield the number of the case in the docstring of each test."""
    for file in Path("tests/abuse").glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                told = re.match(r"Case (\d+)", ast.get_docstring(node) or "")
                if told:
                    yield int(told[1])


def test_every_case_that_can_be_tried_is_tried():
    assert set(cases()) == TRIED - ABSENT.keys()
