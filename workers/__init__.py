"""The Celery application and its tasks. `reflectgen run` works without it; the service brings them."""
