"""Measuring: how good recipes, reflections and the models trained on them are."""
