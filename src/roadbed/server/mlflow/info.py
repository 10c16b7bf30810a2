"""What this server says of itself to MLflow's clients."""

from typing import Any

from roadbed.access.actions import PUBLIC
from roadbed.server.mlflow.route import Asked, Plain, route

SPEAKS = "3.17.2"
"""The version of MLflow whose protocol this is measured by."""


def health(ask: Asked) -> Plain:
    """Say that the server answers."""
    return Plain("OK")


def version(ask: Asked) -> Plain:
    """Say which version of MLflow's protocol is spoken."""
    return Plain(SPEAKS)


def server_info(ask: Asked) -> dict[str, Any]:
    """Say what is offered, as clients of version 3 ask."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
    }


_KNOWN = "session.read"
ROUTES = (
    route("GET", "/health", PUBLIC, health, "Say that the server answers (MLflow)"),
    route("GET", "/version", _KNOWN, version, "Say which MLflow is spoken"),
    route("GET", "/server-info", _KNOWN, server_info, "Say what is offered (MLflow)"),
    route(
        "GET",
        "/api/3.0/mlflow/server-info",
        _KNOWN,
        server_info,
        "Say what is offered (MLflow 3)",
    ),
)
