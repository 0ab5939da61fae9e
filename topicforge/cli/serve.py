"""``topicforge serve``: models over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topicforge.cli.device import check_device
from topicforge.cli.output import note, working


def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Model folders, each as FOLDER or NAME=FOLDER. Without a name it is the folder's.",
        ),
    ],
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The address to listen on. Only this machine can reach the default; 0.0.0.0 is every "
            "address, and there is no authentication.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    max_body: Annotated[
        int, typer.Option(metavar="BYTES", help="The largest body of a request.", min=1)
    ] = 8 * 2**20,
    max_documents: Annotated[
        int, typer.Option(metavar="N", help="The most documents per request.", min=1)
    ] = 1000,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="The longest wait for an answer.", min=0.001)
    ] = 10.0,
    device: Annotated[
        str,
        typer.Option(help="The device to compute on: auto (CUDA where there is one), cpu or cuda."),
    ] = "auto",
) -> None:
    """Serve models over HTTP: texts or counts in; theta, labels and top words out.

    POST /models/NAME/theta answers; GET /models, /models/NAME/topics, /health, /ready, /metrics and
    /openapi.json tell more. Requests that arrive together are computed together. SIGHUP opens the folders
    again while requests are answered.
    """
    from topicforge.serve import Limits, Served, create_app

    check_device(device)
    served = []
    for argument in models:
        name, _, folder = argument.rpartition("=")
        with working(f"opening {folder}"):
            served.append(Served(name or Path(folder).resolve().name, Path(folder), device=device))
    app = create_app(served, Limits(max_body, max_documents, timeout))
    import uvicorn

    note(f"serving {', '.join(one.name for one in served)} on {host}, port {port}")
    uvicorn.run(app, host=host, port=port, log_level="warning")
