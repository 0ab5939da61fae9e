"""``topicforge train``: a corpus folder -> a model folder."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topicforge.cli import settings
from topicforge.cli.device import check_device
from topicforge.cli.documents import (
    Features,
    NoVerify,
    TextColumn,
    features_of,
    open_corpus,
    texts_of,
)
from topicforge.cli.named import Callbacks, RegulariserNames, read_named, read_regularisers
from topicforge.cli.output import note, print_json
from topicforge.cli.paths import check_output

if TYPE_CHECKING:
    from topicforge.estimator.topic_model import TopicModel

_SETTINGS = "Settings"


def train(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A corpus folder (topicforge corpus build).")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="MODEL", help="The model folder to write."),
    ],
    preset: settings.Preset = None,
    encoder: settings.Encoder = None,
    link: settings.Link = None,
    prior: settings.Prior = None,
    divergence: settings.Divergence = None,
    decoder: settings.Decoder = None,
    set_: settings.Assignments = None,
    config: settings.Config = None,
    features: Features = None,
    embedder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:ARGUMENT]",
            help="Compute the features from --texts by this embedder (topicforge plugins lists them). The "
            "model keeps the name, so that texts are enough for topicforge transform.",
        ),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The texts that CORPUS was built from, for --embedder."),
    ] = None,
    text_column: TextColumn = None,
    n_topics: Annotated[
        int | None,
        typer.Option(
            "--n-topics",
            "-k",
            help="The number of topics.",
            show_default="50",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="The number of passes over the documents.",
            show_default="the preset's",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Documents per step.", show_default="the preset's", rich_help_panel=_SETTINGS
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Step size of the optimiser.",
            show_default="the preset's",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    optimiser: settings.Optimiser = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The seed of all random numbers; the same seed repeats a fit, bit for bit on "
            "the same processor with the same number of threads.",
            show_default="0",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="The device to compute on: auto (CUDA where there is one), cpu or cuda.",
            show_default="auto",
            rich_help_panel=_SETTINGS,
        ),
    ] = None,
    regularisers: RegulariserNames = None,
    callback: Callbacks = None,
    checkpoint_every: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Time between two checkpoints, kept beside MODEL; 0 for every step.",
        ),
    ] = 60.0,
    no_verify: NoVerify = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing model.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as JSON to standard output.")
    ] = False,
) -> None:
    """Train a topic model on a corpus folder.

    Progress goes to standard error. Ctrl-C or SIGTERM saves the model as far as it got, marked as
    unfinished, and exits with 130; a callback that fails does the same and exits with 1.

    A training that was interrupted or killed goes on from its last checkpoint when the same command is
    given again. With torchrun --nproc-per-node=N -m topicforge train ... N processes share every batch.
    """
    from topicforge.cli.fit import fit_and_save, training, training_folder
    from topicforge.cli.processes import joined
    from topicforge.cli.progress import watcher
    from topicforge.estimator.saved import MODEL, is_unfinished

    check_output(output, MODEL, force or is_unfinished(output))
    check_device(device)
    given = {
        "preset": preset, "encoder": encoder, "link": link, "prior": prior,
        "divergence": divergence, "decoder": decoder, "n_topics": n_topics, "epochs": epochs,
        "batch_size": batch_size, "learning_rate": learning_rate, "optimiser": optimiser,
        "seed": seed, "device": device, "embedder": embedder,
        "regularisers": read_regularisers(regularisers),
    }  # fmt: skip
    model = settings.build_model(given, set_, config)
    model.callbacks = read_named(callback, "--callback")
    documents = open_corpus(corpus, verify=not no_verify)
    language = documents.description.get("language")
    if language is not None:
        # kept in the model folder: how texts that are handed to `transform` will be read
        model.vectorizer = language
    embedded: list[str] = []
    if embedder is not None and features is None:
        if texts is None:
            raise typer.BadParameter("--embedder reads texts; name their file: --texts FILE")
        embedded = texts_of(texts, documents, text_column)
    beside = features_of(features, model, embedded, "train")
    with joined() as rank:
        if rank:
            # the first process speaks, keeps checkpoints and writes the model
            model.callbacks = []
            model.fit(documents, features=beside, checkpoint=training_folder(output))
            return
        with training(output, force) as kept:
            fit_and_save(
                model, documents, output, kept, [watcher()], features=beside, every=checkpoint_every
            )
            _report(model, output, json)


def _report(model: TopicModel, output: Path, json: bool) -> None:
    """Say what was trained; exits with 130 where it is unfinished."""
    interrupted = model.unfinished_
    last = model.history_[-1] if model.history_ else None
    if json:
        print_json({
            "model": output,
            "interrupted": interrupted,
            "last_epoch": None if last is None else asdict(last),
        })  # fmt: skip
    how = "interrupted; saved unfinished after" if interrupted else "saved after"
    where = "no epoch" if last is None else f"{last.phase} epoch {last.epoch} of {last.epochs}"
    note(f"{output}: {how} {where}; topicforge topics {shlex.quote(str(output))} prints its topics")
    if interrupted:
        raise typer.Exit(130)
