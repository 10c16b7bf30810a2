"""Real data that boosters are trained on."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

TUMORS = load_breast_cancer(return_X_y=True, as_frame=True)
WINES = load_wine(return_X_y=True, as_frame=True)
DIABETES = load_diabetes(return_X_y=True, as_frame=True)
NAMED = np.array(["malignant", "benign"])[TUMORS[1]]
