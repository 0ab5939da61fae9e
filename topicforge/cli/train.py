"""``topicforge train``: a corpus folder -> a model folder."""

from __future__ import annotations

import json as json_module
import signal
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.output import note, print_json
from topicforge.cli.paths import MODEL_MARK, check_output, open_corpus

if TYPE_CHECKING:
    from topicforge.model import TopicModel

_PARTS = ("encoder", "link", "prior", "divergence", "decoder")


def train(
    corpus: Annotated[Path, typer.Argument(help="A corpus folder (topicforge corpus build).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model folder to write.")],
    preset: Annotated[str | None, typer.Option(help="A named composition to start from.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Counts -> posterior.")] = None,
    link: Annotated[str | None, typer.Option(help="z -> theta.")] = None,
    prior: Annotated[str | None, typer.Option(help="What the posterior is drawn to.")] = None,
    divergence: Annotated[str | None, typer.Option(help="How far it is from the prior.")] = None,
    decoder: Annotated[str | None, typer.Option(help="theta -> words.")] = None,
    n_topics: Annotated[int, typer.Option("--n-topics", "-k", help="Number of topics.")] = 50,
    epochs: Annotated[int | None, typer.Option(help="Passes over the documents.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Documents a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's.")] = None,
    seed: Annotated[int, typer.Option(help="Makes the fit repeat bit for bit.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A part's option (prior.n_components=50) or any setting (warmup_epochs=20). Repeatable.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option(help="Replace an existing model folder.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the last epoch as JSON.")] = False,
) -> None:
    """Train a topic model; Ctrl-C saves what there is."""
    from topicforge.cli.progress import watcher
    from topicforge.model import TopicModel

    check_output(output, MODEL_MARK, force)
    documents = open_corpus(corpus)
    parts = dict(
        zip(_PARTS, (encoder, link, prior, divergence, decoder), strict=True),
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
    )  # fmt: skip
    settings = {**parts, **settings_from(set_ or [])}
    model = TopicModel(
        preset, n_topics=n_topics, seed=seed, device=device, callbacks=[watcher()], **settings
    )
    model.explain()  # an impossible mix is said before data is touched
    interrupted = fit_or_save(model, documents, output)
    last = model.history_[-1] if model.history_ else None
    if json:
        print_json({
            "folder": str(output),
            "interrupted": interrupted,
            "epochs": len(model.history_),
            "last_epoch": None if last is None else asdict(last),
        })  # fmt: skip
    elif not interrupted:
        note(f"{output}: saved; `topicforge topics {output}` prints its topics")
    if interrupted:
        note(
            f"{output}: interrupted after {len(model.history_)} epochs; the model as it was is saved"
        )
        raise typer.Exit(130)


def fit_or_save(model: TopicModel, documents: Any, output: Path) -> bool:
    """Fit and save, also after Ctrl-C or a termination signal; True if interrupted."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    interrupted = False
    try:
        model.fit(documents)
    except KeyboardInterrupt:
        if not hasattr(model, "network_"):
            note("interrupted before the first epoch ended; nothing to save")
            raise
        interrupted = True
    finally:
        signal.signal(signal.SIGTERM, before)
    model.save(output)
    return interrupted


def settings_from(assignments: list[str]) -> dict[str, Any]:
    """Read ``part.option=value`` and ``setting=value``; values are JSON, else plain strings.

    Raises:
        typer.BadParameter: no ``=``, or an empty name.
    """
    settings: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        name = name.strip().replace(".", "__", 1)
        if not (equals and name.replace("_", "").isalnum()):
            raise typer.BadParameter(f"--set must be NAME=VALUE, got {text!r}")
        try:
            read = json_module.loads(value)
        except json_module.JSONDecodeError:
            read = {"true": True, "false": False, "none": None}.get(value.lower(), value)
        settings[name] = tuple(read) if isinstance(read, list) else read
    return settings
