"""What the pages show of models, datasets and runs, and how it is drawn.

Nothing here knows of requests; `console/models.py`, `datasets.py` and `runs.py` do.
"""
