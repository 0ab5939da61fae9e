"""Named compositions: the papers' settings, and the same models with what keeps them alive.

A ``...-paper`` preset has the published settings; the preset without the suffix changes what lets
topics collapse or repeat. The notes of each say how it differs from the paper, and why.
"""

from __future__ import annotations

from typing import Any

from topicforge.contracts import PresetSpec

MIAO = "Miao, Grefenstette and Blunsom 2017, Discovering Discrete Latent Topics with Neural VI"
NAN = "Nan, Ding, Nallapati and Xiang 2019, Topic Modeling with Wasserstein Autoencoders"
DIENG = "Dieng, Ruiz and Blei 2020, Topic Modeling in Embedding Spaces"
VADE = "Jiang et al. 2017, Variational Deep Embedding; Zhang, survey, section 4"
SRIVASTAVA = "Srivastava and Sutton 2017, Autoencoding Variational Inference for Topic Models"
BURKHARDT = "Burkhardt and Kramer 2019, Decoupling Sparsity and Smoothness in the Dirichlet VAE"

NVDM_GSM_PAPER: dict[str, Any] = {
    "encoder": "mlp",
    "encoder__hidden": (500,),
    "encoder__activation": "relu",
    "encoder__input": "counts",
    "link": "linear-softmax",
    "link__bias": False,
    "prior": "gaussian",
    "divergence": "kl",
    "decoder": "mixture",
    "decoder__width": 500,
    "decoder__start": "xavier",
    "learning_rate": 5e-5,
    "batch_size": 64,
    "regularisers": (("alternate", {"epochs": 10}),),
    "epochs": 1000,
}

CURE: dict[str, Any] = {"encoder__word_dropout": 0.5, "ranking": "association"}

NVDM_GSM: dict[str, Any] = {
    **NVDM_GSM_PAPER,
    **CURE,
    "encoder__input": "log1p-normalized",
    "encoder__batch_norm": True,
    "encoder__dropout": 0.3,
    "decoder__width": 200,
    "decoder__start": "random",
    "learning_rate": 5e-3,
    "batch_size": 200,
    "regularisers": (("warm-up", {"epochs": 30}),),
    "epochs": 100,
}

W_LDA_PAPER: dict[str, Any] = {
    "encoder": "mlp-point",
    "encoder__hidden": (100, 100),
    "encoder__activation": "softplus",
    "encoder__input": "counts",
    "link": "softmax",
    "prior": "dirichlet",
    "prior__concentration": 0.1,
    "divergence": "mmd",
    "divergence__kernel": "diffusion",
    "divergence__t": 1.0,
    "decoder": "product",
    "decoder__scores": "probabilities",
    "regularisers": (("theta-noise", {"share": 0.2}),),
    "training__reconstruction_scale": "length",
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    "batch_size": 100,
    "epochs": 250,
}

W_LDA: dict[str, Any] = {
    **W_LDA_PAPER,
    **CURE,
    "batch_size": 200,
    "epochs": 100,
    "encoder__input": "log1p-normalized",
    "encoder__batch_norm": True,
    "encoder__scale": 2.0,
    "decoder__scores": "weights",
    "learning_rate": 5e-3,
}

ETM_PAPER: dict[str, Any] = {
    "encoder": "mlp",
    "encoder__hidden": (800, 800),
    "encoder__activation": "relu",
    "encoder__input": "normalized",
    "encoder__log_var_start": None,
    "link": "softmax",
    "prior": "gaussian",
    "divergence": "kl",
    "decoder": "embedding",
    "decoder__width": 300,
    "learning_rate": 5e-3,
    "optimiser__weight_decay": 1.2e-6,
    "batch_size": 1000,
    "epochs": 150,
}

ETM: dict[str, Any] = {
    **ETM_PAPER,
    **CURE,
    "encoder__hidden": (500,),
    "encoder__input": "log1p-normalized",
    "encoder__batch_norm": True,
    "encoder__dropout": 0.3,
    "encoder__log_var_start": 0.0,
    "batch_size": 200,
    "regularisers": (("warm-up", {"epochs": 30}),),
    "epochs": 100,
}

GMNTM_PAPER: dict[str, Any] = {
    "encoder": "mlp",
    "encoder__hidden": (500, 500, 2000),
    "encoder__activation": "relu",
    "encoder__input": "counts",
    "encoder__log_var_start": None,
    "link": "linear-softmax",
    "prior": "gmm",
    "prior__learn": "all",
    "prior__start": "fit",
    "divergence": "kl",
    "decoder": "mlp",
    "decoder__hidden": (2000, 500, 500),
    "prior__topics": "components",
    "learning_rate": 2e-3,
    "optimiser__eps": 1e-4,
    "training__learning_rate_schedule": "step",
    "training__learning_rate_factor": 0.9,
    "training__learning_rate_every": 10,
    "batch_size": 100,
    "training__pretrain_epochs": 30,
    "epochs": 100,
}

GMNTM: dict[str, Any] = {
    **GMNTM_PAPER,
    **CURE,
    "encoder__hidden": (500,),
    "encoder__input": "log1p-normalized",
    "encoder__batch_norm": True,
    "encoder__log_var_start": 0.0,
    "prior__learn": "components",
    "decoder": "mixture",
    "decoder__width": 200,
    "learning_rate": 5e-3,
    "training__learning_rate_schedule": "constant",
    "optimiser__eps": 1e-8,
    "batch_size": 200,
    "training__pretrain_epochs": 10,
    "regularisers": (("warm-up", {"epochs": 20}),),
    "epochs": 60,
}
del GMNTM["decoder__hidden"]

PRODLDA_PAPER: dict[str, Any] = {
    "encoder": "mlp",
    "encoder__hidden": (100, 100),
    "encoder__activation": "softplus",
    "encoder__dropout": 0.6,
    "encoder__input": "counts",
    "encoder__batch_norm": True,
    "encoder__log_var_start": None,
    "link": "softmax",
    "prior": "dirichlet",
    "prior__concentration": 1.0,
    "divergence": "kl",
    "decoder": "product",
    "decoder__batch_norm": True,
    "decoder__dropout": 0.6,
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    "batch_size": 200,
    "epochs": 100,
}

PRODLDA: dict[str, Any] = {
    **PRODLDA_PAPER,
    **CURE,
    "encoder__dropout": 0.2,
    "decoder__dropout": 0.0,
    "regularisers": (("warm-up", {"epochs": 30}),),
    "epochs": 100,
}

D_VAE_PAPER: dict[str, Any] = {
    "encoder": "mlp-dirichlet",
    "encoder__hidden": (100,),
    "encoder__activation": "relu",
    "encoder__dropout": 0.25,
    "encoder__input": "counts",
    "encoder__batch_norm": True,
    "encoder__floor": 1e-3,
    "link": "simplex",
    "prior": "dirichlet",
    "prior__concentration": 0.01,
    "divergence": "kl",
    "decoder": "product",
    "decoder__batch_norm": True,
    "learning_rate": 1e-3,
    "batch_size": 200,
    "regularisers": (("warm-up", {"epochs": 100}),),
    "epochs": 200,
}

D_VAE: dict[str, Any] = {
    **D_VAE_PAPER,
    **CURE,
    "encoder__hidden": (100, 100),
    "encoder__activation": "softplus",
    "encoder__dropout": 0.0,
    "encoder__input": "log1p-normalized",
    "encoder__floor": 1e-2,
    "prior__concentration": 0.1,
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    "regularisers": (("warm-up", {"epochs": 50}),),
    "epochs": 100,
}

DEFAULT: dict[str, Any] = {
    "encoder": "spectral",
    "link": "softmax",
    "prior": "gaussian",
    "prior__variance": 4.0,
    "divergence": "kl",
    "decoder": "mixture",
    "decoder__start": "clusters",
    "decoder__background": 0.1,
    "decoder__counts": "log",
    "regularisers": ("distinct-topics",),
    "ranking": "decoder",
    "learning_rate": 5e-3,
    "batch_size": 200,
    "epochs": 20,
}

PLAIN: dict[str, Any] = {
    "encoder": "spectral",
    "link": "softmax",
    "prior": "gaussian",
    "divergence": "kl",
    "decoder": "mixture",
}

_CURED = (
    "As the paper's composition, changed where that lets topics die or repeat. Half of a document's "
    "words are hidden from the encoder, so that theta represents the document's subject and not its "
    "exact words (purity 0.52 -> 0.63 on 20 Newsgroups, no dead topics). Words are ranked by "
    "association, so that frequent words do not lead every topic. The encoder reads ln(1 + x), "
    "normalised: raw counts let long documents dominate. "
)
_WARMED = "The divergence's weight rises from 0 over the first epochs, against collapse. "


def _preset(
    name: str, settings: dict[str, Any], summary: str, source: str, notes: str
) -> PresetSpec:
    return PresetSpec(name, settings, summary=summary, source=source, notes=notes.strip())


PRESETS: dict[str, PresetSpec] = {
    preset.name: preset
    for preset in (
        _preset(
            "default", DEFAULT, "the composition that TopicModel() trains",
            f"{MIAO} (parts); Levy and Goldberg 2014 (word vectors of the start); Vorontsov and Potapenko "
            "2015, Ding, Nallapati and Xiang 2018 (what tells topics apart)",
            "No published model. The parts are those of nvdm-gsm with one linear layer as encoder and a "
            "wider prior, but training begins at clusters of documents in the space of the corpus' own "
            "word vectors instead of at random, so that no topic has to be found first and none dies. Words "
            "that occur whatever the topic is go to a background, which helps to predict but is no part of "
            "topic_word_. In the second half of the epochs the decoder trains alone, and topics' words are "
            "told apart (distinct-topics), so the topics that are shown are the model's own p(word | topic) "
            "and no re-ranking. docs/results.md compares it with the others.",
        ),
        _preset(
            "plain", PLAIN, "parts alone: every option and setting at its own default", MIAO,
            "What naming a part starts from where no preset is named: parts that are not named are these, "
            "and nothing of another preset is kept, so that mixes of parts can be compared.",
        ),
        _preset(
            "nvdm-gsm", NVDM_GSM, "Gaussian softmax, kept from collapsing", MIAO,
            f"{_CURED}{_WARMED}Vectors of width 200, drawn at random, and a learning rate of 5e-3 with "
            "batch normalisation of the posterior keep 49 of 50 topics active, where a free topic matrix "
            "at 1e-3 keeps 2. Encoder and decoder train together, for 100 epochs.",
        ),
        _preset(
            "nvdm-gsm-paper", NVDM_GSM_PAPER, "as published: raw counts, small steps, slow", MIAO,
            "Topic and word vectors start as in the authors' NVDM code, logits near 0, so that all topics "
            "begin alike. That code has no Gaussian softmax; a public reimplementation makes 1,000 rounds "
            "of 10 passes for the decoder and 10 for the encoder, here there are 1,000 passes in all; "
            "epochs=20000 makes as many.",
        ),
        _preset(
            "w-lda", W_LDA, "Dirichlet prior by MMD, ranked without background", NAN,
            f"{_CURED}f(x) is normalised over the batch and scaled by 2: without that a normalised input "
            "leaves theta near uniform and two topics active. Words are scored by the decoder's weights, "
            "without the bias, which holds the background frequency. Batches of 200, a learning rate of "
            "5e-3, 100 epochs.",
        ),
        _preset(
            "w-lda-paper", W_LDA_PAPER, "as published: topics ranked with the bias", NAN,
            "Batches of 100 are the authors' for 20 Newsgroups; they use up to 1,000 for their largest "
            "corpora. They state no number of epochs for it; here there are 250, because topics still "
            "separate from one another at 100. Words are scored with the decoder's bias, as published.",
        ),
        _preset(
            "etm", ETM, "word and topic vectors, kept from collapsing", DIENG,
            f"{_CURED}{_WARMED}One layer of 500 with dropout, batch normalisation of the posterior, whose "
            "variance starts at 1; batches of 200, 100 epochs.",
        ),
        _preset(
            "etm-paper", ETM_PAPER, "as published", DIENG,
            "Word vectors start at random and are trained. The authors' code fits skip-gram vectors to the "
            "corpus first and keeps them fixed; a preset holds no file: decoder__vectors=FILE with "
            "decoder__train_vectors=False has them.",
        ),
        _preset(
            "gmntm", GMNTM, "Gaussian-mixture prior, normalised input", VADE,
            f"{_CURED}{_WARMED}The mixture's weights stay uniform: learned, they let a few components take "
            "all documents. The decoder is a mixture of topics: an MLP explains the words without the "
            "components, and 4 of 50 stay active. One layer of 500 whose variance starts at 1, a constant "
            "learning rate of 5e-3, 10 epochs of pretraining and 60 of training.",
        ),
        _preset(
            "gmntm-paper", GMNTM_PAPER, "as published: raw counts", VADE,
            "The likelihood is multinomial, as in topic models; the survey's eq. 17 and VaDE have a "
            "Bernoulli likelihood, decoder__likelihood='bernoulli'. No variance falls below 0.01, where "
            "theirs have no lower bound; prior__variance_floor lowers it.",
        ),
        _preset(
            "prodlda", PRODLDA, "product of experts, Laplace approximation", SRIVASTAVA,
            "As published, but for what lets topics die or repeat: half of a document's words are hidden "
            "from the encoder instead of dropping 0.6 of its units (0.2 here) and of theta's entries (none "
            f"here), and words are ranked by association. {_WARMED}100 epochs.",
        ),
        _preset(
            "prodlda-paper", PRODLDA_PAPER, "as published", SRIVASTAVA,
            "The batch normalisation has a learned bias and no scale, as in the authors' code.",
        ),
        _preset(
            "d-vae", D_VAE, "Dirichlet posterior and prior", BURKHARDT,
            f"{_CURED}Two layers of 100 with softplus and no dropout, concentrations of at least 0.01, a "
            "Dirichlet(0.1) prior, Adam at 2e-3 with beta1 = 0.99. The divergence's weight rises over 50 "
            "epochs, and there are 100.",
        ),
        _preset(
            "d-vae-paper", D_VAE_PAPER, "as published", BURKHARDT,
            "The authors' code stops early; here there are 200 epochs, and training__validation_fraction=0.1 "
            "with training__patience stops early. Its concentrations are the larger of 0.001 and softplus, "
            "here their sum. It blends batch normalisation in over 100 epochs, as it does the divergence's "
            "weight; here it is there from the first.",
        ),
    )
}  # fmt: skip
