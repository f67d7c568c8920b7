"""One reason to reject per file."""
