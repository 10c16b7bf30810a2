"""Any server that speaks the Open Inference Protocol v2: KServe, Triton, MLServer, …

A version's `upstream` is the server's own name of the model and its version: `fraud@3`
or `fraud/versions/3`. Without a version the server chooses one, which no production
endpoint may serve. The version's `parameters` are sent with every request, **and win
over the caller's**.
"""

from roadbed.adapters.providers.oip.config import Config, unfit, unpinned
from roadbed.adapters.providers.oip.runner import Oip

provider = Oip

__all__ = ["Config", "Oip", "provider", "unfit", "unpinned"]
