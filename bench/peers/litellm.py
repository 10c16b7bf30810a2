"""LiteLLM's proxy: a master key, no database."""

from peers import MODEL, Place, Start, pip_install

NAME = "LiteLLM proxy"
_KEY = "sk-bench-0000"


def install(folder):
    """Install `litellm[proxy]`."""
    pip_install(folder, "litellm[proxy]")


def start(place: Place) -> Start:
    """Return how to start it, one worker."""
    config = place.folder / "config.yaml"
    config.write_text(f"""
model_list:
  - model_name: {MODEL}
    litellm_params:
      model: openai/{MODEL}
      api_base: {place.upstream}
      api_key: none
""")
    program = place.folder / "venv" / "bin" / "litellm"
    words = (str(program), "--config", str(config), "--port", str(place.port))
    return Start(
        words=(*words, "--host", "127.0.0.1", "--num_workers", "1"),
        headers={"authorization": f"Bearer {_KEY}"},
        environment={
            "LITELLM_MASTER_KEY": _KEY,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
        },
        ready_s=120.0,
    )
