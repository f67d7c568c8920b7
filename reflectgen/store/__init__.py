"""What must last, in SQL."""

from reflectgen.store.store import Store

__all__ = ["Store"]
