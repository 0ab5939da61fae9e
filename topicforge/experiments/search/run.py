"""Run the trials of a search that have not ended yet: here, or in parallel processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topicforge.errors import MissingExtraError, OptionError
from topicforge.experiments.pool import Died, Pool
from topicforge.experiments.search.compositions import draw_settings, start_values
from topicforge.experiments.search.plan import SearchPlan, read_plan
from topicforge.experiments.search.records import Found, Tried
from topicforge.experiments.search.trial import OUTCOME, Outcome, TrialTask, run_trial
from topicforge.storage import writing_to

if TYPE_CHECKING:
    import optuna


def search(
    plan: SearchPlan | str | Path,
    folder: str | Path,
    *,
    trials: int | None = None,
    jobs: int = 1,
    prune: bool = True,
    on_done: Callable[[Tried], None] | None = None,
) -> Found:
    """Run what the folder does not know yet; a trial that ended is never run again.

    After an interruption, by ``kill -9`` too, a second call goes on with the trials that are done; one
    that was running is run again from its first epoch, with the values that were drawn for it. A trial
    that fails, or whose process dies, is kept with the reason, and the others go on.

    Args:
        plan: from :func:`~topicforge.experiments.search.read_plan`, or the file's path.
        folder: where the search is kept; new, empty, or of the same search.
        trials: how many in all, instead of the plan's.
        jobs: trials at a time. One runs in this process; several have an equal share of the cores, see
            :class:`~topicforge.experiments.pool.Pool`.
        prune: stop a trial whose best value so far is worse than the median of the other trials'
            at the same epoch (Golovin et al. 2017, section 3.2.2).
        on_done: called with each trial as it ends.

    Returns:
        All trials, those of earlier runs too.

    Raises:
        MissingExtraError: without Optuna.
        OptionError: trials or jobs below 1.
        StorageError: the folder is in use, damaged, of another search, or there is no room.
        TopicForgeError: what reading the plan raises.
    """
    plan = plan if isinstance(plan, SearchPlan) else read_plan(plan)
    total = plan.trials if trials is None else trials
    for name, value in (("trials", total), ("jobs", jobs)):
        if type(value) is not int or value < 1:
            raise OptionError(f"search: {name} must be a whole number of at least 1, got {value!r}")
    try:
        import optuna  # noqa: F401 - reported once, before the module that stands on it
    except ImportError as error:
        raise MissingExtraError(
            "search: Optuna is not installed: pip install 'topicforge[search]'"
        ) from error
    from topicforge.experiments.search.study import open_study

    with open_study(Path(folder), plan, jobs=jobs, prune=prune) as study:
        runner = _Runner(study, plan, Path(folder), prune, on_done)
        tasks = runner.tasks(total)
        if jobs == 1:
            for trial, task in tasks:
                runner.end(trial, run_trial(task, lambda s, v, t=trial: runner.look(t, s, v)))  # type: ignore[misc]
        else:
            with Pool(run_trial, jobs) as pool:
                pool.run(tasks, runner.end, runner.look)
        return runner.found()


class _Runner:
    """What is drawn from Optuna and reported to it, in this process alone."""

    def __init__(
        self,
        study: optuna.Study,
        plan: SearchPlan,
        folder: Path,
        prune: bool,
        on_done: Callable[[Tried], None] | None,
    ) -> None:
        self._study = study
        self._plan = plan
        self._folder = folder
        self._prune = prune
        self._on_done = on_done

    def tasks(self, total: int) -> Iterator[tuple[optuna.trial.Trial, TrialTask]]:
        """Yield trials to run: those that were interrupted, then new ones up to the total.

        Args:
            total: trials in all.
        """
        self._begin()
        while len(self._known()) < total:
            with writing_to(self._folder):
                trial = self._study.ask()
                task = self._task(trial)
            if task is not None:
                yield trial, task

    def _begin(self) -> None:
        """Close what an earlier run left open, and queue it again with the values it had."""
        from optuna.trial import TrialState

        with writing_to(self._folder):
            trials = self._study.get_trials()
            if not trials and (values := start_values(self._plan.settings, self._plan.space)):
                self._study.enqueue_trial(values)  # what holds without a search, tried first
            for trial in trials:
                if trial.state != TrialState.RUNNING:
                    continue
                outcome = trial.user_attrs.get(OUTCOME)
                if outcome is not None:  # stopped between the outcome and the end of the trial
                    self._tell(trial.number, Outcome(**outcome))
                else:
                    self._study.tell(trial.number, state=TrialState.FAIL)
                    self._study.enqueue_trial(trial.params)

    def _known(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that run or have ended; one that was interrupted is followed by its repetition."""
        from optuna.trial import TrialState

        return [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state == TrialState.RUNNING or OUTCOME in trial.user_attrs
        ]

    def _task(self, trial: optuna.trial.Trial) -> TrialTask | None:
        """Draw the settings; ``None`` where the trial has ended without a run."""
        from topicforge.experiments.search.study import suggest

        plan = self._plan
        try:
            settings = draw_settings(
                plan.settings, plan.space, lambda name, axis: suggest(trial, name, axis)
            )
        except OptionError as error:
            self.end(trial, Outcome("impossible", error=str(error)))
            return None
        # a run with the same seed ends the same
        repeatable = ("done", "pruned") if self._prune else ("done",)
        for known in self._known():
            outcome = known.user_attrs.get(OUTCOME, {})
            if known.params == trial.params and outcome.get("status") in repeatable:
                same = replace(Outcome(**outcome), epochs=0, seconds=0.0)
                self.end(trial, replace(same, same_as=known.number))
                return None
        return TrialTask(settings, plan.corpora, plan.objective, plan.seed, plan.held_out)

    def look(self, trial: optuna.trial.Trial, step: int, value: float) -> bool:
        """Write the measure of an epoch down; returns whether the trial is to stop."""
        with writing_to(self._folder):
            trial.report(value, step)
            return self._prune and trial.should_prune()

    def end(self, trial: optuna.trial.Trial, outcome: Outcome | Died) -> None:
        """Write the end of a trial down."""
        if isinstance(outcome, Died):
            outcome = Outcome("failed", error=outcome.error)
        with writing_to(self._folder):
            trial.set_user_attr(OUTCOME, asdict(outcome))
            self._tell(trial.number, outcome)
        if self._on_done is not None:
            known = self._study.get_trials(deepcopy=False)[trial.number]
            self._on_done(_tried(known, self._plan))

    def _tell(self, number: int, outcome: Outcome) -> None:
        from optuna.trial import TrialState

        if outcome.status == "done":
            self._study.tell(number, outcome.value)
        else:
            # the sampler keeps away from pruned trials, and knows nothing of failed ones
            failed = outcome.status == "failed"
            self._study.tell(number, state=TrialState.FAIL if failed else TrialState.PRUNED)

    def found(self) -> Found:
        """Return all trials."""
        objective = self._plan.objective
        return Found(
            objective.name,
            objective.higher_is_better,
            tuple(_tried(trial, self._plan) for trial in self._known()),
            _importance(self._study),
        )


def _tried(trial: optuna.trial.FrozenTrial, plan: SearchPlan) -> Tried:
    drawn = {name: plan.space[name].value(label) for name, label in trial.params.items()}
    outcome: dict[str, Any] = trial.user_attrs.get(OUTCOME, {"status": "running"})
    try:
        settings = draw_settings(plan.settings, plan.space, lambda name, _: drawn[name])
    except (OptionError, KeyError):
        settings = {}
    return Tried(trial.number, drawn=drawn, settings=settings, **outcome)


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
