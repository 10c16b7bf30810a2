"""Where the pages of models, datasets and runs are."""

from urllib.parse import quote, urlencode

from roadbed.core.errors import Invalid
from roadbed.core.reference import parse

MODELS = "/console/models"
DATASETS = "/console/datasets"
RUNS = "/console/runs"


def model_page(name: str) -> str:
    """Return the page of a model."""
    return f"{MODELS}/{quote(name, safe='')}"


def version_page(ref: object) -> str:
    """Return the page of a model version such as `support@7`, empty if it is none."""
    return _numbered(MODELS, str(ref))


def dataset_page(name: str) -> str:
    """Return the page of a dataset."""
    return f"{DATASETS}/{quote(name, safe='')}"


def dataset_version_page(ref: object) -> str:
    """Return the page of a dataset version such as `tumors@1`, empty if it is none."""
    return _numbered(DATASETS, str(ref))


def run_page(run_id: str) -> str:
    """Return the page of a run."""
    return f"{RUNS}/{quote(run_id, safe='')}"


def diff_page(page: str, left: object, right: object) -> str:
    """Return the page that compares two versions of what has the page *page*."""
    return f"{page}/diff?" + urlencode({"from": left, "to": right}, safe="@")


def compare_page(*run_ids: str) -> str:
    """Return the page that shows runs side by side."""
    return f"{RUNS}/compare?" + urlencode([("run", each) for each in run_ids])


def _numbered(below: str, text: str) -> str:
    try:
        ref = parse(text)
    except Invalid:
        return ""
    return f"{below}/{quote(ref.name, safe='')}/{ref.number}"
