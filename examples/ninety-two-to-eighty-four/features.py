"""Which measurements of a biopsy the model reads."""

CHOSEN = ["mean radius", "mean texture", "mean smoothness"]
