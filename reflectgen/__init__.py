"""reflectgen weaves safety reflections into a pretraining corpus (SRP, arXiv 2606.19168)."""

__version__ = "0.1.0"
