"""Ablation arms: the same documents and reflections written another way, so that only the treatment differs."""
