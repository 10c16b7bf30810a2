"""What the team runs every half year: train on the newest data, measure, register."""

from features import CHOSEN
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roadbed

PARAMS = {"C": 0.5, "splits": 10, "held_out": 0.25}


def fit(x, y):
    """Return a model of *y* by *x*."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PARAMS["C"]))
    return model.fit(x, y)


def accuracy(x, y, split):
    """Return the share of a held-out part that a model of the rest gets right."""
    train_x, test_x, train_y, test_y = train_test_split(
        x, y, test_size=PARAMS["held_out"], random_state=split, stratify=y
    )
    return fit(train_x, train_y).score(test_x, test_y)


with roadbed.run("train-tumor-triage", data="tumors", params=PARAMS, seed=0) as run:
    rows = run.frame()
    x, y = rows[CHOSEN], rows["target"]
    found = [accuracy(x, y, split) for split in range(PARAMS["splits"])]
    for split, value in enumerate(found):
        run.log(split_accuracy=value, step=split)
    run.log(accuracy=sum(found) / len(found))
    version = run.register("tumor-triage", fit(x, y), example=x)

print(f"{version}: accuracy {run.record.metrics['accuracy']:.3f}")
