"""Texts -> a corpus folder of shards, piece by piece, in bounded memory; begin at :mod:`.build`."""
