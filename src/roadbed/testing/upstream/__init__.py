"""A real HTTP server that speaks the dialects of models, and misbehaves by name.

```
with Upstream("rate-limited", "well") as upstream:
    …                     # point a provider at upstream.url, or at upstream.origin
    upstream.requests     # what it was asked, headers and body
```

The path says which dialect is meant: chat completions, Responses, embeddings, Anthropic
Messages, Gemini, Bedrock Converse or the Open Inference Protocol; each is a file here,
and written by hand, so that it does not share the mistakes of `roadbed.dialects`.

The first request is answered by the first behaviour, the second by the second, and
so on; the last one stays. `BEHAVIOURS` lists them all. It listens on 127.0.0.1, on a
port the system chooses, in a thread of its own.
"""

from roadbed.testing.upstream.asked import Received
from roadbed.testing.upstream.behaviour import Behaviour, Ending
from roadbed.testing.upstream.behaviours import BEHAVIOURS
from roadbed.testing.upstream.route import SPEECHES, speech_at
from roadbed.testing.upstream.server import Upstream
from roadbed.testing.upstream.speech import Count, Event, Said, Speech

__all__ = [
    "BEHAVIOURS",
    "SPEECHES",
    "Behaviour",
    "Count",
    "Ending",
    "Event",
    "Received",
    "Said",
    "Speech",
    "Upstream",
    "speech_at",
]
