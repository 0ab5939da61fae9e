"""Opening the documents that a command was pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.output import note, working
from topicforge.errors import CorpusError, InputError, UnknownNameError
from topicforge.storage import map_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from topicforge.corpus import Corpus, Counts
    from topicforge.estimator.topic_model import TopicModel

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder (topicforge train).")]
Documents = Annotated[
    Path,
    typer.Argument(metavar="DOCUMENTS", help="A corpus folder, a file of counts, or texts."),
]
Format = Annotated[
    str | None,
    typer.Option(help="The format of the documents, where their name does not show it."),
]
TextColumn = Annotated[str | None, typer.Option(help="The column of a table that holds the texts.")]
Language = Annotated[
    str | None,
    typer.Option(
        help="The language of texts: en or zh.", show_default="that of the training corpus"
    ),
]
Encoding = Annotated[str, typer.Option(help="The encoding of text files.")]
Device = Annotated[
    str,
    typer.Option(help="The device to compute on: auto (CUDA where there is one), cpu or cuda."),
]

Features = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A .npy file with one row of numbers per document, for an encoder that reads more than "
        "counts.",
    ),
]

NoVerify = Annotated[
    bool,
    typer.Option(
        "--no-verify",
        help="Compare the sizes of files only, and not their checksums, which reads every file once.",
    ),
]


@dataclass(frozen=True)
class Found:
    """What a command was pointed at.

    Args:
        source: paths, or the record of a named corpus.
        reader: the record of the reader of its files, ``None`` for a named corpus.
        gives: ``texts`` or ``counts``.
    """

    source: Any
    reader: Any
    gives: str


def find_source(source: list[str], format: str | None, *, as_paths: bool = True) -> Found:  # noqa: A002
    """Find the reader of files, or a named corpus; plugins are loaded only if no built-in one fits.

    Args:
        source: paths or one name.
        format: name of a reader; ``None``: by the files' names.
        as_paths: whether no named corpus is meant.

    Raises:
        UnknownNameError: no reader is called ``format``.
        CorpusError: no corpus of that name, or no reader fits, see
            :func:`~topicforge.corpus.formats.files_and_reader`.
    """
    from topicforge.corpus.formats import READERS, files_and_reader, is_known
    from topicforge.corpus.sources import CORPORA

    one = source[0]
    is_name = len(source) == 1 and Path(one).name == one and not Path(one).exists()
    if not as_paths and is_name and not has_magic(one):
        named = CORPORA.get(one)
        if named is None and (not Path(one).suffix or ":" in one):
            try:
                named = _registry().find("corpus", one)
            except UnknownNameError as error:
                raise CorpusError(f"{one}: there is no such file or folder, and {error}") from error
        if named is not None:
            return Found(named, None, named.gives)
    readers = dict(READERS)
    if format is not None and format not in readers:
        readers[format] = _registry().find("reader", format)
    elif format is None and not Path(one).is_dir() and not is_known(Path(one)):
        # a built-in reader's name can't be taken, so that plugins only add to the names of files
        readers.update((spec.qualified_name, spec) for spec in _registry().specs("reader"))
    _, reader = files_and_reader(source, format, readers)
    return Found(source if len(source) > 1 else one, reader, reader.gives)


def _registry() -> Any:
    from topicforge.registry import default_registry  # torch: two seconds that built-in ones spare

    return default_registry()


def open_corpus(path: Path, *, verify: bool = True) -> Corpus:
    """Open a corpus folder.

    Raises:
        CorpusError: not one, or damaged.
    """
    from topicforge.corpus import Corpus

    return Corpus.open(path, verify=verify)


def corpus_or_counts(
    path: Path,
    vocab: Path | None,
    labels: Path | None,
    model: TopicModel | None = None,
    *,
    verify: bool = True,
) -> Corpus:
    """Open a corpus folder, or read counts or texts into one in memory.

    Args:
        path: the folder or file.
        vocab: one word per line, for counts without words.
        labels: one label per line.
        model: fitted, whose columns they are.
        verify: compare the checksums of a corpus folder.

    Raises:
        CorpusError: unreadable.
        InputError: words or labels for a corpus folder that has its own.
    """
    from topicforge.corpus import build_corpus
    from topicforge.corpus.folder import DESCRIPTION

    if not (path / DESCRIPTION).is_file():
        return build_corpus(path, vocabulary=vocab, labels=labels, reading=_numbering(model))
    if vocab is not None or labels is not None:
        raise InputError(
            f"{path}: --vocab and --labels are for files of counts, a corpus folder was built with its "
            "own; build it again to change them"
        )
    return open_corpus(path, verify=verify)


def _numbering(model: TopicModel | None) -> dict[str, Any]:
    """How many columns a model has and how they were numbered, for files that do not say it themselves."""
    if model is None:
        return {}
    return {"vocab_size": model.n_features_in_, "model_first_index": model.first_index_}


def read_documents(
    path: Path,
    model: TopicModel,
    *,
    format: str | None,  # noqa: A002 - the option's name
    text_column: str | None,
    language: str | None,
    encoding: str,
    verify: bool = True,
    texts: list[str] | None = None,
) -> Corpus | Counts:
    """Read documents and count them over the columns of a fitted model.

    Args:
        path: a corpus folder, a file of counts, or texts; texts are read one by one.
        model: fitted.
        format: of a file, where its name does not tell.
        text_column: for tables of texts.
        language: of texts; ``None`` for that of the fit.
        encoding: of text files.
        verify: compare the checksums of a corpus folder.
        texts: takes up the texts, where such are read.

    Raises:
        CorpusError: unreadable.
        InputError: counts of other words, or texts for a model without a vocabulary.
    """
    from topicforge.corpus import Counts, read_counts, read_texts
    from topicforge.corpus.folder import DESCRIPTION

    if (path / DESCRIPTION).is_file():
        corpus = open_corpus(path, verify=verify)
        check_words(model, corpus.vocabulary, path)
        return corpus
    found = find_source([str(path)], format)
    if found.gives == "counts":
        read = read_counts(path, {
            "format": found.reader, **_numbering(model),
        })  # fmt: skip
        check_words(model, read.vocabulary, path)
        if "numbered" in read.description.get("note", ""):
            note(f"{path}: {read.description['note']}")
        return read.counts
    vectorizer = text_reader(model, language, path)
    reading = {"format": found.reader, "encoding": encoding}
    if text_column is not None:
        reading["text_column"] = text_column
    read_one = (text for text, _ in read_texts(path, reading))
    if texts is not None:
        texts.extend(read_one)
    return Counts.from_matrix(vectorizer.transform(read_one if texts is None else texts), str(path))


def read_array(path: Path, what: str) -> NDArray[Any]:
    """Map a .npy file into memory.

    Raises:
        InputError: not one; the message says that it must be ``what``.
    """
    try:
        return map_array(path)
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: must be a .npy file of numbers, {what}: {error}") from error


def texts_of(
    path: Path, corpus: object, text_column: str | None, encoding: str = "utf-8"
) -> list[str]:
    """Return the texts that a corpus was built from.

    Raises:
        CorpusError: unreadable.
        InputError: fewer texts than documents.
    """
    from topicforge.corpus import read_texts

    reading = {"encoding": encoding}
    if text_column is not None:
        reading["text_column"] = text_column
    return of_rows([text for text, _ in read_texts(path, reading)], corpus, path)


def of_rows(values: list[str], corpus: object, path: Path) -> list[str]:
    """Values of the source's rows as those of the corpus's documents, some of which were left out."""
    rows = getattr(corpus, "rows", None)
    if rows is None or len(values) == len(rows):
        return values
    if len(values) <= rows.max(initial=-1):
        raise InputError(
            f"{path}: must have a line for each of the corpus's {len(rows):,} documents, or of the "
            f"{int(rows.max()) + 1:,} or more rows of its source, got {len(values):,}"
        )
    return [values[n] for n in rows]


def features_of(
    path: Path | None, model: TopicModel, texts: list[str], where: str = "transform"
) -> NDArray[Any] | None:
    """Return the features of documents: from a file, or where there are texts by the model's embedder.

    Raises:
        InputError: unreadable.
    """
    if path is not None or model.embedder is None or not texts:
        return read_features(path)
    from topicforge.estimator.inputs import embed

    with working("computing the features of the texts"):
        features: NDArray[Any] = embed(model.embedder, texts, where)
    return features


def read_features(path: Path | None) -> NDArray[Any] | None:
    """Map features of documents into memory, where a file is given.

    Raises:
        InputError: unreadable.
    """
    return None if path is None else read_array(path, "(documents, features)")


def check_words(model: TopicModel, words: tuple[str, ...] | None, path: Path) -> None:
    """Refuse counts whose columns are other words than the model's.

    Raises:
        InputError: they are.
    """
    known = model.vocabulary_
    if known is None or words is None or known == tuple(words):
        return
    if len(words) == len(known):
        column = next(i for i, (a, b) in enumerate(zip(known, words, strict=True)) if a != b)
        how = f"column {column} is {words[column]!r} there and {known[column]!r} in the model"
    else:
        how = f"{len(words):,} words there, {len(known):,} in the model"
    raise InputError(
        f"{path}: its columns must be the model's words, but are others ({how}); count its texts with "
        "topicforge corpus build ... --vocab MODEL/vocabulary.txt"
    )


def text_reader(model: TopicModel, language: str | None, path: Path) -> Any:
    """Return a vectoriser over the model's columns.

    A model that was fitted to texts has its own. One that was fitted to counts tells by its words whether
    case was kept and how long phrases are (``new_york``).

    Raises:
        InputError: the model has no vocabulary.
    """
    from topicforge.corpus import vectorizer

    if model.vectorizer_ is not None and language is None:
        return model.vectorizer_
    words = model.vocabulary_
    if words is None:
        raise InputError(
            f"{path}: holds texts, but the model was fitted to counts without a vocabulary; give it counts"
        )
    language = language or (model.vectorizer if isinstance(model.vectorizer, str) else "en")
    longest = max(word.strip("_").count("_") for word in words) + 1
    lowercase = not any(word != word.lower() for word in words)
    note(
        f"{path}: read as texts, language {language}, "
        f"{'lower case' if lowercase else 'case kept'}, phrases up to {longest} "
        f"word{'s' if longest > 1 else ''}"
    )
    return vectorizer(language, vocabulary=words, ngram_range=(1, longest), lowercase=lowercase)
