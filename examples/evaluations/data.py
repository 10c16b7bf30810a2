"""569 real biopsies, bundled with scikit-learn: a third to train on, the rest to judge.

The golden set says of each case whether its nuclei are small or large for a tumour of
its kind, so that the evaluation can tell whether small malignant ones are missed more
often.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import roadbed


def parts():
    """Return the rows to train on and those held out, with the diagnosis as a word."""
    given = load_breast_cancer(as_frame=True)
    rows = given.data.filter(regex="^mean ")
    rows["diagnosis"] = given.target.map(dict(enumerate(given.target_names)))
    return train_test_split(
        rows, train_size=1 / 3, random_state=0, stratify=rows["diagnosis"]
    )


def golden(held_out):
    """Return *held_out* as cases: features, what is expected, an id, and a tag."""
    usual = held_out.groupby("diagnosis")["mean radius"].transform("median")
    small = held_out["mean radius"] < usual
    cases = held_out.rename(columns={"diagnosis": "expected"})
    cases["tags"] = small.map({True: "nuclei:small", False: "nuclei:large"})
    cases["id"] = [f"biopsy-{row}" for row in held_out.index]
    return cases


if __name__ == "__main__":
    train, held_out = parts()
    bed = roadbed.connect()
    print(bed.dataset("tumors").snapshot(train))
    print(bed.dataset("tumors-held-out").snapshot(golden(held_out)))
