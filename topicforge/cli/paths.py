"""Opening what a command was pointed at, and not overwriting what is there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topicforge.errors import InputError, OptionError

if TYPE_CHECKING:
    from topicforge.corpus import Corpus, Counts

CORPUS_MARK, MODEL_MARK = "corpus.json", "model.json"


def check_output(path: Path, mark: str | None, force: bool) -> None:
    """Refuse to replace anything without ``--force``, and anything foreign even with it.

    Args:
        path: where a folder or file will be written.
        mark: the file by which a folder of ours is known; ``None`` for a plain file.
        force: replace what is ours.

    Raises:
        OptionError: something is in the way.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    ours = path.is_file() if mark is None else (path / mark).is_file()
    if not ours:
        raise OptionError(f"--output: {path} holds something else; choose another place")
    if not force:
        raise OptionError(f"--output: {path} exists; pass --force to replace it, or choose another")
    if mark == CORPUS_MARK:
        shutil.rmtree(path)


def open_corpus(path: Path) -> Corpus:
    """Open a corpus folder.

    Raises:
        CorpusError: not one, or damaged.
    """
    from topicforge.corpus import Corpus

    return Corpus.open(path)


def read_documents(path: Path, texts_allowed: bool) -> Corpus | Counts | list[str]:
    """Read documents to transform: a corpus folder, a file of counts, or texts.

    Args:
        path: what the user named.
        texts_allowed: the model was fitted to texts, so it can count words itself.

    Raises:
        CorpusError: unreadable.
        InputError: texts for a model that was fitted to counts.
    """
    from topicforge.corpus import Corpus, Counts, read_counts, read_texts
    from topicforge.corpus.formats import COUNT_FORMATS, format_of

    if (path / CORPUS_MARK).is_file():
        return Corpus.open(path)
    kind = format_of(path)
    if kind in COUNT_FORMATS:
        counts: Any = read_counts(path, kind).counts
        return counts if isinstance(counts, Counts) else Counts.from_matrix(counts, str(path))
    if not texts_allowed:
        raise InputError(
            f"{path}: holds texts, but the model was fitted to counts; build them with its vocabulary: "
            f"topicforge corpus build {path} --vocab MODEL/vocabulary.txt --output CORPUS"
        )
    return [document.text for document in read_texts(path, kind)]
