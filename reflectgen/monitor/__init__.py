"""Reading a model's reflections as it writes, and acting on them."""
