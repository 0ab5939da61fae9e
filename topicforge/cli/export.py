"""``topicforge export``: a model as one file that runs without topicforge."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from topicforge.cli.documents import Model, NoVerify
from topicforge.cli.output import note, print_json, working
from topicforge.cli.paths import check_output


class To(StrEnum):
    """Formats of exported models."""

    torchscript = "torchscript"
    torch_export = "torch-export"
    onnx = "onnx"
    word2vec = "word2vec"


def export(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ],
    to: Annotated[
        To,
        typer.Option(
            help="The format: torchscript (C++ and torch.jit.load), torch-export (torch.export.load) or "
            "onnx (standard operators alone); or word2vec, vectors of words and topics as text."
        ),
    ] = To.torchscript,
    no_verify: NoVerify = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Write a model as one file: counts in, topic proportions out, the words inside.

    The file runs without topicforge. The theta of random documents is compared with the model's before
    it is written. TorchScript and torch.export files call the native operators where these are built;
    with TOPICFORGE_NATIVE=0 they are written in plain PyTorch.
    """
    from topicforge.estimator.topic_model import load

    check_output(output, None, force)
    with working(f"exporting {model}"):
        fitted = load(model, device="cpu", verify=not no_verify)
        if to is To.word2vec:
            size = fitted.export_vectors(output)
        else:
            written = fitted.export(output, cast(Any, to.value))
            size = written.size
    if to is To.word2vec:
        if json:
            print_json({"file": output, "bytes": size})
        note(f"{output}: {size:,} bytes")
        return
    if json:
        print_json({"file": output, "bytes": size, "difference": written.difference})
    note(
        f"{output}: {size:,} bytes; theta differs from the model's by at most "
        f"{written.difference:.1g}"
    )
