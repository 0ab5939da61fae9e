"""A registration is checked at once, and the error names the hook and the call."""

# ruff: noqa: ARG002, ARG005  (stand-ins have the signatures that contracts prescribe)

import functools

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
    RuleSpec,
)
from topicforge.registry.hooks import HOOKS
from topicforge.registry.staged import Staged

WORDS = {"summary": "a test", "source": "a test"}


class Sound(Prior):
    latent = Latent(DiagonalNormal)

    def __init__(self, context, *, scale=1.0):
        super().__init__(context)

    def distribution(self):
        raise NotImplementedError


@pytest.fixture
def staged():
    return Staged("pack", "1.0")


def register(staged, kind):
    hook = f"topicforge_register_{kind}s"
    return getattr(HOOKS[hook](staged, hook), kind)


def test_a_sound_registration(staged):
    register(staged, "prior")("mine", Sound, **WORDS)
    (spec,) = staged.components
    assert (spec.kind, spec.qualified_name, spec.version) == ("prior", "pack:mine", "1.0")


@pytest.mark.parametrize(
    "name", ["Mine", "my_prior", "-a", "a-", "a--b", "1a", "", "a b", "a:b", None, 3]
)
def test_names_are_kebab_case(staged, name):
    with pytest.raises(PluginError, match=r"topicforge_register_priors: .*kebab-case"):
        register(staged, "prior")(name, Sound, **WORDS)


@pytest.mark.parametrize("words", [{"summary": " "}, {"source": ""}, {"source": None}])
def test_words_are_needed(staged, words):
    with pytest.raises(PluginError, match=r"register.prior\('mine'\): \w+ must say something"):
        register(staged, "prior")("mine", Sound, **{**WORDS, **words})


def loose(context, **options):
    return Sound(context, **options)


def required(context, *, scale):
    return Sound(context, scale=scale)


def positional(context, scale=1.0):
    return Sound(context, scale=scale)


def nothing(*, scale=1.0):
    return Sound(None, scale=scale)


@pytest.mark.parametrize("factory", [loose, required, positional, nothing])
def test_options_are_keyword_only_with_defaults_after_the_context(staged, factory):
    with pytest.raises(PluginError, match="the context, then options, each option keyword-only"):
        register(staged, "prior")("mine", factory, latent=lambda: Latent(DiagonalNormal), **WORDS)


def test_a_factory_function_and_a_partial_are_fine(staged):
    def factory(context, *, scale=1.0):
        return Sound(context, scale=scale)

    for name, made in (("function", factory), ("partial", functools.partial(Sound, scale=2.0))):
        register(staged, "prior")(name, made, latent=lambda **_: Latent(DiagonalNormal), **WORDS)
    assert len(staged.components) == 2


@pytest.mark.parametrize("factory", [3, None, "gaussian"])
def test_a_factory_is_callable(staged, factory):
    with pytest.raises(PluginError, match="must be callable"):
        register(staged, "prior")("mine", factory, **WORDS)


def test_a_class_of_another_kind(staged):
    with pytest.raises(PluginError, match=r"Sound must be a subclass of topicforge.plugin.Decoder"):
        register(staged, "decoder")("mine", Sound, **WORDS)


def test_an_unfinished_class_names_what_is_missing(staged):
    class Unfinished(Decoder):
        def topic_word(self, theta):
            return theta

    with pytest.raises(PluginError, match="must implement log_likelihood"):
        register(staged, "decoder")("mine", Unfinished, **WORDS)


@pytest.mark.parametrize(("kind", "base"), [("divergence", Divergence), ("callback", Callback)])
def test_divergences_and_callbacks_take_no_context(staged, kind, base):
    class Wrong(base):
        def __init__(self, context, *, weight=1.0):
            pass

        def resolve(self, sides):
            raise NotImplementedError

    class Right(Wrong):
        def __init__(self, *, weight=1.0):
            pass

    with pytest.raises(PluginError, match="must take options alone"):
        register(staged, kind)("mine", Wrong, **WORDS)
    register(staged, kind)("mine", Right, **WORDS)
    assert staged.components[0].kind == kind


def test_a_link_needs_no_latent(staged):
    class Mine(Link):
        def forward(self, z):
            return z

    register(staged, "link")("mine", Mine, **WORDS)
    assert staged.components[0].latent is None


class NoSpace(Distribution):
    mean = None

    def rsample(self, n=None):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("latent", "says"),
    [
        (None, "set the class attribute `latent`"),
        (lambda: "gaussian", "must be a topicforge.plugin.Latent, got 'gaussian'"),
        (lambda: Latent(int), "subclass of topicforge.plugin.Distribution, got <class 'int'>"),
        (lambda: Latent(NoSpace), "NoSpace.space must be one of"),
        (lambda rank: Latent(DiagonalNormal), "can't be read with default options"),
    ],
)
def test_a_latent_can_be_resolved(staged, latent, says):
    class Silent(Prior):
        def distribution(self):
            raise NotImplementedError

    with pytest.raises(PluginError, match=says):
        register(staged, "prior")("mine", Silent, latent=latent, **WORDS)


def test_twice_in_one_plugin(staged):
    register(staged, "prior")("mine", Sound, **WORDS)
    with pytest.raises(PluginError, match="registered that prior already"):
        register(staged, "prior")("mine", Sound, **WORDS)


def kl(q, p, samples):
    raise NotImplementedError


RULE = Rule(kl, "closed form", "z", "a test", "a test")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("kl", "must be given a topicforge.plugin.RuleSpec"),
        (RuleSpec("KL", DiagonalNormal, Dirichlet, RULE), "kebab-case"),
        (RuleSpec("kl", int, Dirichlet, RULE), "RuleSpec.posterior must be a subclass"),
        (
            RuleSpec("kl", DiagonalNormal, Dirichlet(None), RULE),
            "RuleSpec.prior must be a subclass",
        ),
        (RuleSpec("kl", DiagonalNormal, Dirichlet, kl), "RuleSpec.rule must be a topicforge"),
        (
            RuleSpec("kl", DiagonalNormal, Dirichlet, Rule(3, "bound", "z", "s", "s")),
            "Rule.compute",
        ),
        (RuleSpec("kl", DiagonalNormal, Dirichlet, Rule(kl, "nearly", "z", "s", "s")), "exactness"),
        (RuleSpec("kl", DiagonalNormal, Dirichlet, Rule(kl, "bound", "x", "s", "s")), "Rule.space"),
        (RuleSpec("kl", DiagonalNormal, Dirichlet, Rule(kl, "bound", "z", "", "s")), "Rule.source"),
    ],
)
def test_rules_are_complete(staged, spec, says):
    hook = "topicforge_register_divergence_rules"
    with pytest.raises(PluginError, match=says):
        HOOKS[hook](staged, hook).divergence_rule(spec)


def test_a_rule_learns_whose_it_is(staged):
    hook = "topicforge_register_divergence_rules"
    HOOKS[hook](staged, hook).divergence_rule(RuleSpec("kl", DiagonalNormal, Dirichlet, RULE))
    assert (staged.rules[0].distribution, staged.rules[0].version) == ("pack", "1.0")


@pytest.mark.parametrize("settings", [None, ["prior"], {1: 2}])
def test_presets_map_names_to_values(staged, settings):
    hook = "topicforge_register_presets"
    with pytest.raises(PluginError, match="settings must map"):
        HOOKS[hook](staged, hook).preset("mine", settings, **WORDS)


def test_a_preset_twice(staged):
    hook = "topicforge_register_presets"
    verb = HOOKS[hook](staged, hook).preset
    verb("mine", {"prior": "gaussian"}, **WORDS)
    with pytest.raises(PluginError, match="registered that preset already"):
        verb("mine", {}, **WORDS)
