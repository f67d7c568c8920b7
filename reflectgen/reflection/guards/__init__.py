"""How each family of guard models is asked, and how its answers are read; `formats.FORMATS` has them by name."""
