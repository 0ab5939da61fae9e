"""Run the trials of a search that have no end yet: here, or in parallel processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topicforge.errors import MissingExtraError, OptionError
from topicforge.experiments.search.mixes import draw_settings, start_values
from topicforge.experiments.search.plan import Plan, read_plan
from topicforge.experiments.search.records import Found, Tried
from topicforge.experiments.search.trial import Outcome, Task, run_trial
from topicforge.experiments.search.workers import Workers

if TYPE_CHECKING:
    import optuna

Watcher = Callable[[Tried], None]


def search(
    plan: Plan | str | Path,
    folder: str | Path,
    *,
    trials: int | None = None,
    jobs: int = 1,
    prune: bool = True,
    on_done: Watcher | None = None,
) -> Found:
    """Run what the folder does not know yet; a trial that ended is never run again.

    With one job, on one machine, a search that was interrupted, by ``kill -9`` too, and is called
    again draws the same trials with the same values as one that was not. A trial that was running is
    run again from its first epoch. One that fails, or whose process dies, is kept with the reason,
    and the others go on. Processes of several jobs are started afresh (``spawn``), so a script that
    calls this with them needs ``if __name__ == "__main__":``.

    Args:
        plan: from :func:`~topicforge.experiments.search.read_plan`, or the file's path.
        folder: where the search is kept; new, empty, or of the same search.
        trials: how many in all, instead of the plan's.
        jobs: trials at a time. One runs in this process; several have an equal share of the cores.
        prune: stop a trial whose best value so far is worse than the median of the other trials'
            at the same epoch (Golovin et al. 2017, section 3.2.2).
        on_done: called with each trial as it ends.

    Returns:
        All trials, those of earlier runs too.

    Raises:
        MissingExtraError: without Optuna.
        OptionError: trials or jobs below 1.
        InputError: the folder is of something else, of another search, in use, or damaged.
        TopicForgeError: what reading the plan raises.
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    total = plan.trials if trials is None else trials
    for name, value in (("trials", total), ("jobs", jobs)):
        if type(value) is not int or value < 1:
            raise OptionError(f"search: {name} must be a whole number of at least 1, got {value!r}")
    try:
        import optuna  # noqa: F401 - said once, before the modules that stand on it
    except ImportError as error:
        raise MissingExtraError(
            "search: Optuna is not installed: pip install 'topicforge[search]'"
        ) from error
    from topicforge.experiments.search.journal import open_study

    with open_study(Path(folder), plan, jobs=jobs, prune=prune) as study:
        _start(study, plan)
        runner = _Runner(study, plan, prune, on_done)
        waiting = runner.tasks(total)
        if jobs == 1:
            for trial, task in waiting:
                runner.end(trial, run_trial(task, lambda s, v, t=trial: runner.look(t, s, v)))  # type: ignore[misc]
        else:
            with closing(Workers(jobs)) as workers:
                workers.run(waiting, runner.look, runner.end)
        return runner.found()


def _start(study: optuna.Study, plan: Plan) -> None:
    """The first trial is what holds without a search, as far as the space has it."""
    values = start_values(plan.settings, plan.space)
    if values and not study.get_trials(deepcopy=False):
        study.enqueue_trial(values)


class _Runner:
    """What is asked of Optuna, and told to it, in this process alone."""

    def __init__(
        self, study: optuna.Study, plan: Plan, prune: bool, on_done: Watcher | None
    ) -> None:
        self._study = study
        self._plan = plan
        self._prune = prune
        self._on_done = on_done

    def tasks(self, total: int) -> Iterator[tuple[optuna.trial.Trial, Task]]:
        """Yield trials to run: those that were interrupted, then new ones up to the total.

        Args:
            total: trials in all.
        """
        import optuna

        running = optuna.trial.TrialState.RUNNING
        for known in self._study.get_trials(deepcopy=False, states=(running,)):
            # the journal knows what was drawn for it; what was not is drawn as it would have been
            trial = optuna.trial.Trial(self._study, known._trial_id)
            if "outcome" in known.user_attrs:
                # stopped between the outcome and the end of the trial
                self._close(trial, Outcome(**known.user_attrs["outcome"]))
            else:
                yield from self._task(trial)
        waiting = optuna.trial.TrialState.WAITING
        while True:
            begun = [t for t in self._study.get_trials(deepcopy=False) if t.state != waiting]
            if len(begun) >= total:
                return
            yield from self._task(self._study.ask())

    def _task(self, trial: optuna.trial.Trial) -> Iterator[tuple[optuna.trial.Trial, Task]]:
        from topicforge.experiments.search.journal import distribution

        plan = self._plan

        def draw(name: str, axis: Any) -> Any:
            return axis.value(trial._suggest(name, distribution(axis)))

        try:
            settings = draw_settings(plan.settings, plan.space, draw)
        except OptionError as error:
            self.end(trial, Outcome("impossible", error=str(error)))
            return
        known = self._known(trial)
        if known is not None:
            self._repeat(trial, known)
            return
        yield (
            trial,
            Task(settings, plan.corpora, plan.objective, plan.seed, plan.held_out),
        )

    def _known(self, trial: optuna.trial.Trial) -> optuna.trial.FrozenTrial | None:
        """The first trial that drew the same and ended; a run with the same seed ends the same."""
        repeatable = ("done", "pruned") if self._prune else ("done",)
        return next(
            (
                ended
                for ended in self._study.get_trials(deepcopy=False)
                if ended.state.is_finished()
                and ended.params == trial.params
                and ended.user_attrs.get("outcome", {}).get("status") in repeatable
            ),
            None,
        )

    def _repeat(self, trial: optuna.trial.Trial, known: optuna.trial.FrozenTrial) -> None:
        outcome = Outcome(**known.user_attrs["outcome"])
        reported = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        for step, value in known.intermediate_values.items():
            if step not in reported:
                trial.report(value, step)
        self.end(trial, replace(outcome, epochs=0, seconds=0.0, same_as=known.number))

    def look(self, trial: optuna.trial.Trial, step: int, value: float) -> bool:
        """Write the measure of an epoch down; returns whether the trial is to stop."""
        known = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        if known and step < max(known):
            # it was interrupted later than here, and had gone on
            return False
        if step not in known:
            trial.report(value, step)
        return self._prune and trial.should_prune()

    def end(self, trial: optuna.trial.Trial, outcome: Outcome) -> None:
        """Write the end of a trial down."""
        trial.set_user_attr("outcome", asdict(outcome))
        self._close(trial, outcome)

    def _close(self, trial: optuna.trial.Trial, outcome: Outcome) -> None:
        import optuna

        if outcome.status == "done":
            self._study.tell(trial, outcome.value)
        elif outcome.status == "failed":
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            # one that is impossible is worse than any other to the sampler, which then keeps away
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        if self._on_done is not None:
            known = self._study.get_trials(deepcopy=False)[trial.number]
            self._on_done(_tried(known, self._plan))

    def found(self) -> Found:
        """Return all trials."""
        import optuna

        waiting = optuna.trial.TrialState.WAITING
        known = [t for t in self._study.get_trials(deepcopy=False) if t.state != waiting]
        objective = self._plan.objective
        return Found(
            objective.name,
            objective.higher_is_better,
            tuple(_tried(trial, self._plan) for trial in known),
            _importance(self._study),
        )


def _tried(trial: optuna.trial.FrozenTrial, plan: Plan) -> Tried:
    from optuna.trial import TrialState

    drawn = {name: plan.space[name].value(label) for name, label in trial.params.items()}
    outcome: dict[str, Any] = trial.user_attrs.get("outcome", {})
    if not trial.state.is_finished():
        return Tried(trial.number, "running", None, drawn, {})
    try:
        settings = draw_settings(plan.settings, plan.space, lambda name, _: drawn[name])
    except (OptionError, KeyError):
        settings = {}
    status = {TrialState.COMPLETE: "done", TrialState.FAIL: "failed"}.get(trial.state)
    if status is None:
        status = "impossible" if outcome.get("status") == "impossible" else "pruned"
    return Tried(
        trial.number,
        status,  # type: ignore[arg-type]
        trial.value,
        drawn,
        settings,
        int(outcome.get("epochs", 0)),
        int(outcome.get("planned", 0)),
        float(outcome.get("seconds", 0.0)),
        outcome.get("error"),
        outcome.get("same_as"),
    )


def _importance(study: optuna.Study) -> dict[str, float]:
    import optuna

    ended = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    if len(ended) < 4 or len({t.value for t in ended}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    except (ValueError, RuntimeError):
        # no setting that all trials have, or none that varies
        return {}
