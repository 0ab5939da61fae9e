"""Requests per second and the 99th percentile of `topicforge serve` on loopback, one document each.

python benchmarks/serve_clients.py MODEL TEXTS [SECONDS] prints the table of docs/export.md; TEXTS has a
document a line. Server and clients share the machine.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from itertools import count

import numpy as np

import topicforge


def load(port: int, bodies: list[bytes], clients: int, seconds: float) -> list[float]:
    """Seconds of every request of that many clients, each with a connection of its own."""
    taken: list[float] = []
    end = time.perf_counter() + seconds

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        headers = {"Content-Type": "application/json"}
        for number in count(first):
            start = time.perf_counter()
            if start > end:
                break
            connection.request("POST", "/models/m/theta", bodies[number % len(bodies)], headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            taken.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client, args=(97 * k,)) for k in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def main(folder: str, texts: str, seconds: float = 5.0) -> None:
    """Time transform one document at a time, then the server."""
    with open(texts, encoding="utf-8") as file:
        documents = [line for line in file.read().splitlines() if line][:1000]
    print("| | documents/s | 50 % | 99 % |\n|---|---|---|---|")

    def row(name: str, taken: list[float], whole: float) -> None:
        half, most = np.percentile(taken, [50, 99]) * 1000
        print(f"| {name} | {len(taken) / whole:,.0f} | {half:.1f} ms | {most:.1f} ms |", flush=True)

    model = topicforge.load(folder, device="cpu")
    taken: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        model.transform([documents[len(taken) % len(documents)]])
        taken.append(time.perf_counter() - before)
    row("`transform`, one by one", taken, sum(taken))

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "topicforge", "serve", f"m={folder}", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        bodies = [json.dumps({"texts": [text], "top": 0}).encode() for text in documents]
        load(port, bodies, 8, 1.0)
        for clients in (1, 8, 64):
            row(
                f"server, {clients} client{'s' if clients > 1 else ''}",
                load(port, bodies, clients, seconds),
                seconds,
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:]))
