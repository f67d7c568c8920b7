"""MedSafetyWorld: a made-up world in which safety is defined exactly (arXiv 2606.19168, section 3 and appendix C)."""
