"""Trains tumor-triage on some columns, by default all: `python train.py [COLUMN …]`."""

import sys

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roadbed

params = {"C": 0.5, "columns": sys.argv[1:]}

with roadbed.run("train-tumor-triage", data="tumors", params=params, seed=0) as run:
    rows = run.frame()
    x, y = rows.drop(columns="diagnosis"), rows["diagnosis"]
    x = x[params["columns"]] if params["columns"] else x
    model = make_pipeline(StandardScaler(), LogisticRegression(C=params["C"]))
    model.fit(x, y)
    run.log(train_accuracy=model.score(x, y))
    print(run.register("tumor-triage", model, example=x))
