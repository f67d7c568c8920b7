"""Pretraining: token shards to packed sequences to a checkpoint that Hugging Face, vLLM and lm-evaluation-harness load.

`options`, `data`, `order`, `packing` and `batch` need NumPy alone; the rest needs the extra `train` (torch).
"""
