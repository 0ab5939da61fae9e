"""A model on disk: JSON settings, safetensors weights, the vocabulary. No pickle, no code.

model.json               settings, parts with their packages and versions, sizes, history
weights.safetensors      every parameter and buffer
topics.safetensors       topic_word and what rankings read, readable without any plugin
edits.json               edits of topics, where there are any, see :mod:`topicforge.results.edits`
vocabulary.txt           one word per line, where there is a vocabulary
manifest.json            size and SHA-256 of each of these, see :mod:`topicforge.storage`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from topicforge._version import __version__
from topicforge.contracts import Context, EpochReport
from topicforge.errors import ModelFileError, OptionError, TopicForgeError, UnknownNameError
from topicforge.estimator.migrations import MIGRATIONS, migrate, migrate_weights
from topicforge.estimator.readout import DECODER, Readout
from topicforge.estimator.settings import Settings, build_network
from topicforge.evaluation.rankings import Occurrences, Ranking, check_ranking
from topicforge.registry import default_registry
from topicforge.results.edits import Edit, edited_topics, from_json, to_json
from topicforge.storage import (
    MANIFEST,
    FolderKind,
    read_bytes,
    read_folder,
    write_folder,
    write_json,
    write_tensors,
)
from topicforge.training import TrainingOptions, building
from topicforge.wiring.composition import PARTS, Composition, compose
from topicforge.wiring.network import Network

FORMAT = 2
MODEL = FolderKind("model", ModelFileError, "`topicforge train`")
_JSON, _WEIGHTS = "model.json", "weights.safetensors"
_TOPICS, _WORDS, _EDITS = "topics.safetensors", "vocabulary.txt", "edits.json"
#: of Occurrences, beside the joint ones
_SUMS = ("topic", "documents", "tokens", "largest")


@dataclass(frozen=True)
class SavedTopics:
    """What can be read from a model folder without any plugin.

    Args:
        fitted: the fit's topics, and what rankings of their words read.
        vocabulary: V words, or ``None``.
        description: the whole of model.json.
        edits: of the topics.
    """

    fitted: Readout
    vocabulary: tuple[str, ...] | None
    description: Mapping[str, Any]
    edits: Sequence[Edit] = ()

    @property
    def readout(self) -> Readout:
        """The topics after the edits."""
        if not self.edits:
            return self.fitted
        return self.fitted.edited(edited_topics(len(self.fitted.topic_word), self.edits))

    def topics(self, top: int, ranking: Ranking | None = None) -> list[list[str]]:
        """Return each topic's ``top`` words, best first; column numbers where there are no words.

        Args:
            top: words per topic.
            ranking: ``None`` for the model's own.
        """
        words = self.vocabulary or [str(v) for v in range(self.readout.topic_word.shape[1])]
        return [[str(word) for word in topic] for topic in self.readout.topics(top, words, ranking)]


@dataclass(frozen=True)
class SavedModel:
    """Everything that a model folder holds of a fitted model.

    Args:
        settings: what ran, resolved.
        network: trained, on any device.
        readout: the fit's topics, and what rankings of their words read.
        edits: of the topics.
        vocabulary: V words, or ``None``.
        history: one report per epoch.
        parameters: of the estimator, by name; what JSON can't hold is left out and named.
        analyzer: record of how texts are cut into its words, see
            :class:`topicforge.corpus.Analyzer`; ``None``: not known.
        unfinished: whether its training was interrupted.
        optimiser_form: which form of the optimiser ran, and why.
        machine: what it was trained with, see :func:`topicforge.training.machine`.
        first_index: number of the first word in the svmlight file of the corpus, if it was one.
    """

    settings: Settings
    network: Network
    readout: Readout
    edits: Sequence[Edit]
    vocabulary: tuple[str, ...] | None
    history: Sequence[EpochReport]
    parameters: Mapping[str, Any]
    analyzer: dict[str, Any] | None
    unfinished: bool
    optimiser_form: str
    machine: Mapping[str, Any]
    first_index: int | None


def save_model(model: SavedModel, folder: Path) -> None:
    """Write a fitted model; a model folder that is there is replaced once the new one is complete.

    Raises:
        OutputError: the folder holds anything else than a model, or can't be replaced.
        StorageError: it can't be written.
        ModelFileError: a word that one line can't hold, an option that JSON can't hold.
    """
    with write_folder(folder, MODEL) as fresh:
        _write(model, fresh)


def _write(model: SavedModel, folder: Path) -> None:
    settings, network = model.settings, model.network
    write_tensors(folder / _WEIGHTS, network.state_dict())
    readout, counted = model.readout, model.readout.occurrences()
    arrays = {
        "topic_word": readout.topic_word,
        "joint": counted.joint.astype(np.float32),
        **{name: np.asarray(getattr(counted, name)) for name in _SUMS},
    }
    if not np.array_equal(readout.decoder_scores, readout.topic_word):
        arrays["decoder_scores"] = readout.decoder_scores
    write_tensors(folder / _TOPICS, {k: torch.from_numpy(v.copy()) for k, v in arrays.items()})
    if model.vocabulary is not None:
        broken = [w for w in model.vocabulary if "\n" in w or "\r" in w]
        if broken:
            raise ModelFileError(f"save: a word can't hold a line break, got {broken[0]!r}")
        text = "".join(f"{word}\n" for word in model.vocabulary)
        (folder / _WORDS).write_text(text, encoding="utf-8", newline="\n")
    if model.edits:
        write_json(folder / _EDITS, to_json(model.edits))
    context = network.context
    built = {
        "encoder": network.encoder,
        "link": network.link,
        "prior": network.prior,
        "decoder": network.decoder,
    }
    parts = {}
    for kind, part in settings.composition.parts.items():
        options = dict(part.options)
        if kind in built:
            options = built[kind].saved_options(options)
        parts[kind] = {
            "name": part.spec.name,
            "distribution": part.spec.distribution,
            "version": part.spec.version,
            "options": options,
        }
    params = model.parameters
    # callbacks belong to a run: opening the model must not need them, or write where they wrote
    left_out = ("vocabulary", "callbacks")
    kept = {k: v for k, v in params.items() if _is_json(v) and k not in left_out}
    described = {
        "format": FORMAT,
        "topicforge": __version__,
        "preset": settings.preset,
        "parts": parts,
        "estimator": settings.composition.estimator,
        "training": asdict(settings.training),
        "optimiser_form": model.optimiser_form,
        "ranking": settings.ranking,
        "scored_by": readout.scored_by,
        "n_documents": counted.n_documents,
        # an object of a class that nobody registered has no name to be found by
        "regularisers": [
            list(item) if isinstance(item, tuple) else [type(item).__name__, None]
            for item in settings.regularisers
        ],
        "sizes": {
            "vocab_size": context.vocab_size,
            "n_topics": context.n_topics,
            "n_latent": context.n_latent,
            "n_features": context.n_features,
            "mean_length": context.mean_length,
        },
        "parameters": kept,
        "parameters_not_saved": sorted(set(params) - set(kept)),
        "analyzer": model.analyzer,
        "unfinished": model.unfinished,
        "machine": model.machine,
        "first_index": model.first_index,
        "history": [asdict(report) for report in model.history],
    }
    try:
        text = json.dumps(described, indent=2, ensure_ascii=False, default=_jsonable)
    except TypeError as error:
        raise ModelFileError(
            f"save: an option of a part can't be written as JSON: {error}"
        ) from error
    (folder / _JSON).write_text(text + "\n", encoding="utf-8")


def save_edits(folder: Path, edits: Sequence[Edit]) -> None:
    """Replace the edits of a model folder; everything else in it stays.

    Raises:
        StorageError: it can't be written.
    """
    with write_folder(folder, MODEL) as fresh:
        for path in folder.iterdir():
            if path.name not in (MANIFEST, _EDITS):
                copyfile(path, fresh / path.name)
        if edits:
            write_json(fresh / _EDITS, to_json(edits))


def read_topics(folder: Path, *, verify: bool = True) -> SavedTopics:
    """Read topics and settings; needs no plugin, so a removed one doesn't matter.

    Args:
        folder: what :func:`save_model` wrote.
        verify: compare the checksum of every file.

    Raises:
        ModelFileError: missing, truncated, changed or inconsistent files.
    """
    return read_folder(folder, MODEL, lambda files: _read_topics(folder, files), verify=verify)


def is_unfinished(folder: Path) -> bool:
    """Whether a folder holds a model whose training was interrupted."""
    try:
        return bool(_read_json(folder / _JSON).get("unfinished"))
    except ModelFileError:
        return False


def _read_topics(folder: Path, files: Set[str]) -> SavedTopics:
    described = _read_json(folder / _JSON)
    arrays = _read_tensors(folder / _TOPICS)
    try:
        described, arrays = migrate(described, arrays)
        sizes = described["sizes"]
        shape = (int(sizes["n_topics"]), int(sizes["vocab_size"]))
        found = {name: value.numpy() for name, value in arrays.items()}
        topic_word = found["topic_word"]
        scores = found.get("decoder_scores", topic_word)
        sums = {name: found[name] for name in ("joint", *_SUMS)}
        counted = Occurrences(**sums, n_documents=int(described["n_documents"]))
        ranking, scored_by = described["ranking"], str(described["scored_by"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"load: {folder}: {_JSON} or {_TOPICS} lacks {error}") from error
    k, v = shape
    got = [one.shape for one in (topic_word, scores, *sums.values())]
    if got != [shape, shape, (v, k), (k,), (v,), (v,), (k,)]:
        raise ModelFileError(
            f"load: {folder / _TOPICS}: arrays must be of {k} topics and {v} words, got {got}; the "
            "files do not belong together"
        )
    # float32 sums of V numbers; a comparison with what is no number is false
    distributions = (topic_word >= 0).all() and (abs(topic_word.sum(1) - 1) < 1e-3).all()
    counts = all((one >= 0).all() and (one < 2**53).all() for one in sums.values())
    if not (distributions and counts and np.isfinite(scores).all()):
        raise ModelFileError(
            f"load: {folder / _TOPICS}: the topics must be distributions over the words, scores finite and "
            "sums of occurrences from 0 to 2^53; the file is damaged"
        )
    try:
        check_ranking(ranking, "load", (DECODER,))
    except TopicForgeError as error:
        raise ModelFileError(f"load: {folder / _JSON}: {error}") from error
    words = _read_vocabulary(folder / _WORDS, v) if _WORDS in files else None
    readout = Readout(topic_word, scores, scored_by, lambda: counted, ranking)
    edits: list[Edit] = []
    if _EDITS in files:
        edits = from_json(_parsed(folder / _EDITS), k, f"load: {folder / _EDITS}")
    return SavedTopics(readout, words, described, edits)


def load_model(folder: Path, parts: Mapping[str, Any], *, verify: bool = True) -> SavedModel:
    """Read a model folder; see :func:`topicforge.load`."""
    saved, weights = read_folder(
        folder,
        MODEL,
        lambda files: (_read_topics(folder, files), _read_tensors(folder / _WEIGHTS)),
        verify=verify,
    )
    described = saved.description
    try:
        composition = _composition(described["parts"], parts)
        training = described["training"]
        known = {field.name for field in fields(TrainingOptions)}
        settings = Settings(
            preset=str(described["preset"]),
            composition=composition,
            training=TrainingOptions(**{k: v for k, v in training.items() if k in known}),
            n_latent=int(described["sizes"]["n_latent"]),
            ranking=saved.fitted.ranking,
            regularisers=_named(described["regularisers"]),
        )
        context = Context(**described["sizes"])
        history = [EpochReport(**report) for report in described["history"]]
        params = dict(described["parameters"])
        analyzer, unfinished = described["analyzer"], bool(described["unfinished"])
        form = str(described["optimiser_form"])
        machine, first_index = dict(described["machine"]), described["first_index"]
    except TopicForgeError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelFileError(
            f"load: {folder / _JSON}: not a complete description of a model ({error!r}); was it edited "
            "or written by another program?"
        ) from error
    with building(0):
        network = build_network(settings, context)
    _restore(network, migrate_weights(described["format"], weights), folder)
    return SavedModel(
        settings, network, saved.fitted, saved.edits, saved.vocabulary, history, params, analyzer, unfinished,
        form, machine, first_index,
    )  # fmt: skip


def _named(saved: Sequence[Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Names and options as they were; objects are left out, for nothing is trained here."""
    return tuple((str(name), dict(options)) for name, options in saved if options is not None)


def _composition(saved: Mapping[str, Any], given: Mapping[str, Any]) -> Composition:
    registry = default_registry()
    chosen: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for kind in PARTS:
        part = saved[kind]
        name, package = part["name"], part["distribution"]
        options[kind] = part["options"]
        if kind in given:
            chosen[kind] = given[kind]
        elif not package:
            raise ModelFileError(
                f"load: {kind} {name!r} was handed in as an object, which a model file can't hold; "
                f"pass it again: load(folder, parts={{{kind!r}: {name}}})"
            )
        else:
            try:
                chosen[kind] = registry.find(kind, f"{package}:{name}")
            except UnknownNameError as error:
                raise ModelFileError(
                    f"load: {kind} {name!r} comes from the package {package!r}, version "
                    f"{part['version']!r}, which is not installed or not working here (`topicforge "
                    "plugins` shows it); install it if you trust it. The topics can be read without it: "
                    "`topicforge topics`"
                ) from error
    try:
        return compose(registry, chosen, options)
    except OptionError as error:
        raise ModelFileError(
            f"load: the saved parts do not fit the installed packages: {error}"
        ) from error


def _restore(network: torch.nn.Module, state: Mapping[str, torch.Tensor], folder: Path) -> None:
    own = network.state_dict()
    missing, extra = sorted(set(own) - set(state)), sorted(set(state) - set(own))
    wrong = [k for k in own if k in state and own[k].shape != state[k].shape]
    if missing or extra or wrong:
        raise ModelFileError(
            f"load: {folder / _WEIGHTS} must hold exactly the weights of the parts in {_JSON}; missing "
            f"{missing[:3]}, unexpected {extra[:3]}, of another shape {wrong[:3]}"
        )
    damaged = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if damaged:
        raise ModelFileError(
            f"load: {folder / _WEIGHTS} must hold finite numbers, but {damaged[0]} does not; it is damaged"
        )
    network.load_state_dict(dict(state))


def _parsed(path: Path) -> Any:
    try:
        return _tuples(json.loads(read_bytes(path)))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"load: {path} is not JSON: {error}; was it truncated?") from error


def _read_json(path: Path) -> dict[str, Any]:
    described = _parsed(path)
    known = {FORMAT, *MIGRATIONS}
    if not isinstance(described, dict) or described.get("format") not in known:
        found = described.get("format") if isinstance(described, dict) else type(described).__name__
        raise ModelFileError(
            f"load: {path} must be of a format from 1 to {FORMAT}, got {found!r}; open it with the "
            "topicforge that wrote it, or a newer one"
        )
    return described


def _tuples(value: Any) -> Any:
    """Lists as tuples, which is what parameters were before JSON."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load(read_bytes(path)))
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"load: {path} can't be read: {error}; was it truncated?") from error


def _read_vocabulary(path: Path, vocab_size: int) -> tuple[str, ...]:
    try:
        words = tuple(read_bytes(path).decode("utf-8").split("\n")[:-1])
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"load: {path} must be UTF-8: {error}") from error
    if len(words) != vocab_size:
        raise ModelFileError(f"load: {path} must hold {vocab_size} words, got {len(words)}")
    return words


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, default=_jsonable)
    except TypeError:
        return False
    return True


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, Path)):
        return list(value) if isinstance(value, tuple) else str(value)
    raise TypeError(f"{type(value).__name__} {value!r:.40}")
