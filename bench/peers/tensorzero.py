"""TensorZero's gateway out of its wheel, without a database: nothing is recorded."""

from peers import MODEL, Place, Start, pip_install

NAME = "TensorZero (wheel)"
_PROGRAM = """
import sys, time, tensorzero
gateway = tensorzero._start_http_gateway(config_file=sys.argv[1], clickhouse_url=None,
    postgres_url=None, valkey_url=None, async_setup=False)
open(sys.argv[2], "w").write(gateway.base_url)
time.sleep(1e6)
"""


def install(folder):
    """Install `tensorzero`."""
    pip_install(folder, "tensorzero")


def start(place: Place) -> Start:
    """Return how to start it; it chooses its own port and writes it to a file."""
    config = place.folder / "tensorzero.toml"
    config.write_text(f"""
[gateway]
observability.enabled = false
[models."{MODEL}"]
routing = ["up"]
[models."{MODEL}".providers.up]
type = "openai"
model_name = "{MODEL}"
api_base = "{place.upstream}/"
api_key_location = "none"
""")
    told = place.folder / "address"
    told.unlink(missing_ok=True)
    python = place.folder / "venv" / "bin" / "python"
    return Start(
        words=(str(python), "-c", _PROGRAM, str(config), str(told)),
        path="/openai/v1/chat/completions",
        model=f"tensorzero::model_name::{MODEL}",
        environment={"OPENAI_API_KEY": "none"},
        port=-1,
    )
