"""A stand-in for a model provider: it speaks OpenAI's dialect, and fails by name.

The name of a model ends in how many of 100 requests fail: `concierge-20` answers four
of five. There is no key here to ask a real provider with, and nobody would let one fail
on purpose. Run it, and it prints the port that it listens on.
"""

import json
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SEED = 20261127


class Provider(BaseHTTPRequestHandler):
    """Answers `POST /v1/chat/completions`."""

    protocol_version = "HTTP/1.1"
    chance = random.Random(SEED)

    def do_POST(self):
        """Answer, or fail as often as the model's name says."""
        size = int(self.headers["content-length"])
        asked = json.loads(self.rfile.read(size))
        share = int(asked["model"].rpartition("-")[2]) / 100
        if self.chance.random() < share:
            message = "the model has crashed"
            return self.send(500, {"error": {"message": message, "type": "server"}})
        words = asked["messages"][-1]["content"].split()
        text = f"Of course: {' '.join(words[:8])} …"
        usage = {"prompt_tokens": len(words), "completion_tokens": 12}
        return self.send(
            200,
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": asked["model"],
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": text},
                        "finish_reason": "stop",
                    }
                ],
                "usage": usage | {"total_tokens": len(words) + 12},
            },
        )

    def send(self, status, value):
        """Write one JSON answer."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        """Say nothing of each request."""


def main():
    """Serve until told to stop."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
