"""Every route of MLflow's protocol that this server speaks."""

from roadbed.server.mlflow import (
    artifacts,
    experiments,
    history,
    info,
    logged,
    logging,
    models,
    runs,
    versions,
)

ROUTES = (
    *info.ROUTES,
    *experiments.ROUTES,
    *runs.ROUTES,
    *logging.ROUTES,
    *history.ROUTES,
    *artifacts.ROUTES,
    *logged.ROUTES,
    *models.ROUTES,
    *versions.ROUTES,
)
