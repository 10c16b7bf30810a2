"""What is written down of a run before it begins: code, software, hardware, recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadbed.registry.recipe import Recipe
from roadbed.workbench import code, environment, recipe
from roadbed.workbench.tools import Tools

_RECENT = 3


def code_of(tools: Tools, name: str, how: Recipe | None = None) -> dict[str, Any]:
    """Return the code in the workbench's folder, kept whole, and the recipe *how*.

    Without one the recipe is that of this process. The commit is kept as a bundle, if
    it is not too large, and the script, if no commit holds it.
    """
    seen, folder = code.observe(tools.folder), tools.folder
    if seen.patch:
        tools.blobs.put([seen.patch])
    untracked = {item["path"] for item in seen.facts.get("untracked", ())}
    how = how or recipe.of_process(seen.top, folder)
    if seen.top is None:
        untracked |= {how.entry} - {""}
    if not how.problem:
        root = seen.top or folder
        how = recipe.with_files(how, root, untracked, _keeper(tools))
    content = seen.content()
    if seen.top and content.get("commit"):
        content["bundle"] = _bundle(tools, name, content["commit"], seen.top)
    return {**content, "recipe": how.content()}


def software(tools: Tools) -> Mapping[str, Any]:
    """Return the environment of this process; its lock is kept."""
    found = environment.observe()
    tools.blobs.put([found.lock])
    return found.content()


def _bundle(tools: Tools, name: str, commit: str, top: Path) -> str:
    """Return the digest of a bundle of *commit*: that of a recent run, or a new one."""
    for run in tools.runs.list(name, _RECENT):
        known = str(run.code.get("bundle") or "")
        if known and run.code.get("commit") == commit and tools.blobs.has(known):
            return known
    made = code.bundle(top)
    return tools.blobs.put([made]) if made else ""


def _keeper(tools: Tools) -> recipe.Keep:
    return lambda data: tools.blobs.put([data])
