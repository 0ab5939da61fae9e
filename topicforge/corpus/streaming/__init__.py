"""Texts -> a corpus folder of shards, piece by piece, in bounded memory; :mod:`.build` is the door."""
