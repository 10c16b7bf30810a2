"""May this run use this data, and this version? Asked before a byte is read."""

from collections.abc import Iterable

from roadbed.core.errors import Denied
from roadbed.data.purposes import unfit_for
from roadbed.data.version import DatasetVersion
from roadbed.registry.kinds import Model
from roadbed.workbench.tools import Tools

MEASURING = frozenset({"test", "evaluation"})
"""The roles of data that a run measures with. What it reads under any other role it
trains on, and a version that it registers rests on all of it."""


def may_train(
    tools: Tools, data: Iterable[DatasetVersion], name: str, model: Model | None
) -> None:
    """Raise Denied unless the actor may train on *data*, for *model* called *name*.

    Without a model only the actor is asked about, not the purpose.
    """
    for version in data:
        target = tools.dataset_target(version.name)
        tools.allow("dataset.train", target)
        if model is None:
            continue
        chosen = model.trained.datasets if model.trained else []
        if chosen and version.name not in chosen:
            raise Denied(
                f"model {name} is not to be trained on dataset {version.name}",
                hint=f"it names {', '.join(chosen)} in `trained.datasets`",
            )
        reason = unfit_for(target.attributes, {"purposes": model.purposes})
        if reason:
            raise Denied(
                f"dataset {version.name} {reason}",
                hint="who answers for the data says what it is for, in the stack",
            )
