"""Corpus shards and accepted reflections become files that trainers read."""
