"""One file per family of formats; :mod:`topicforge.corpus.formats` lists them."""
