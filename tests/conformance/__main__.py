"""`make conformance`: print what the examiners say; exit 1 if any is surprised."""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.conformance import card, readers, signing, tracking
from tests.conformance.archive import Missing, environment, fetch
from tests.conformance.examine import Score, examine, examined, guest, ours
from tests.conformance.suites import GUESTS, NOT_OURS, OURS, PINNED, SUITES

NOTES = Console(stderr=True)


def main():
    words = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    words.add_argument("--output", choices=["table", "json", "markdown"])
    words.add_argument("--only", default="", help="examiners with this in their name")
    words.add_argument("--kept", type=Path, help="keep what is fetched in this folder")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="roadbed-conformance-") as name:
        scores = scored(Path(name), asked.kept or Path(name), asked.only)
    show(asked.output, scores)
    sys.exit(any(score.verdict == "fail" for score in scores))


def scored(folder, kept, only):
    """Return the scores of all examiners that *only* is part of the name of."""
    suites = [suite for suite in SUITES if only in suite.name]
    guests = {name: file for name, file in GUESTS.items() if only in name}
    scores = []
    with examined(folder / "line") as served:
        scores += [_suite(suite, folder, kept, served) for suite in suites]
        scores += [_guest(n, f, folder, kept, served) for n, f in guests.items()]
    for name, files in OURS.items():
        if only in name:
            NOTES.print(f"running {name}")
            scores.append(ours(name, files))
    if only in signing.NAME:
        NOTES.print(f"running {signing.NAME}; installing them may take minutes")
        (folder / "signed").mkdir()
        scores.append(signing.verified(folder / "signed"))
    if only in readers.NAME:
        NOTES.print(f"running {readers.NAME}; installing them may take minutes")
        (folder / "read").mkdir()
        scores.append(readers.scored(folder / "read", kept.resolve()))
    if only in tracking.NAME:
        NOTES.print(f"running {tracking.NAME}; installing it may take minutes")
        scores += tracking.scores(kept)
    return scores + [
        Score(name, absent=why) for name, why in NOT_OURS.items() if only in name
    ]


def _suite(suite, folder, kept, served):
    NOTES.print(f"running {suite.name}; fetching its sources may take minutes")
    try:
        sources = fetch(suite.package, kept, folder)
    except Missing as error:
        return Score(suite.name, gap=str(error))
    return examine(suite, sources, served)


def _guest(name, file, folder, kept, served):
    NOTES.print(f"running {name}; installing it may take minutes")
    try:
        python = environment(kept.resolve() / "guests", PINNED)
    except Missing as error:
        return Score(name, gap=str(error))
    return guest(name, file, python, folder / "examiners", served)


def show(output, scores):
    if output == "json":
        sys.stdout.write(f"{card.as_json(scores)}\n")
    elif output == "markdown":
        sys.stdout.write(f"{card.as_markdown(scores)}\n")
    else:
        console = Console(width=110)
        console.print(card.as_table(scores))
        for remark in card.remarks(scores):
            console.print(remark, markup=False, highlight=False)
    NOTES.print(f"{len(scores)} examiners: {card.totals(scores)}")


if __name__ == "__main__":
    main()
