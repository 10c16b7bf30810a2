"""The data as it came in: 569 real biopsies, bundled with scikit-learn.

In July a second clinic delivers a quarter of the rows, and its device writes lengths
in centimetres where the first clinic's writes millimetres. Nobody is told.
"""

import sys

from sklearn.datasets import load_breast_cancer

import roadbed

SHARE = 4
POWERS = {"radius": 10, "perimeter": 10, "area": 100}


def january():
    """Return the set as it is (UCI Machine Learning Repository, CC BY 4.0)."""
    return load_breast_cancer(as_frame=True).frame


def july():
    """Return the same biopsies, the last quarter of them in other units."""
    rows = january()
    other = rows.index[-len(rows) // SHARE :]
    for column in rows:
        for word, power in POWERS.items():
            if word in column:
                rows.loc[other, column] /= power
    return rows


def repaired():
    """Return July's delivery in the units of January."""
    rows = july()
    other = rows.index[-len(rows) // SHARE :]
    for column in rows:
        for word, power in POWERS.items():
            if word in column:
                rows.loc[other, column] *= power
    return rows


if __name__ == "__main__":
    made = {"january": january, "july": july, "repaired": repaired}[sys.argv[1]]()
    print(roadbed.connect().dataset("tumors").snapshot(made))
