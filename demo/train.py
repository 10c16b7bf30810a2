"""What a data scientist writes: a data set, a run, a model version.

Run it in a folder that holds a stack, after `roadbed login`. The data is the
Breast Cancer Wisconsin (Diagnostic) set: 569 real biopsies, 30 measurements each,
bundled with scikit-learn (UCI Machine Learning Repository, CC BY 4.0).
"""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roadbed

bed = roadbed.connect()
tumors = bed.dataset("tumors").snapshot(load_breast_cancer(as_frame=True).frame)

params, seed = {"C": 0.5, "test_size": 0.25}, 7

with bed.run("train-tumor-triage", data=tumors, params=params, seed=seed) as run:
    frame = run.frame()
    train, held_out = train_test_split(
        frame,
        test_size=params["test_size"],
        random_state=seed,
        stratify=frame["target"],
    )
    x, y = train.drop(columns="target"), train["target"]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=params["C"]))
    model.fit(x, y)

    x_new, y_new = held_out.drop(columns="target"), held_out["target"]
    run.log(
        accuracy=accuracy_score(y_new, model.predict(x_new)),
        auc=roc_auc_score(y_new, model.predict_proba(x_new)[:, 1]),
    )
    version = run.register("tumor-triage", model, example=x)

print(tumors)
print(run)
print(version)
