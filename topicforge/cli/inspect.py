"""``topicforge inspect``: what a model folder says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from json import loads
from typing import Annotated, Any

import typer

from topicforge.cli.documents import Model, NoVerify
from topicforge.cli.output import emit, note, print_json


def inspect(
    model: Model,
    no_verify: NoVerify = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show a model's settings, history, seed, versions and checksums, and whether its training ended.

    The plugins that the model was built with are not needed.
    """
    from topicforge.estimator.saved import read_topics
    from topicforge.storage import MANIFEST, read_bytes

    description = read_topics(model, verify=not no_verify).description
    files = loads(read_bytes(model / MANIFEST))["files"]  # read and compared just now
    if json:
        print_json({**description, "files": files})
        return
    for line in _lines(description):
        emit(line)
    for name, record in sorted(files.items()):
        emit(f"file        {name}: {record['bytes']:,} bytes, SHA-256 {record['sha256']}")
    if description["unfinished"]:
        note(f"{model}: its training was interrupted")


def _lines(description: Mapping[str, Any]) -> Iterator[str]:
    """One line per fact, its name first."""
    sizes, parameters = description["sizes"], description["parameters"]
    yield f"format      {description['format']}, by topicforge {description['topicforge']}"
    yield f"training    {'unfinished' if description['unfinished'] else 'finished'}"
    yield f"preset      {description['preset']}"
    for kind, part in description["parts"].items():
        options = ", ".join(f"{name}={value}" for name, value in part["options"].items())
        of = f"{part['distribution']} {part['version']}" if part["distribution"] else "an object"
        yield f"{kind:<12}{part['name']} ({of}){': ' + options if options else ''}"
    yield f"estimator   {description['estimator']}"
    yield "sizes       " + ", ".join(f"{name} {value:,.6g}" for name, value in sizes.items())
    yield f"seed        {parameters.get('seed')}"
    for name, value in description["machine"].items():
        yield f"{name:<12}{value}"
    yield "settings    " + ", ".join(
        f"{name}={value}" for name, value in description["training"].items()
    )
    for name, options in description["regularisers"]:
        yield f"regulariser {name} {options or ''}".rstrip()
    for report in description["history"]:
        yield (
            f"{report['phase']:<12}epoch {report['epoch']}/{report['epochs']}: loss "
            f"{report['loss']:.4f}, reconstruction {report['reconstruction']:.4f}, divergence "
            f"{report['divergence']:.4f}, active topics {report['active_topics']}"
        )
