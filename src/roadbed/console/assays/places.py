"""Where the pages of evaluations are."""

from urllib.parse import quote, urlencode

EVALUATIONS = "/console/evaluations"
_DIGITS = 16


def evaluation_page(name: str) -> str:
    """Return the page of an evaluation."""
    return f"{EVALUATIONS}/{quote(name, safe='')}"


def report_page(evaluation: str, digest: str) -> str:
    """Return the page of a report."""
    return f"{evaluation_page(evaluation)}/{brief(digest)}"


def comparison_page(
    evaluation: str, before: str = "", after: str = "", page: int = 1
) -> str:
    """Return the page that compares two reports of an evaluation."""
    asked = {"before": brief(before), "after": brief(after)}
    asked |= {"page": str(page)} if page > 1 else {}
    given = {name: text for name, text in asked.items() if text}
    return f"{evaluation_page(evaluation)}/compare" + (
        f"?{urlencode(given)}" if given else ""
    )


def brief(digest: str) -> str:
    """Return the beginning of *digest*, by which a report is called."""
    return digest.removeprefix("sha256:")[:_DIGITS]
