"""Files become documents, documents become chunks, both become corpus shards."""
