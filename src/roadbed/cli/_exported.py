"""What `model export` writes, after asking for all that it shows."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.cli._session import Session
    from roadbed.control.proof.export import Export


def write(version: str, target: Path, kind: str) -> str:
    """Write *version* to *target* and say what was written."""
    from roadbed.cli._session import session
    from roadbed.control.proof.export import export_of
    from roadbed.core.reference import parse

    ref = parse(version)
    with session(str(ref)) as line:
        export = export_of(line.app.prover, ref)
        if kind in ("bundle", "cyclonedx"):
            _may_see_origins(line, export)
        line.note("model.export", f"ModelVersion/{ref}")
        return _write(line, export, target, kind)


def _write(line: "Session", export: "Export", target: Path, kind: str) -> str:
    if kind == "key":
        target.write_text(export.key(line.app.public_key))
        return f"wrote {target}: give it to whoever verifies, by a way they trust"
    if kind == "cyclonedx":
        target.write_text(json.dumps(export.bom(), indent=2) + "\n")
        return f"wrote {target}"
    if kind == "model-signing":
        signature = export.signed(target)
        return f"wrote {target} and {signature}; `model_signing verify key` verifies it"
    export.bundle(target)
    return (
        f"wrote {target}; verify it with "
        f"`roadbed model verify --bundle {target} --key KEY`"
    )


def _may_see_origins(line: "Session", export: "Export") -> None:
    """Raise Denied unless the run and the data may be seen too: both are shown."""
    from roadbed.access.visible import nothing
    from roadbed.control.targets import find_dataset, run_target
    from roadbed.registry.proof.notary import origins

    with line.app.database.read() as connection:
        run, _ = origins(connection, export.version)
        if run is None:
            return
        found = {d.dataset: find_dataset(connection, d.dataset) for d in run.data}
    line.require_on("run.read", run_target(run))
    for name, target in found.items():
        absent = nothing(line.principal, "Dataset", name)
        line.require_on("dataset.read", target or absent)
