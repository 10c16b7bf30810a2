"""MLflow's gateway server, without authentication."""

from peers import MODEL, Place, Start, pip_install

NAME = "MLflow gateway"


def install(folder):
    """Install `mlflow[genai]`."""
    pip_install(folder, "mlflow[genai]")


def start(place: Place) -> Start:
    """Return how to start it, one worker."""
    config = place.folder / "config.yaml"
    config.write_text(f"""
endpoints:
  - name: {MODEL}
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: {MODEL}
      config:
        openai_api_key: none
        openai_api_base: {place.upstream}
""")
    program = place.folder / "venv" / "bin" / "mlflow"
    words = (str(program), "gateway", "start", "--config-path", str(config))
    path = str(place.folder / "venv" / "bin")
    import os

    return Start(
        words=(*words, "--port", str(place.port), "--workers", "1"),
        path="/v1/chat/completions",
        environment={"PATH": f"{path}:{os.environ['PATH']}"},
        ready_s=120.0,
    )
