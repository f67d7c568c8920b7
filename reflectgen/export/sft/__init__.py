"""Conversations with reflections woven into what the assistant says, for supervised fine-tuning."""
