"""TopicModel: the scikit-learn estimator over a composition of parts."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from topicforge._version import __version__
from topicforge.contracts import Callback, Context, FitStart, Regulariser, StartData
from topicforge.corpus import Analyzer
from topicforge.errors import CallbackError, ExportError, InputError, OptionError, UnknownNameError
from topicforge.estimator.explain import as_text, explanation
from topicforge.estimator.inference import checksum_of, completion, count_occurrences, infer
from topicforge.estimator.inputs import Input, read_input, words_left_out
from topicforge.estimator.names import unknown_parameter
from topicforge.estimator.readout import Readout, Seen
from topicforge.estimator.saved import SavedModel, load_model, save_model
from topicforge.estimator.settings import GROUPS, Settings, build_network, resolve
from topicforge.estimator.tables import carry_edits
from topicforge.estimator.theta import ThetaFolder, write_theta
from topicforge.estimator.views import ModelViews
from topicforge.estimator.watching import Watcher, words_now
from topicforge.evaluation import perplexity
from topicforge.evaluation.rankings import Ranking
from topicforge.export import Exported, write_export, write_vectors
from topicforge.ops import implementation
from topicforge.registry import default_registry
from topicforge.results.edits import Edit, edited_theta, to_json
from topicforge.storage import sha256
from topicforge.training import (
    Checkpoints,
    Documents,
    Named,
    Processes,
    RandomState,
    Selection,
    Trainer,
    build_named,
    building,
    check_named,
    machine,
    shared_seed,
)
from topicforge.wiring.network import Network

_NOT_SETTINGS = ("preset", "n_topics", "seed", "device", "vectorizer", "vocabulary", "embedder",
                 "callbacks",                 "verbose")  # fmt: skip
#: parameters that may differ when a training goes on: they change nothing of what comes out
_OF_THE_RUN = ("callbacks", "verbose", "device", "vectorizer", "vocabulary", "embedder")
_START_DOCUMENTS = 20_000


class TopicModel(ModelViews, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A neural topic model: encoder x link x prior x divergence x decoder, by name.

    Everything left at ``None`` comes from the preset, and everything named overrides it. A part is a
    name, a component class or a :class:`~topicforge.plugin.ComponentSpec`. Its options stand beside its
    name, ``prior=("gmm", {"n_components": 50})``, or are parameters of their own,
    ``prior__n_components=50``, as grid searches need them; so do those of ``optimiser`` and ``training``.

    Args:
        preset: a named composition (``topicforge plugins`` lists them); ``None`` for the default, or,
            where a part is named, for ``plain``: every option and setting at its own default.
        encoder: counts -> posterior.
        link: z -> theta; ``None`` follows from the encoder unless the preset names one.
        prior: the distribution that the divergence holds the posterior to.
        divergence: how the distance of posterior and prior is measured.
        decoder: theta -> words.
        n_topics: K.
        n_latent: L; ``None`` for K.
        epochs: passes over the documents.
        batch_size: documents per step.
        learning_rate: step size of the optimiser.
        optimiser: a name, or ``(name, {option: value})``; ``adam`` has the options ``beta1``, ``eps``,
            ``weight_decay`` and ``gradient_clip``, see :class:`~topicforge.training.TrainingOptions`.
        training: the settings of training that are rarely changed, by name, such as
            ``{"validation_fraction": 0.1, "patience": 5}``; all others stay as the preset has them. See
            :class:`~topicforge.training.TrainingOptions`.
        regularisers: what changes the loss or the samples (``warm-up``, ``free-bits``, ...; ``topicforge
            plugins`` lists them): names, ``(name, {option: value})``, or
            :class:`~topicforge.plugin.Regulariser` objects. They replace the preset's; ``[]`` turns them
            off.
        ranking: how :meth:`topics` orders a topic's words unless it is told otherwise: by the
            ``decoder``'s own scores, or by a ranking of :mod:`topicforge.evaluation.rankings`:
            ``probability``, ``association``, ``frex``, ``relevance``, ``lift``, or a name and its options,
            ``("relevance", {"lambda_": 0.6})``. It changes nothing of the fit.
        seed: makes a fit repeat, bit for bit where ``machine_`` and the versions of topicforge and its
            libraries are the same; with other threads or another processor the last bits differ.
            ``None`` draws one.
        device: ``auto`` (CUDA where there is one, else CPU), or a torch device.
        vectorizer: turns texts into counts: ``"en"`` (the same as ``None``) or ``"zh"`` for
            :func:`topicforge.corpus.vectorizer` of that language, or any scikit-learn vectoriser.
        vocabulary: V words in column order, for counts that come without.
        embedder: turns texts into features where none are handed in, for encoders that read some: a
            name, ``NAME:ARGUMENT`` (``topicforge plugins`` lists them), or a function from N texts to
            (N, F) numbers.
        callbacks: names, ``(name, {option: value})``, or :class:`~topicforge.plugin.Callback`
            objects; those by name are built anew for each fit. They are not saved with the model.
        verbose: print a line per epoch; in a notebook, draw the loss terms and the words of a few topics.
        **options: ``GROUP__OPTION``, with a part, ``optimiser`` or ``training`` as the group.

    Attributes:
        topic_word_: (K, V) float32 word distributions of the topics, after their edits; a background that
            the decoder has is no part of them (``network_.topic_word()`` is what predicts).
        word_scores_: (K, V) float32 scores by which :meth:`topics` ranks words.
        vocabulary_: tuple of V words, or ``None``.
        history_: one :class:`~topicforge.plugin.EpochReport` an epoch.
        unfinished_: whether training was interrupted or ended by a callback's error.
        settings_: everything that ran, resolved.
        optimiser_form_: ``by rows`` or ``dense``, and why, see :class:`~topicforge.training.TrainingOptions`.
        machine_: threads, instruction sets, device and version of torch that it was trained with; the
            same seed gives the same bits where these are the same.
        first_index_: number of the first word in the svmlight file that the corpus was read from; ``None``
            for another.
        network_: the trained ``nn.Module``.
        n_features_in_: V.
    """

    def __init__(
        self,
        preset: str | None = None,
        *,
        encoder: Any = None,
        link: Any = None,
        prior: Any = None,
        divergence: Any = None,
        decoder: Any = None,
        n_topics: int = 50,
        n_latent: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        optimiser: Any = None,
        training: Mapping[str, Any] | None = None,
        regularisers: Sequence[str | tuple[str, Mapping[str, Any]] | Regulariser] | None = None,
        ranking: Ranking | None = None,
        seed: int | None = 0,
        device: str = "auto",
        vectorizer: Any = None,
        vocabulary: Sequence[str] | None = None,
        embedder: str | Callable[[Sequence[str]], Any] | None = None,
        callbacks: Sequence[str | tuple[str, Mapping[str, Any]] | Callback] = (),
        verbose: bool = False,
        **options: Any,
    ) -> None:
        self.preset = preset
        self.encoder = encoder
        self.link = link
        self.prior = prior
        self.divergence = divergence
        self.decoder = decoder
        self.n_topics = n_topics
        self.n_latent = n_latent
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimiser = optimiser
        self.training = training
        self.regularisers = regularisers
        self.ranking = ranking
        self.seed = seed
        self.device = device
        self.vectorizer = vectorizer
        self.vocabulary = vocabulary
        self.embedder = embedder
        self.callbacks = callbacks
        self.verbose = verbose
        for name, value in options.items():
            if not _is_option(name):
                # Python's own check of argument names, which **options switched off
                raise TypeError(unknown_parameter(name, self._get_param_names()))
            setattr(self, name, value)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        text: str = super().__repr__(N_CHAR_MAX)
        if not hasattr(self, "network_"):
            return text
        parts = " x ".join(part.spec.name for part in self.settings_.composition.parts.values())
        epochs = sum(report.phase == "train" for report in self.history_)
        return (
            f"{text}\nfitted: {parts}; K = {self._n_features_out}, V = {self.n_features_in_:,}, "
            f"{epochs} epochs trained"
        )

    # ---- parameters ---------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; options are ``GROUP__OPTION``.

        Args:
            deep: also list the options that were not given, at the values they would have.
        """
        params: dict[str, Any] = super().get_params(deep=deep)
        given = {name: value for name, value in vars(self).items() if _is_option(name)}
        if deep:
            try:
                in_force = self._resolve().parameters()
            except (OptionError, UnknownNameError):
                in_force = {}  # parameters that don't fit together yet are reported by fit
            params.update({name: value for name, value in in_force.items() if _is_option(name)})
        return {**params, **given}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, options (``prior__concentration``) among them.

        Raises:
            UnknownNameError: there is no such parameter; the message names what is meant.
        """
        own = {name: value for name, value in params.items() if _is_option(name)}
        for name in params:
            if name.partition("__")[0] not in {*self._get_param_names(), *own}:
                raise UnknownNameError(unknown_parameter(name, self._get_param_names()))
        super().set_params(**{name: value for name, value in params.items() if name not in own})
        for name, value in own.items():
            setattr(self, name, value)
        return self

    def _resolve(self) -> Settings:
        params = self.get_params(deep=False)
        explicit = {k: v for k, v in params.items() if k not in _NOT_SETTINGS}
        return resolve(default_registry(), self.preset, explicit)

    def explain(self) -> str:
        """Say what the parameters amount to: parts and options, where their values come from, sources.

        Raises:
            UnknownNameError, OptionError, MixError: parameters that do not fit.
        """
        return as_text(self.explanation())

    def explanation(self) -> dict[str, Any]:
        """Return what :meth:`explain` says as a dictionary of texts."""
        return explanation(
            default_registry(), self._resolve(), getattr(self, "optimiser_form_", None)
        )

    # ---- fitting ------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        features: Any = None,
        checkpoint: str | Path | None = None,
        checkpoint_every: float = 60.0,
    ) -> Self:
        """Train from scratch, or go on from a checkpoint.

        Where ``torch.distributed`` has a process group (``torchrun``), its processes train together:
        each holds a part of every batch, and the result is that of one process.

        Args:
            X: (N, V) counts: scipy sparse or dense, >= 0; a :class:`~topicforge.corpus.Corpus`; or N
                texts, lists of tokens, or bags of words ``[(word number, count), ...]`` as gensim has
                them, in a list, a generator, a column or a data frame, see
                :func:`topicforge.corpus.given.read_given`. Empty documents are left out of training
                and get theta's mean under the prior.
            y: ignored.
            features: (N, F) numbers beside the counts, sentence embeddings say, for an encoder that
                reads them; an array, or a memory map.
            checkpoint: folder for the state of the training; the same call again, after a kill say,
                goes on from there, and the result is bit for bit that of an undisturbed fit. The
                folder is left behind; it is of use until the model is saved.
            checkpoint_every: seconds between two checkpoints.

        Returns:
            self.

        Raises:
            InputError: X or features are not usable, or the encoder reads no features.
            UnknownNameError, OptionError, MixError: parameters that do not fit.
            TrainingError: a loss is not finite or the prior's start failed; whatever this object
                was fitted to before is kept.
            KeyboardInterrupt: passed on; if at least one epoch was done, the model is usable.
            CallbackError: a callback raised; if at least one epoch was done, the model is usable.
        """
        del y
        settings, callbacks = self._check_parameters()
        read = read_input(self, X, features, fitting=True)
        kept = None if checkpoint is None else (Path(checkpoint), float(checkpoint_every))
        trainer = self._build(settings, callbacks, read, kept)
        n_empty = self._warn_of_empty(read.documents)
        start = FitStart(
            settings=self._in_force(settings),
            n_documents=len(read.documents) - n_empty,
            vocab_size=read.documents.counts.vocab_size,
            n_topics=self.n_topics,
            epochs=settings.training.epochs,
            estimator=settings.composition.estimator,
            top_words=partial(words_now, trainer.network, read.vocabulary),
        )
        interruption: KeyboardInterrupt | CallbackError | None = None
        try:
            trainer.fit(read.documents, start)
        except (KeyboardInterrupt, CallbackError) as interrupt:
            if not trainer.history:
                raise
            interruption = interrupt
        try:
            self._adopt(settings, read, trainer)
        except KeyboardInterrupt as interrupt:
            # reading the topics out is short beside the training that it would throw away
            self._adopt(settings, read, trainer)
            interruption = interrupt
        if interruption is not None:
            self.unfinished_ = True
            raise interruption
        return self

    def fit_transform(
        self, X: Any, y: Any = None, *, features: Any = None, **fit_params: Any
    ) -> NDArray[np.float32]:
        """Fit to X and return its theta, (N, K)."""
        del fit_params
        X = list(X) if isinstance(X, Iterator) else X  # read twice
        return self.fit(X, y, features=features).transform(X, features=features)

    def partial_fit(self, X: Any, y: Any = None, *, features: Any = None) -> Self:
        """Train one more epoch on X, keeping weights and optimiser; the first call builds them.

        As many calls with the same X as there are epochs give what :meth:`fit` gives, bit for bit,
        unless early stopping ends that.
        The word frequencies and mean length that some parts start from are those of the first call.
        """
        del y
        if not hasattr(self, "_trainer"):
            if hasattr(self, "network_"):
                raise InputError(
                    "TopicModel.partial_fit: a model opened from a folder has no optimiser to go on "
                    "with; call fit, or partial_fit on the object that was trained"
                )
            settings, callbacks = self._check_parameters()
            read = read_input(self, X, features, fitting=True)
            trainer = self._build(settings, callbacks, read)
        else:
            settings = self.settings_
            read = read_input(self, X, features, fitting=False)
            self._check_more(read)
            self._seen.close(read.documents.checksum())
            trainer = self._trainer
        failure = None
        try:
            trainer.fit_more(read.documents)
        except CallbackError as error:
            if not trainer.history:
                raise
            failure = error
        self._adopt(settings, read, trainer, whole=False)
        if failure is not None:
            raise failure
        return self

    # ---- using --------------------------------------------------------------------------

    def transform(self, X: Any, *, features: Any = None) -> NDArray[np.float32]:
        """Return theta at the posterior's mean, (N, K) float32, rows sum to one.

        Column k belongs to topic k. A document without words says nothing, unless it has features:
        it gets theta's mean under the prior, and a warning says how many there were.

        Args:
            X: as in :meth:`fit`.
            features: (N, F), where the fit had them.
        """
        return self._read_theta(X, features)[1]

    def transform_to(
        self,
        X: Any,
        folder: str | Path,
        *,
        features: Any = None,
        format: Literal["npy", "parquet"] = "npy",  # noqa: A002 - the field's word for it
        shard_documents: int = 100_000,
        on_shard: Callable[[int, int], None] | None = None,
    ) -> ThetaFolder:
        """Write theta to a folder of shards, the same numbers as :meth:`transform`'s.

        Memory stays the same however many documents there are. The same call again, after a kill say,
        keeps the shards that are whole and writes the others, and the folder ends bit for bit as if
        nothing had happened. Open it with :func:`topicforge.open_theta`.

        Args:
            X: as in :meth:`fit`; a :class:`~topicforge.corpus.Corpus` is read through its memory maps.
            folder: for the shards, ``theta-00000.npy`` and so on; made where it is missing.
            features: (N, F), where the fit had them; an array, or a memory map.
            format: ``npy``, or ``parquet`` with one column per topic (extra ``parquet``).
            shard_documents: documents per shard.
            on_shard: called with the number of documents done and N after each shard.

        Raises:
            InputError: X is not usable, or the folder holds something else, or theta of another model
                or documents.
            OptionError: another format, or no whole number of documents.
            MissingExtraError: Parquet without pyarrow.
        """
        check_is_fitted(self, "network_")
        documents = read_input(self, X, features, fitting=False).documents
        if documents.features is None:
            self._warn_of_empty(documents)
        return write_theta(
            folder, lambda rows: self._infer(documents, rows),
            of={
                "model": checksum_of(self.network_), "documents": documents.checksum(),
                **({"edits": to_json(self._edits)} if self._edits else {}),
            },
            n_documents=len(documents), n_topics=self._n_features_out,
            shard_documents=shard_documents, kind=format, on_shard=on_shard,
        )  # fmt: skip

    def completion(self, first: Any, second: Any, *, features: Any = None) -> NDArray[np.float64]:
        """Return log p(second | theta of first), (N,), nats per document: document completion.

        p is that of the decoder which was trained, whatever its form: theta beta of a mixture, the softmax
        of a product of experts.

        Args:
            first: (N, V) counts that theta is inferred from, as in :meth:`fit`.
            second: (N, V) counts of the same documents, whose words are scored.
            features: (N, F), where the fit had them.

        Raises:
            InputError: counts are not usable, or the two are not of the same documents.

        Source: Wallach et al. 2009, section 4.
        """
        check_is_fitted(self, "network_")
        seen = read_input(self, first, features, fitting=False).documents
        scored = read_input(self, second, features, fitting=False).documents
        if len(seen) != len(scored):
            raise InputError(
                "TopicModel.completion: first and second must be halves of the same documents, got "
                f"{len(seen)} and {len(scored)}"
            )
        return completion(self.network_, seen, scored, self._device())

    def score(self, X: Any, y: Any = None, *, features: Any = None) -> float:
        """Return the mean log-likelihood per held-out token, in nats; higher is better.

        It is -log of :func:`topicforge.evaluation.perplexity`, with the same halves of each document
        (:func:`topicforge.evaluation.split_halves`, seed 0): theta comes from the first, and the trained
        decoder scores the tokens of the second. It compares compositions whatever their prior, divergence
        and decoder are.

        Raises:
            InputError: no document has tokens in both halves.

        Source: Wallach et al. 2009, section 4.
        """
        del y
        check_is_fitted(self, "network_")
        documents = read_input(self, X, features, fitting=False).documents
        counts = documents.counts.select(slice(None)).to_scipy()
        given = partial(self.completion, features=documents.features)
        return -math.log(perplexity(counts=counts, completion=given).value)

    def save(self, folder: str | Path) -> None:
        """Write the fitted model: safetensors weights, JSON settings, vocabulary; no pickle."""
        check_is_fitted(self, "network_")
        analyzer = Analyzer.of(self.vectorizer_)
        record = SavedModel(
            self.settings_, self.network_, self._fitted_readout, self._edits, self.vocabulary_,
            self.history_,
            self.get_params(deep=False),
            analyzer=None if analyzer is None else analyzer.to_json(),
            unfinished=self.unfinished_, optimiser_form=self.optimiser_form_,
            machine=self.machine_, first_index=self.first_index_,
        )  # fmt: skip
        save_model(record, Path(folder))

    def export(
        self,
        path: str | Path,
        to: Literal["torchscript", "torch-export", "onnx"] = "torchscript",
    ) -> Exported:
        """Write theta as a function of counts to one file that runs without topicforge.

        It takes ``crow`` (B + 1,) int64, ``col`` (nnz,) int64 and ``count`` (nnz,) float32, documents in
        compressed sparse rows, and ``features`` (B, F) float32 where the fit had them, and gives theta
        (B, K), for any B and nnz. Empty documents get the prior's mean. Inside are ``vocabulary.txt``
        (a word a line, empty without a vocabulary), ``topics.txt`` (ten words a line, by topic),
        ``labels.txt`` (a label a line) and ``model.json``. The theta of random documents is compared with
        :meth:`transform`'s before the file is written.

        Args:
            path: of the file; replaced if it is there.
            to: ``torchscript``, for ``torch.jit.load`` and C++; ``torch-export``, for
                ``torch.export.load``; both need the operator library (``topicforge kernels``), unless
                TOPICFORGE_NATIVE was 0. ``onnx`` has standard operators alone (extra ``onnx``).

        Raises:
            UnknownNameError: another format.
            MissingExtraError: ONNX without its libraries.
            ExportError: a part has no form in this format.
            StorageError: the file can't be written.
        """
        check_is_fitted(self, "network_")
        return write_export(
            self.network_,
            Path(path),
            to,
            files=self._files(),
            transform=self._transform_quietly,
            members=[topic.members for topic in self.edits.topics] if self._edits else None,
        )

    def export_vectors(self, path: str | Path) -> int:
        """Write the vectors of words and topics in the text format of word2vec; return the bytes.

        They are those of the decoder, or else of the encoder: gensim reads them with
        ``gensim.models.KeyedVectors.load_word2vec_format(path)``. A topic is named ``topic_0``, ``topic_1``,
        ..., and one that was merged has the mean vector of its members.

        Args:
            path: of the file; replaced if it is there.

        Raises:
            ExportError: no part of the model has word vectors.
            InputError: the model has no vocabulary.
            StorageError: the file can't be written.
        """
        check_is_fitted(self, "network_")
        found = self.network_.word_topic_vectors()
        if found is None:
            raise ExportError(
                "TopicModel.export_vectors: neither decoder nor encoder has vectors of words and topics; the "
                "default and decoder 'embedding' have, and decoder 'mixture' with decoder__width"
            )
        if self.vocabulary_ is None:
            raise InputError(
                "TopicModel.export_vectors: words are needed; set them with model.set_vocabulary"
            )
        words, topics = (x.detach().float().cpu().numpy() for x in found)
        merged = [topics[list(topic.members)].mean(0) for topic in self.edits.topics]
        names = [*self.vocabulary_, *(f"topic_{k}" for k in range(len(merged)))]
        return write_vectors(Path(path), names, np.concatenate([words, np.stack(merged)]))

    def _files(self) -> dict[str, str]:
        """What an exported file holds beside the function: words, topics, where they come from."""
        topics = [" ".join(map(str, topic)) for topic in self.topics(min(10, self.n_features_in_))]
        analyzer = Analyzer.of(self.vectorizer_)
        described = {
            "topicforge": __version__,
            "n_topics": self._n_features_out,
            "vocab_size": self.n_features_in_,
            "n_features": self.network_.context.n_features,
            "analyzer": None if analyzer is None else analyzer.to_json(),
            "operators": implementation(),
        }
        return {
            "vocabulary.txt": "".join(f"{word}\n" for word in self.vocabulary_ or ()),
            "topics.txt": "".join(f"{topic}\n" for topic in topics),
            "labels.txt": "".join(f"{' '.join(name.split())}\n" for name in self._topics().names()),
            "model.json": json.dumps(described, ensure_ascii=False),
        }

    def _transform_quietly(self, X: Any, features: Any = None) -> NDArray[np.float32]:
        """As transform, in any thread, without the warning of empty documents.

        To hide it instead would change the filters of warnings of every thread.
        """
        return self._read_theta(X, features, warn=False)[1]

    # ---- inside -------------------------------------------------------------------------

    @property
    def _fitted_readout(self) -> Readout:
        return Readout(
            self._topic_word, self._decoder_scores, self._scored_by, self._seen,
            self.settings_.ranking,
        )  # fmt: skip

    def _check_parameters(self) -> tuple[Settings, list[Named]]:
        if not isinstance(self.n_topics, (int, np.integer)) or self.n_topics < 1:
            raise OptionError(
                f"TopicModel: n_topics must be a whole number of at least 1, got {self.n_topics!r}"
            )
        whole = isinstance(self.seed, (int, np.integer)) and not isinstance(self.seed, bool)
        if self.seed is not None and not (whole and 0 <= self.seed < 2**63):
            raise OptionError(
                f"TopicModel: seed must be None or a whole number from 0 to 2**63 - 1, got {self.seed!r}"
            )
        registry = default_registry()
        written = check_named(registry, "callback", self.callbacks)
        return self._resolve(), build_named(registry, "callback", written)

    def _in_force(self, settings: Settings) -> dict[str, Any]:
        """The parameters, with what the preset and the defaults put where nothing was said."""
        params = self.get_params(deep=False)
        del params["training"]  # its entries are parameters of their own there
        return {**params, **settings.parameters()}

    def _check_more(self, read: Input) -> None:
        """Say what of a further batch can't be learned from, for its words were not in the first."""
        missing, documents = words_left_out(self, read.texts), read.documents
        if documents.n_empty() == len(documents):
            raise InputError(
                "TopicModel.partial_fit: none of the "
                f"{len(documents)} documents has a word of the first batch, whose words are the model's "
                "columns; choose the words of all batches beforehand: "
                "vectorizer=topicforge.corpus.vectorizer(vocabulary=...)"
            )
        if missing:
            warnings.warn(
                f"TopicModel.partial_fit: {len(missing):,} words of this batch are not counted, because the "
                f"first batch has none of them ({', '.join(missing[:5])}, ...); choose the words of all "
                "batches beforehand: vectorizer=topicforge.corpus.vectorizer(vocabulary=...)",
                UserWarning, stacklevel=3,
            )  # fmt: skip

    def _device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            return torch.empty(0, device=self.device).device
        except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for CUDA
            raise OptionError(
                f"TopicModel: device must be 'auto' or a torch device: {error}"
            ) from None

    def _build(
        self,
        settings: Settings,
        callbacks: Sequence[Named],
        read: Input,
        kept: tuple[Path, float] | None = None,
    ) -> Trainer:
        documents: Documents = read.documents
        counts, worded = documents.counts, len(documents) - documents.n_empty()
        if not worded:
            raise InputError(
                f"TopicModel.fit: at least one document must have a word, got {counts.n_documents} "
                "documents, all empty; check the vocabulary against the texts"
            )
        totals = counts.word_totals()
        context = Context(
            vocab_size=counts.vocab_size,
            n_topics=int(self.n_topics),
            n_latent=int(settings.n_latent or self.n_topics),
            n_features=documents.n_features,
            mean_length=float(totals.sum() / worded),
            word_frequency=torch.from_numpy((totals / totals.sum()).astype(np.float32)),
            vocabulary=read.vocabulary,
            start_data=_start_data(documents),
        )
        device, processes = self._device(), Processes.present()
        random = RandomState(shared_seed(self.seed, device), device, processes.rank)
        if self.verbose:
            callbacks = [*callbacks, Named(Watcher(), "verbose", "verbose=True")]
        with building(random.seed):
            network = build_network(settings, context)
        with random.active():
            network.start()
            network.to(device)
            trainer = Trainer(
                network, settings.training, device,
                build_named(default_registry(), "regulariser", settings.regularisers),
                callbacks if processes.rank == 0 else [], random, processes,
                self._checkpoints(settings, read, kept, processes),
            )  # fmt: skip
            context.start_data.clear()
            return trainer

    def _checkpoints(
        self,
        settings: Settings,
        read: Input,
        kept: tuple[Path, float] | None,
        processes: Processes,
    ) -> Checkpoints | None:
        if kept is None:
            return None
        parameters = {k: v for k, v in self._in_force(settings).items() if k not in _OF_THE_RUN}
        run = {
            **parameters,
            "documents": read.documents.checksum(),
            "vocabulary": hashlib.sha256(json.dumps(read.vocabulary).encode()).hexdigest(),
            "inputs": {k: _content(v) for k, v in parameters.items() if "__" in k},
        }
        return Checkpoints(kept[0], run, kept[1], writes=processes.rank == 0)

    def _adopt(
        self, settings: Settings, read: Input, trainer: Trainer, *, whole: bool = True
    ) -> None:
        """Make a finished fit ours: the only place where fitted attributes are set."""
        network = trainer.network
        further = trainer is getattr(self, "_trainer", None)
        self._trainer = trainer
        self.vectorizer_ = read.vectorizer
        if read.feature_names is not None:
            self.feature_names_in_ = read.feature_names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        with torch.no_grad():
            topic_word = network.own_words().float().cpu().numpy()
            scores = network.word_scores().float().cpu().numpy()
        count = partial(count_occurrences, network, read.documents, self._device())
        seen = self._seen if further else Seen()
        seen.take(read.documents.checksum(), count)
        if whole:
            seen()  # a fitted model holds no documents
        edits: Sequence[Edit] = getattr(self, "_edits", ())
        if edits and not further:
            before = (self._topic_word, self.vocabulary_)
            edits = carry_edits(edits, before, (topic_word, read.vocabulary))
        self._adopt_network(
            settings, network, read.vocabulary, topic_word, scores, network.decoder.scored_by, seen,
            edits,
        )  # fmt: skip
        self.history_ = trainer.history
        self.optimiser_form_ = trainer.optimisation.form
        self.machine_ = machine(trainer.device)
        self.first_index_ = read.first_index

    def _adopt_network(
        self,
        settings: Settings,
        network: Network,
        vocabulary: Sequence[str] | None,
        topic_word: NDArray[np.float32],
        decoder_scores: NDArray[np.float32],
        scored_by: str,
        seen: Seen,
        edits: Sequence[Edit],
    ) -> None:
        network.eval()
        self.settings_ = settings
        self.network_ = network
        self.n_features_in_ = network.context.vocab_size
        self.vocabulary_ = None if vocabulary is None else tuple(vocabulary)
        self._topic_word = topic_word
        self._edits = list(edits)
        self._decoder_scores = decoder_scores
        self._scored_by = scored_by
        self._seen = seen
        self.unfinished_ = False

    def _read_theta(
        self, X: Any, features: Any, *, warn: bool = True
    ) -> tuple[Input, NDArray[np.float32]]:
        check_is_fitted(self, "network_")
        read = read_input(self, X, features, fitting=False)
        documents = read.documents
        if warn and documents.features is None:
            self._warn_of_empty(documents)
        theta = np.empty((len(documents), self._n_features_out), dtype=np.float32)
        start = 0
        for part in self._infer(documents, range(len(documents))):
            theta[start : start + len(part)] = part
            start += len(part)
        return read, theta

    def _infer(self, documents: Documents, rows: range) -> Iterator[NDArray[np.float32]]:
        topics = self.edits.topics
        for theta in infer(self.network_, documents, rows, self._device()):
            yield edited_theta(topics, theta) if self._edits else theta

    def _warn_of_empty(self, documents: Documents) -> int:
        """Say how many documents are empty, and return it."""
        empty = documents.n_empty()
        if empty:
            warnings.warn(
                f"TopicModel: {empty} of {len(documents)} documents are empty; they are left out "
                "of training, and their theta is its mean under the prior",
                UserWarning, stacklevel=3,
            )  # fmt: skip
        return empty

    @property
    def _n_features_out(self) -> int:
        return len(self.edits.topics)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle and joblib write; of a fitted model they warn."""
        if hasattr(self, "network_"):
            warnings.warn(
                "TopicModel: a pickled model opens with these versions of topicforge, torch and the plugins "
                "alone, and a pickle runs code; model.save(folder) and topicforge.load(folder) have "
                "neither fault",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        state: dict[str, Any] = super().__getstate__()
        return state

    def __copy__(self) -> Self:
        """As copy.copy has it of any object, which would ask __getstate__."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
        return twin

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def load(
    folder: str | Path,
    *,
    parts: Mapping[str, Any] | None = None,
    device: str = "auto",
    verify: bool = True,
) -> TopicModel:
    """Open a model folder written by :meth:`TopicModel.save`.

    Args:
        folder: the folder.
        parts: kind -> component class, for models that were built with classes instead of names.
        device: where the model goes.
        verify: compare the checksum of every file with the manifest; sizes are compared always.

    Raises:
        ModelFileError: missing, truncated or hostile files, or a plugin that is not installed; the
            message says which package and version to install.
    """
    saved = load_model(Path(folder), parts or {}, verify=verify)
    known = TopicModel._get_param_names()
    model = TopicModel(
        **{
            name: value
            for name, value in saved.parameters.items()
            if name in known or _is_option(name)
        }
    )
    model.device = device
    model._adopt_network(
        saved.settings, saved.network.to(model._device()), saved.vocabulary,
        saved.readout.topic_word, saved.readout.decoder_scores, saved.readout.scored_by,
        Seen(saved.readout.occurrences()), saved.edits,
    )  # fmt: skip
    model.history_ = list(saved.history)
    model.unfinished_ = saved.unfinished
    model.optimiser_form_ = saved.optimiser_form
    model.machine_ = dict(saved.machine)
    model.first_index_ = saved.first_index
    model.vectorizer_ = None
    if saved.analyzer is not None and saved.vocabulary is not None:
        from topicforge.corpus import vectorizer  # scikit-learn's text module: only for texts

        analyzer = Analyzer.from_json(saved.analyzer, f"load: {folder}")
        model.vectorizer_ = vectorizer(analyzer, vocabulary=saved.vocabulary)
    return model


def _is_option(name: str) -> bool:
    """Whether a name is ``GROUP__OPTION``."""
    group, separator, _ = name.partition("__")
    return bool(separator) and group in GROUPS


def _start_data(documents: Documents) -> StartData:
    """Evenly spaced documents for a start from data, so that its cost has a bound."""
    counts, features = documents.counts, documents.features

    def rows() -> NDArray[np.int64]:
        return Selection(counts).sample(_START_DOCUMENTS)

    return StartData(
        lambda: counts.select(rows()).to_scipy(),
        None if features is None else lambda: np.asarray(features[rows()], dtype=np.float32),
    )


def _content(value: Any) -> str | None:
    """Return the checksum of an option's array, or of its file, which may change under its name."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return hashlib.sha256(np.ascontiguousarray(value).view(np.uint8).data).hexdigest()
    if isinstance(value, str | Path) and Path(value).is_file():
        return sha256(Path(value))
    return None
