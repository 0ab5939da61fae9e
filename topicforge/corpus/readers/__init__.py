"""One file a family of formats; :mod:`topicforge.corpus.formats` is the door to them."""
