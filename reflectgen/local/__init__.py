"""The service on one machine without containers: its parts as processes, watched, ended in order."""
