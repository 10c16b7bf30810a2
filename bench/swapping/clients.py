"""Real HTTP clients: some that never pause, and some that wait for another answer."""

import asyncio
import http.client
import json
import multiprocessing
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

BREATH_S, PAUSE_S, PATIENCE_S = 0.01, 0.04, 180.0
HOSTED = {"messages": [{"role": "user", "content": "Is the train on time?"}]}
ROW = {"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}


@dataclass
class Told:
    """What the clients saw: milliseconds and endpoint of each call, and failures."""

    calls: list[tuple[float, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def question(endpoint: str) -> tuple[str, bytes]:
    """Return path and body of a call."""
    if endpoint == "support":
        asked = {"model": endpoint, **HOSTED}
        return "/v1/chat/completions", json.dumps(asked).encode()
    return f"/v2/models/{endpoint}/infer", json.dumps({"inputs": [ROW]}).encode()


def version_in(endpoint: str, answer: Any) -> int:
    """Return which of the two versions gave this answer; KeyError for neither."""
    if endpoint == "support":
        return {7: 1, 9: 2}[answer["usage"]["prompt_tokens"]]
    return {1.0: 1, 2.0: 2}[answer["outputs"][0]["data"][0]]


def answer_of(
    key: str, port: int, endpoint: str, connection: Any = None
) -> tuple[int, str]:
    """Ask once; return the version that answered, or 0 and what went wrong."""
    path, body = question(endpoint)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    opened = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        opened.request("POST", path, body, headers)
        answer = opened.getresponse()
        told = answer.read()
        if answer.status != 200:
            return 0, f"{answer.status} {told[:200]!r}"
        return version_in(endpoint, json.loads(told)), ""
    except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
        opened.close()
        return 0, repr(error)
    finally:
        if connection is None:
            opened.close()


def ask_on(key: str, port: int, endpoint: str, stop: Any, pipe: Any, seen: Any) -> None:
    """Ask without a pause until *stop*, then send what was seen through *pipe*."""
    told = Told()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        begun = time.perf_counter()
        version, fault = answer_of(key, port, endpoint, connection)
        told.calls.append(((time.perf_counter() - begun) * 1e3, endpoint))
        if fault:
            told.failed.append(f"{endpoint}: {fault}")
        seen.value = version
        time.sleep(BREATH_S)
    pipe.send(told)
    pipe.close()


class Clients:
    """Clients in processes of their own, one for each of *endpoints*, for a block."""

    def __init__(self, key: str, port: int, endpoints: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.told = Told()
        self._stop = context.Event()
        self._seen = [context.Value("i", 0) for _ in endpoints]
        self._pipes, self._processes = [], []
        for endpoint, seen in zip(endpoints, self._seen, strict=True):
            ours, theirs = context.Pipe(duplex=False)
            words = (key, port, endpoint, self._stop, theirs, seen)
            self._pipes.append(ours)
            self._processes.append(context.Process(target=ask_on, args=words))

    def __enter__(self) -> "Clients":
        """Begin to ask."""
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and gather what was seen."""
        self._stop.set()
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            with suppress(EOFError):
                told = pipe.recv() if pipe.poll(90) else Told(failed=["a client hangs"])
                self.told.calls += told.calls
                self.told.failed += told.failed
            process.join(30)

    def until(self, version: int, since: float) -> float:
        """Return how long after *since* all get *version*."""
        while any(seen.value != version for seen in self._seen):
            time.sleep(0.02)
            if time.monotonic() - since > PATIENCE_S:
                raise TimeoutError(f"version {version} did not come")
        return time.monotonic() - since


def seen_by(key: str, ports: Sequence[int], version: int, since: float) -> list[float]:
    """Return how long after *since* each server answered by *version*."""

    async def all_of_them() -> list[float]:
        return await asyncio.gather(*(_until(key, p, version, since) for p in ports))

    return asyncio.run(all_of_them())


async def _until(key: str, port: int, version: int, since: float) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    path, body = question("support")
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                asked = time.monotonic()
                writer.write(head.encode() + body)
                told = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = told.split(b"content-length: ")[1].split(b"\r\n")[0]
                answer = json.loads(await reader.readexactly(int(length)))
                if version_in("support", answer) == version:
                    return time.monotonic() - since
                await asyncio.sleep(max(0, asked + PAUSE_S - time.monotonic()))
    finally:
        writer.close()
