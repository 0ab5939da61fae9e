"""The README's Python runs as it stands."""

import re
import shutil
from pathlib import Path

from mlflow.tracking import MlflowClient

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(store, tmp_path / "mlflow.db")
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, str(README), "exec"), names)
    assert len(names["model"].history_) == 10
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["first"]
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("topicforge").experiment_id])
    # what other tests left in the store is in other experiments
    assert run.data.metrics["train/loss"] == names["model"].history_[-1].loss
