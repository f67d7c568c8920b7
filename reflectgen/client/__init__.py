"""A small client of the service, for Python: the API's objects as typed values, its problems as one error.

with Client("http://localhost:8080", "rg_...") as client:
    corpus = client.upload(Path("essays.jsonl.zst"))
    job = client.submit(corpus.id, recipe="builtin")
    for event in client.events(job.id):
        print(event.kind)
    client.download(job.id, client.exports(job.id)[0], Path("essays-reflected"))
"""

from reflectgen.client.client import Client
from reflectgen.client.connection import APIError
from reflectgen.client.values import Corpus, Event, Export, Job, StandingReflection, Training

__all__ = ["APIError", "Client", "Corpus", "Event", "Export", "Job", "StandingReflection", "Training"]
