"""Three versions of one model: a first, one as good, and one trained on a mistake.

The data is the Breast Cancer Wisconsin (Diagnostic) set: 569 real biopsies, 30
measurements each, bundled with scikit-learn (UCI Machine Learning Repository,
CC BY 4.0). The third version was trained on labels that were turned over for most of
the benign biopsies, as a join on the wrong column does it: it still answers, in time,
with numbers.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roadbed

SEED = 7


def main():
    """Train the three, and register each with the run that made it."""
    bed = roadbed.connect()
    tumors = bed.dataset("tumors").snapshot(load_breast_cancer(as_frame=True).frame)
    for note, strength, turned in (
        ("the first", 0.5, 0.0),
        ("less regularised", 1.0, 0.0),
        ("labels turned over", 1.0, 0.9),
    ):
        params = {"C": strength, "turned": turned}
        with bed.run(
            "train-tumor-triage", data=tumors, params=params, seed=SEED
        ) as run:
            frame = run.frame()
            x, y = frame.drop(columns="target"), frame["target"].to_numpy().copy()
            chance = np.random.default_rng(SEED)
            y[(y == 1) & (chance.random(len(y)) < turned)] = 0
            model = make_pipeline(StandardScaler(), LogisticRegression(C=strength))
            model.fit(x, y)
            run.log(agreement=float((model.predict(x) == frame["target"]).mean()))
            print(f"{run.register('tumor-triage', model, example=x)}  {note}")


if __name__ == "__main__":
    main()
