"""The one module that a plugin imports: the contract in ten minutes.

A plugin is a Python module that an entry point of the group ``topicforge`` names::

    [project.entry-points.topicforge]
    my-plugin = "my_package.my_module"

The module states the number of the contract it was written for and has one function, which registers
what it brings::

    import torch
    from topicforge.plugin import DiagonalNormal, Latent, Prior, hookimpl, options

    TOPICFORGE_API = 1

    class WidePrior(Prior):
        latent = Latent(DiagonalNormal, trainable=False)

        def __init__(self, context, *, width=3.0):
            super().__init__(context)
            width = options.positive("prior 'wide'", "width", width)
            self.register_buffer("loc", torch.zeros(context.n_latent))
            self.register_buffer("log_var", torch.full((context.n_latent,), width).log() * 2)

        def distribution(self):
            return DiagonalNormal(self.loc, self.log_var)

    @hookimpl
    def topicforge_register(register):
        register.prior("wide", WidePrior, summary="N(0, width^2 I)", source="this page")

From then on ``TopicModel(prior="wide", prior__width=2.0)`` works like a built-in, in Python and on the
command line. ``register`` has one method per kind, each with the same form:

==================  ==============================================================================
kind                what its class or function does
==================  ==============================================================================
encoder             :class:`Encoder`: documents (:class:`Batch`) -> posterior q(z | x)
link                :class:`Link`: z (B, L) -> log theta (B, K)
prior               :class:`Prior`: the distribution p(z) or p(theta)
divergence          :class:`Divergence`: a :class:`Rule` for a pair of distribution types
decoder             :class:`Decoder`: theta (B, K) -> log p(x | theta) (B,)
regulariser         :class:`Regulariser`: changes the loss, its weights, or which parts are trained
callback            :class:`Callback`: observes epochs and steps, and may stop training
divergence_rule     a :class:`Rule` for a divergence and a pair of types, one's own or others'
preset              settings of TopicModel under a name
metric              a function :class:`MetricInput` -> a number or a :class:`Score`
reader              a function that reads the texts or counts of one file format
corpus              a function that builds a corpus with a name
embedder            a function of texts and an argument: the features (N, F) of N texts
labeler             a function :class:`TopicSummary` -> a label of the topic
==================  ==============================================================================

Five conventions hold everywhere:

- A component is built by ``factory(context, *, option=default, ...)``: :class:`Context` has the sizes V, K
  and L, and options are keyword-only. Divergences, regularisers and callbacks take options alone.
- What the parts are is decided before data is read: ``latent`` declares the type of an encoder's or a
  prior's distribution (:class:`Latent`), and from the two types follows the divergence's rule. A pair
  without a rule is a :class:`MixError`, never a silent approximation.
- Construction only allocates. What depends on documents happens in ``start()``, where
  ``context.start_data`` has documents, word vectors and clusters.
- All state is in parameters and buffers, and all randomness is torch's global generator's: a model can
  then be saved, moved and repeated.
- A value outside its domain raises :class:`OptionError`; :data:`options` has the usual checks, and
  :data:`ops` the operators that never build a (B, V) matrix.

``topicforge plugins new NAME --kind KIND`` writes a package with a complete example of a kind, and
:mod:`topicforge.testing` checks that what a package registers keeps the contract.
"""

from topicforge import ops
from topicforge.contracts import (
    Batch,
    Callback,
    Context,
    Decoder,
    Divergence,
    Encoder,
    EpochReport,
    FitStart,
    Latent,
    Link,
    Pair,
    Prior,
    Progress,
    Regulariser,
    Rule,
    Samples,
    TopicSummary,
    options,
)
from topicforge.contracts.api import hookimpl
from topicforge.corpus.lines import read_lines
from topicforge.corpus.reader import CountTable, Reading
from topicforge.distributed import batch_gather, batch_mean
from topicforge.distributions import (
    DiagonalNormal,
    Dirichlet,
    Distribution,
    LogisticNormal,
    NormalMixture,
    Point,
)
from topicforge.errors import (
    InputError,
    MixError,
    OptionError,
    TopicForgeError,
    TrainingError,
)
from topicforge.evaluation import MetricInput, Score

__all__ = [
    "Batch",
    "Callback",
    "Context",
    "CountTable",
    "Decoder",
    "DiagonalNormal",
    "Dirichlet",
    "Distribution",
    "Divergence",
    "Encoder",
    "EpochReport",
    "FitStart",
    "InputError",
    "Latent",
    "Link",
    "LogisticNormal",
    "MetricInput",
    "MixError",
    "NormalMixture",
    "OptionError",
    "Pair",
    "Point",
    "Prior",
    "Progress",
    "Reading",
    "Regulariser",
    "Rule",
    "Samples",
    "Score",
    "TopicForgeError",
    "TopicSummary",
    "TrainingError",
    "batch_gather",
    "batch_mean",
    "hookimpl",
    "ops",
    "options",
    "read_lines",
]
