"""Run the cells of a study that have no result yet, in parallel processes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from topicforge.errors import OptionError, TopicForgeError
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.store import Record, Store
from topicforge.experiments.pool import Died, Pool, Report, cores


def run(
    cells: Iterable[Cell],
    store: Store,
    *,
    jobs: int | None = None,
    retry_failed: bool = False,
    on_done: Callable[[Cell, Record], None] | None = None,
) -> None:
    """Run what is not in the store; a finished cell is never run again.

    A cell that fails, or whose process dies, is kept as failed with the reason, and the others go on.
    An interruption loses the cells that are running and nothing else.

    Args:
        cells: of the plan.
        store: where results are kept.
        jobs: processes at a time; ``None`` for one per core. See :class:`~topicforge.experiments.pool.Pool`.
        retry_failed: run cells that failed once more.
        on_done: called with each cell as it ends.

    Raises:
        OptionError: jobs below 1.
        StorageError: another process runs the study, or there is no room.
    """
    if jobs is not None and jobs < 1:
        raise OptionError(f"compare: jobs must be at least 1, got {jobs}")

    def end(cell: Cell, found: Record | Died) -> None:
        if isinstance(found, Died):
            found = {**_head(cell), "status": "failed", "error": found.error}
        store.write(cell, found)
        if on_done is not None:
            on_done(cell, found)

    with store.held():
        left = [cell for cell in cells if not store.is_done(cell, retry_failed=retry_failed)]
        with Pool(run_cell, min(jobs or cores(), max(1, len(left)))) as pool:
            pool.run(((cell, cell) for cell in left), end)


def run_cell(cell: Cell, _: Report | None = None) -> Record:
    """Run one cell here and now; what goes wrong is in the record."""
    from topicforge.experiments.compare.chance import CHANCE, draw
    from topicforge.experiments.compare.peers import read_peer
    from topicforge.experiments.compare.train import train

    record = _head(cell)
    try:
        by_chance = not cell.files and cell.contestant == CHANCE
        found = read_peer(cell) if cell.files else (draw if by_chance else train)(cell)
    except TopicForgeError as error:
        return {**record, "status": "failed", "error": str(error)}
    except Exception:
        return {**record, "status": "failed", "error": traceback.format_exc()}
    return {**record, "status": "done", "error": None, **found}


def _head(cell: Cell) -> Record:
    return {
        "corpus": cell.corpus,
        "contestant": cell.contestant,
        "n_topics": cell.n_topics,
        "seed": cell.seed,
        "peer": bool(cell.files),
    }
