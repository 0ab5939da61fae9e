"""A registration is checked at once, and the error names the hook and the call."""

# ruff: noqa: ARG002, ARG005  (stand-ins have the signatures that contracts prescribe)

import functools
import inspect

import pytest

from topicforge.errors import PluginError
from topicforge.plugin import (
    Callback,
    Decoder,
    DiagonalNormal,
    Dirichlet,
    Distribution,
    Divergence,
    Latent,
    Link,
    Prior,
    Rule,
)
from topicforge.registry.kinds import KINDS
from topicforge.registry.register import Register

WORDS = {"summary": "a test", "source": "a test"}


class Sound(Prior):
    latent = Latent(DiagonalNormal)

    def __init__(self, context, *, scale=1.0):
        super().__init__(context)

    def distribution(self):
        raise NotImplementedError


@pytest.fixture
def register():
    return Register("pack", "1.0")


def test_a_sound_registration(register):
    register.prior("mine", Sound, **WORDS)
    (spec,) = register.specs
    assert (spec.kind, spec.qualified_name, spec.version) == ("prior", "pack:mine", "1.0")


@pytest.mark.parametrize(
    "name", ["Mine", "my_prior", "-a", "a-", "a--b", "1a", "", "a b", "a:b", None, 3]
)
def test_names_are_kebab_case(register, name):
    with pytest.raises(PluginError, match=r"register.prior.*kebab-case"):
        register.prior(name, Sound, **WORDS)


@pytest.mark.parametrize("words", [{"summary": " "}, {"source": ""}, {"source": None}])
def test_words_are_needed(register, words):
    with pytest.raises(
        PluginError, match=r"register.prior\('mine'\): \w+ must be a text that is not empty"
    ):
        register.prior("mine", Sound, **{**WORDS, **words})


def loose(context, **options):
    return Sound(context, **options)


def required(context, *, scale):
    return Sound(context, scale=scale)


def positional(context, scale=1.0):
    return Sound(context, scale=scale)


def nothing(*, scale=1.0):
    return Sound(None, scale=scale)


@pytest.mark.parametrize("factory", [loose, required, positional, nothing])
def test_options_are_keyword_only_with_defaults_after_the_context(register, factory):
    with pytest.raises(PluginError, match="the context, then options, each option keyword-only"):
        register.prior("mine", factory, **WORDS)


def test_a_factory_function_and_a_partial_are_fine(register):
    def factory(context, *, scale=1.0):
        return Sound(context, scale=scale)

    for name, made in (("function", factory), ("partial", functools.partial(Sound, scale=2.0))):
        made.describe = lambda **_: Latent(DiagonalNormal)
        register.prior(name, made, **WORDS)
    assert len(register.specs) == 2


@pytest.mark.parametrize("factory", [3, None, "gaussian"])
def test_a_factory_is_callable(register, factory):
    with pytest.raises(PluginError, match="must be callable"):
        register.prior("mine", factory, **WORDS)


def test_a_class_of_another_kind(register):
    with pytest.raises(PluginError, match=r"Sound must be a subclass of topicforge.plugin.Decoder"):
        register.decoder("mine", Sound, **WORDS)


def test_an_unfinished_class_names_what_is_missing(register):
    class Unfinished(Decoder):
        def topic_word(self, theta):
            return theta

    with pytest.raises(PluginError, match="must implement log_likelihood"):
        register.decoder("mine", Unfinished, **WORDS)


@pytest.mark.parametrize(("kind", "base"), [("divergence", Divergence), ("callback", Callback)])
def test_divergences_and_callbacks_take_no_context(register, kind, base):
    class Wrong(base):
        def __init__(self, context, *, weight=1.0):
            pass

        def resolve(self, pair):
            raise NotImplementedError

    class Right(Wrong):
        def __init__(self, *, weight=1.0):
            pass

    with pytest.raises(PluginError, match="must take options alone"):
        getattr(register, kind)("mine", Wrong, **WORDS)
    getattr(register, kind)("mine", Right, **WORDS)
    assert register.specs[0].kind == kind


def test_a_link_needs_no_latent(register):
    class Mine(Link):
        def forward(self, z):
            return z

    register.link("mine", Mine, **WORDS)
    assert register.specs[0].name == "mine"


class NoSpace(Distribution):
    mean = None

    def rsample(self, n=None):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("describe", "says"),
    [
        (None, "set the class attribute `latent`"),
        (lambda: "gaussian", "must be a topicforge.plugin.Latent .*, got 'gaussian'"),
        (lambda: Latent(int), "subclass of topicforge.plugin.Distribution, got <class 'int'>"),
        (lambda: Latent(NoSpace), "NoSpace.*space must be one of"),
        (lambda rank: Latent(DiagonalNormal), "can't be read with default options"),
    ],
)
def test_a_latent_can_be_resolved(register, describe, says):
    class Silent(Prior):
        def distribution(self):
            raise NotImplementedError

    if describe:
        Silent.describe = staticmethod(describe)
    with pytest.raises(PluginError, match=says):
        register.prior("mine", Silent, **WORDS)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"summary": "s"}, "missing a required argument: 'source'; it takes .*summary.*source"),
        ({**WORDS, "sumary": "s"}, "unexpected keyword argument 'sumary'"),
        ({**WORDS, "version": "2"}, "unexpected keyword argument 'version'"),
    ],
)
def test_missing_and_unknown_arguments(register, given, says):
    with pytest.raises(PluginError, match=rf"register.prior\('mine'\): .*{says}"):
        register.prior("mine", Sound, **given)


def test_every_kind_has_a_method_that_documents_its_arguments():
    for kind, entry in KINDS.items():
        assert inspect.signature(getattr(Register, kind)) == entry.signature
        assert getattr(Register, kind).__doc__ == entry.spec.__doc__


def test_twice_in_one_plugin(register):
    register.prior("mine", Sound, **WORDS)
    with pytest.raises(PluginError, match="registered that prior already"):
        register.prior("mine", Sound, **WORDS)


def kl(q, p, samples):
    raise NotImplementedError


RULE = Rule(kl, "closed form", "z", "a test", "a test")
PAIR = {"posterior": DiagonalNormal, "prior": Dirichlet}


@pytest.mark.parametrize(
    ("divergence", "rule", "pair", "says"),
    [
        ("KL", RULE, {}, "kebab-case"),
        ("kl", RULE, {"posterior": int}, "posterior must be a subclass"),
        ("kl", RULE, {"prior": Dirichlet(None)}, "prior must be a subclass"),
        ("kl", kl, {}, "the rule must be a topicforge"),
        ("kl", Rule(3, "bound", "z", "s", "s"), {}, "Rule.compute"),
        ("kl", Rule(kl, "nearly", "z", "s", "s"), {}, "Rule.exactness"),
        ("kl", Rule(kl, "bound", "x", "s", "s"), {}, "Rule.space"),
        ("kl", Rule(kl, "bound", "z", "", "s"), {}, "Rule.source"),
    ],
)
def test_rules_are_complete(register, divergence, rule, pair, says):
    with pytest.raises(PluginError, match=says):
        register.divergence_rule(divergence, rule, **{**PAIR, **pair})


def test_a_rule_knows_its_distribution(register):
    register.divergence_rule("kl", RULE, **PAIR)
    (spec,) = register.specs
    assert (spec.distribution, spec.version) == ("pack", "1.0")


@pytest.mark.parametrize("settings", [None, ["prior"], {1: 2}])
def test_presets_map_names_to_values(register, settings):
    with pytest.raises(PluginError, match="settings must map"):
        register.preset("mine", settings, **WORDS)


def test_a_preset_twice(register):
    register.preset("mine", {"prior": "gaussian"}, **WORDS)
    with pytest.raises(PluginError, match="registered that preset already"):
        register.preset("mine", {}, **WORDS)
