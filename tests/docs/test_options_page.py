"""docs/options.md is what docs/make_options.py writes now, and leaves no option without a meaning."""

import importlib.util
from pathlib import Path

from topicforge.registry import PluginPolicy, Registry, installed, options_of
from topicforge.training import TrainingOptions

TOOL = Path(__file__).resolve().parents[2] / "docs" / "make_options.py"


def tool():
    spec = importlib.util.spec_from_file_location("make_options", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current():
    made = tool()
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), f"python {TOOL} writes it"


def test_every_option_of_every_built_in_has_a_type_and_a_meaning():
    text = tool().page()
    registry = Registry(installed(), PluginPolicy(allow=frozenset()))
    described = [(spec.name, spec.factory) for kind in ("encoder", "link", "prior", "divergence", "decoder",
                 "regulariser", "callback") for spec in registry.specs(kind)]  # fmt: skip
    described += [(spec.name, spec.function) for spec in registry.specs("metric")]
    options = [(name, one) for name, made in described for one in options_of(made)]
    options += [("training", one) for one in options_of(TrainingOptions)]
    assert len(options) > 70
    for name, one in options:
        assert one.type, (name, one.name)
        assert len(one.meaning) > 7, (name, one.name)
        assert one.meaning.replace("|", "\\|") in text or one.name == "optimiser", (name, one.name)
