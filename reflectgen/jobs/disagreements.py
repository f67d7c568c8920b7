"""Where guard and teacher differ: a sample for people to look at, the same one whoever draws it."""

from __future__ import annotations

import json
from pathlib import Path

from reflectgen.shards import read_document, whole_file
from reflectgen.store import Store, browse, corpus

DISAGREEMENTS = "disagreements.jsonl"
SAMPLE_SIZE = 200


def write_disagreements(store: Store, job_id: int, folder: Path) -> int:
    """Write up to 200 chunks on whose verdict guard and teacher differ, as JSON lines; return how many.

    `reason` says why the teacher's answer was rejected, and is empty where it was not.

    Raises:
        OutputError: the folder cannot be written.
    """
    with store.read() as connection:
        rows = browse.sample_of_differences(connection, job_id, SAMPLE_SIZE)
        files = {shard.number: folder / shard.corpus_file for shard in corpus.shards(connection, job_id)}
    path = folder / DISAGREEMENTS
    if not rows:
        path.unlink(missing_ok=True)
        return 0
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as out:
        for row, standing in rows:
            document = read_document(files[row.shard], row.document)
            said = {
                "id": document.id,
                "chunk": row.chunk,
                "text": document.text[row.start : row.end],
                "guard": {"verdict": row.guard_verdict, "category": row.guard_category, "score": row.guard_score},
                "teacher": {"verdict": row.teacher_verdict, "category": row.teacher_category, "reason": row.reason},
                "stands": {"verdict": standing.verdict, "category": standing.category, "road": standing.road},
                "rationale": row.rationale,
                "reply": row.reply,
            }
            out.write(json.dumps(said) + "\n")
    return len(rows)
