"""Whether the libraries of the extra `evals` are there, before anything is graded."""

from importlib.util import find_spec

from roadbed.core.errors import Invalid


def needs(*libraries: str) -> None:
    """Raise Invalid if one of *libraries* is not installed; none of them is loaded."""
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        raise Invalid(
            f"this grader needs {', '.join(missing)}, which is not installed",
            hint="install roadbed with its extra `evals`",
        )
