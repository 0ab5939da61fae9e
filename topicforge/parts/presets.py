"""Named compositions: the papers' settings, and the same models with what keeps them alive.

A ``...-paper`` preset holds the published settings as they are; the preset without the suffix
adds the cure for its collapse. ``notes`` say what was changed and why.
"""

from __future__ import annotations

from typing import Any

MIAO = "Miao, Grefenstette and Blunsom 2017, Discovering Discrete Latent Topics with Neural VI"
NAN = "Nan, Ding, Nallapati and Xiang 2019, Topic Modeling with Wasserstein Autoencoders"
DIENG = "Dieng, Ruiz and Blei 2020, Topic Modeling in Embedding Spaces"
VADE = "Jiang et al. 2017, Variational Deep Embedding; survey section 4"
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
    # as the authors' code draws both sides' vectors: logits near 0, so that all topics start alike
    "decoder__start": "xavier",
    "learning_rate": 5e-5,
    "batch_size": 64,
    "regularisers": (("alternate", {"epochs": 10}),),
    "epochs": 1000,
}

#: what keeps every model alive, and what it is for
# hiding half of a document's words from the encoder makes theta stand for the document's subject and
# not for its exact words: purity 0.52 -> 0.63 on 20 Newsgroups, and no dead topics
# ranking by association keeps frequent words from heading every topic
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
    "decoder__ranking": "probabilities",
    "regularisers": (("theta-noise", {"share": 0.2}),),
    "training__reconstruction_scale": "length",
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    # the authors' for 20 Newsgroups; up to 1,000 for their largest corpora
    "batch_size": 100,
    # ours: theirs name none for it, and topics still part from one another at 100
    "epochs": 250,
}

W_LDA: dict[str, Any] = {
    **W_LDA_PAPER,
    **CURE,
    "batch_size": 200,
    "epochs": 100,
    "encoder__input": "log1p-normalized",
    # without it a normalised input leaves theta near uniform and two topics active
    "encoder__batch_norm": True,
    "encoder__scale": 2.0,
    "decoder__ranking": "weights",
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
    "training__topics_from": "anchors",
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
    # learned weights let a few components take all documents
    "prior__learn": "components",
    # an MLP decoder explains the words without the components: 4 of 50 stay active
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
    "epochs": 200,
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
    "encoder__hidden": (100, 100),
    "encoder__input": "counts",
    "encoder__batch_norm": True,
    "link": "simplex",
    "prior": "dirichlet",
    "prior__concentration": 0.1,
    "divergence": "kl",
    "decoder": "product",
    "decoder__batch_norm": True,
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    "batch_size": 200,
    "regularisers": (("warm-up", {"epochs": 100}),),
    "epochs": 200,
}

D_VAE: dict[str, Any] = {
    **D_VAE_PAPER,
    **CURE,
    "encoder__input": "log1p-normalized",
    "regularisers": (("warm-up", {"epochs": 50}),),
    "epochs": 100,
}

#: the best on every corpus of docs/results.md, and the quickest: the parts are NVDM-GSM's, but training
#: begins at document clusters instead of at random, so that no topic has to be found and none dies
DEFAULT: dict[str, Any] = {
    "encoder": "spectral",
    "link": "softmax",
    "prior": "gaussian",
    "prior__variance": 4.0,
    "divergence": "kl",
    "decoder": "mixture",
    "decoder__start": "clusters",
    "ranking": "association",
    "learning_rate": 5e-3,
    "batch_size": 200,
    "epochs": 20,
}

#: name -> (settings, summary, source)
PRESETS: dict[str, tuple[dict[str, Any], str, str]] = {
    "default": (DEFAULT, "the composition that TopicModel() trains", "docs/results.md"),
    "nvdm-gsm": (NVDM_GSM, "Gaussian softmax, kept from collapsing", MIAO),
    "nvdm-gsm-paper": (NVDM_GSM_PAPER, "as published: raw counts, small steps, slow", MIAO),
    "w-lda": (W_LDA, "Dirichlet prior by MMD, ranked without background", NAN),
    "w-lda-paper": (W_LDA_PAPER, "as published: topics ranked with the bias", NAN),
    "etm": (ETM, "word and topic vectors, kept from collapsing", DIENG),
    "etm-paper": (ETM_PAPER, "as published", DIENG),
    "gmntm": (GMNTM, "Gaussian-mixture prior, normalised input", VADE),
    "gmntm-paper": (GMNTM_PAPER, "as published: raw counts", VADE),
    "prodlda": (PRODLDA, "product of experts, Laplace approximation", SRIVASTAVA),
    "prodlda-paper": (PRODLDA_PAPER, "as published", SRIVASTAVA),
    "d-vae": (D_VAE, "Dirichlet posterior and prior", BURKHARDT),
    "d-vae-paper": (D_VAE_PAPER, "as published", BURKHARDT),
}
