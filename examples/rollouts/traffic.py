"""Guests and clinics: real clients that ask all replicas, each user as itself.

The hosted endpoint is asked by the `openai` SDK, the trained one by the Open Inference
client `tritonclient`. Run it with the addresses of the replicas; it says when it
begins, asks until a line is written to its input, and prints what came back, as JSON.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter

import numpy as np
import tritonclient.http as oip
from openai import OpenAI, OpenAIError
from sklearn.datasets import load_breast_cancer
from tritonclient.utils import InferenceServerException

SEED = 20261127
EACH_S = 0.02
"""How long one client waits between two calls."""


class Traffic:
    """Clients under way, and what they were answered."""

    def __init__(self, bases, key):
        self.bases = bases
        self.key = key
        self.answers = Counter()
        self.stop = threading.Event()
        self.rows = load_breast_cancer().data.astype(np.float32)

    def guests(self, seed):
        """Ask the concierge, as one guest after another."""
        chance = random.Random(seed)
        clients = [
            OpenAI(base_url=f"{base}/v1", api_key=self.key, max_retries=0)
            for base in self.bases
        ]
        while not self.stop.wait(EACH_S):
            try:
                chance.choice(clients).chat.completions.create(
                    model="concierge",
                    messages=[{"role": "user", "content": "When is breakfast?"}],
                    user=f"guest-{chance.randrange(10**9)}",
                )
            except OpenAIError as error:
                status = getattr(error, "status_code", type(error).__name__)
                self.answers[f"concierge {status}"] += 1
            else:
                self.answers["concierge ok"] += 1

    def clinics(self, seed):
        """Ask for a triage of one biopsy after another."""
        chance = random.Random(seed)
        places = [base.removeprefix("http://") for base in self.bases]
        clients = [oip.InferenceServerClient(place) for place in places]
        while not self.stop.wait(EACH_S):
            row = self.rows[chance.randrange(len(self.rows))][None]
            tensor = oip.InferInput("input", list(row.shape), "FP32")
            tensor.set_data_from_numpy(row)
            headers = {
                "Authorization": f"Bearer {self.key}",
                "X-Roadbed-User": f"patient-{chance.randrange(10**9)}",
            }
            try:
                chance.choice(clients).infer("tumor-triage", [tensor], headers=headers)
            except InferenceServerException as error:
                self.answers[f"tumor-triage {error.status()}"] += 1
            else:
                self.answers["tumor-triage ok"] += 1


def main():
    """Ask until told to stop."""
    traffic = Traffic(sys.argv[1:], os.environ["ROADBED_KEY"])
    kinds = (traffic.guests, traffic.clinics, traffic.guests, traffic.clinics)
    threads = [
        threading.Thread(target=ask, args=(SEED + n,), daemon=True)
        for n, ask in enumerate(kinds)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    print("asking", flush=True)
    sys.stdin.readline()
    traffic.stop.set()
    for thread in threads:
        thread.join(timeout=30)
    took = time.monotonic() - began
    print(json.dumps({"seconds": round(took), **sorted_out(traffic.answers)}))


def sorted_out(answers):
    """Return the counts by their names."""
    return dict(sorted(answers.items()))


if __name__ == "__main__":
    main()
