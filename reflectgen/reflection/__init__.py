"""Guards, teachers, and the written form of what they say."""
