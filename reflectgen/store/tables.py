"""The tables. Documents and chunk texts are never in here: they stay in corpus shards, and these rows point at them.

A reflection's row is one answer and the decision on it. Rows are only ever added; a chunk's current reflection is its
accepted row of the highest revision.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from reflectgen.store.text import StoredText as Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Of tables that grow with a corpus. On PostgreSQL these have no foreign keys either; `partitions` says why.
BY_JOB = "LIST (job_id)"

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("ingested", Boolean, nullable=False),  # every source was read to its end
    Column("inputs", Text, nullable=False),  # JSON list, as the user gave them
    Column("recipe", Text, nullable=False),  # JSON
    Column("recipe_sha256", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("created_at", Float, nullable=False),  # seconds since 1970, UTC
    Column("finished_at", Float),
    Column("public_id", Text),  # the job's name in the service; null: a job of one machine's folder
    Column("key_id", Text),  # the API key that submitted it
    Column("request", Text),  # JSON, what was submitted: sections of the recipe, settings, limits, corpus, metadata
    Column("hold", Text, nullable=False, server_default=""),  # why nobody works on it: paused, cancelled or failed
    Column("error", Text, nullable=False, server_default=""),  # what led to the hold, in one line
    CheckConstraint("state IN ('running', 'finished')", name="state"),
)
Index(None, job.c.public_id, unique=True)

source = Table(
    "source",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("size_bytes", BigInteger),
    Column("stamp", Text, nullable=False),  # changes when the file does
    Column("num_rows", Integer, nullable=False),  # read so far, bad ones included
    Column("finished", Boolean, nullable=False),
)

shard = Table(
    "shard",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("corpus_file", Text, nullable=False),
    Column("corpus_sha256", Text, nullable=False),
    Column("chunks_file", Text, nullable=False),
    Column("chunks_sha256", Text, nullable=False),
    Column("splitter", Text, nullable=False),  # name and version
    Column("num_documents", Integer, nullable=False),
    Column("num_chunks", Integer, nullable=False),
    Column("num_bytes", BigInteger, nullable=False),  # UTF-8 bytes of the documents' text
    Column("archive_file", Text, nullable=False, server_default=""),  # where its reflections are; empty: in here
    Column("archive_sha256", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('ready', 'reflected')", name="state"),
)

# Where a document lies, by a 16-byte digest of its id; the key is what finds a second document with the same id.
document = Table(
    "document",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    ForeignKeyConstraint(["job_id", "shard"], ["shard.job_id", "shard.number"]),
    sqlite_with_rowid=False,
    postgresql_partition_by=BY_JOB,
)

rejected_row = Table(
    "rejected_row",
    metadata,
    Column("job_id", Integer, primary_key=True),
    Column("source", Integer, primary_key=True),
    Column("row", Integer, primary_key=True),  # ordinal within the source, from 0
    Column("line", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    ForeignKeyConstraint(["job_id", "source"], ["source.job_id", "source.number"]),
    sqlite_with_rowid=False,
)

provenance = Table(
    "provenance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False),  # what exports name it by; leaves endpoint and code version out
    Column("record", Text, nullable=False, unique=True),  # JSON
)

# What was asked of each endpoint, all runs together, repeated and rejected questions included: what has to be paid.
usage = Table(
    "usage",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("endpoint", Text, primary_key=True),
    Column("num_calls", BigInteger, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),  # during which the endpoint was at the job's service
    Column("noted_at", Float, nullable=False, server_default="0"),  # when a worker of several noted it last
    sqlite_with_rowid=False,
)

# Times that a part of a job was asked for once more, with the recipe that held until then.
regeneration = Table(
    "regeneration",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("conditions", Text, nullable=False),  # JSON object
    Column("recipe", Text, nullable=False),  # JSON, the one that was replaced
    Column("num_chunks", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# The ledger of the service: one row is one piece of a job that a worker claims, works on under a lease, and ends once.
task = Table(
    "task",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("job.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("number", Integer, nullable=False),  # of the shard, export, archive or training; 0 where a job has one
    Column("state", Text, nullable=False),
    Column("token", Integer, nullable=False),  # grows with every claim; who holds an older one may write no more
    Column("owner", Text, nullable=False),  # host and process of the newest claim
    Column("lease_expires_at", Float, nullable=False),  # by the database's clock, as are the other times
    Column("not_before", Float, nullable=False),
    Column("dispatched_at", Float, nullable=False),  # when its doorbell was rung last; 0: not since it became ready
    Column("num_attempts", Integer, nullable=False),  # claims since anything of it was last committed
    Column("error", Text, nullable=False),  # what ended the last attempt
    Column("created_at", Float, nullable=False),
    Column("ended_at", Float),
    UniqueConstraint("job_id", "kind", "number"),
    CheckConstraint("kind IN ('plan', 'reflect', 'review', 'export', 'archive', 'train')", name="kind"),
    CheckConstraint("state IN ('ready', 'leased', 'done', 'quarantined')", name="state"),
)
# What is left to do stays quick to find however much was done.
_not_done = task.c.state != "done"
Index(None, task.c.job_id, task.c.kind, task.c.number, sqlite_where=_not_done, postgresql_where=_not_done)

# What happened to a job, in order, for those who follow it.
event = Table(
    "event",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1, without gaps
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON object
    Column("created_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

# A corpus that was uploaded, or named under an allowed root.
corpus = Table(
    "corpus",
    metadata,
    Column("public_id", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("num_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),  # of an upload; empty where it lies at its owner's place
    Column("created_at", Float, nullable=False),
)

# An export that was asked for; its task of the same number makes it.
export = Table(
    "export",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),
    Column("options", Text, nullable=False),  # JSON: formats and form
    Column("folder", Text, nullable=False),  # within the job's; empty until it is whole
    Column("manifest_sha256", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    sqlite_with_rowid=False,
)

# A training that was asked for; its task of the same number does it.
training = Table(
    "training",
    metadata,
    Column("job_id", ForeignKey("job.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("public_id", Text, nullable=False, unique=True),
    Column("wanted", Text, nullable=False),  # JSON: name, arm, tokenizer, options, as they were when it was asked for
    Column("step", Integer, nullable=False),  # that was logged last
    Column("num_steps", Integer, nullable=False),  # 0: not known yet
    Column("loss", Float),
    Column("folder", Text, nullable=False),  # within the job's; empty until it is whole
    Column("manifest_sha256", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    sqlite_with_rowid=False,
)

# What a person said of a reflection. A rejection is also a revision of the reflection, which exports honour.
review = Table(
    "review",
    metadata,
    *(Column(name, Integer, primary_key=True) for name in ("job_id", "shard", "document", "chunk", "revision")),
    Column("number", Integer, primary_key=True),  # several may look at one revision
    Column("is_accepted", Boolean, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    ForeignKeyConstraint(["job_id", "shard"], ["shard.job_id", "shard.number"]),
    sqlite_with_rowid=False,
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),  # the public part
    Column("name", Text, nullable=False),
    Column("secret_sha256", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON list
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

# The answer to a request that carried an Idempotency-Key, so that a repeated one gets the same.
idempotency = Table(
    "idempotency",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),  # SHA-256 of the canonical body
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("created_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

_CHUNK = ("job_id", "shard", "document", "chunk")  # document: row within its shard; chunk: index within the document

# Labels of guards behind an endpoint: each cost a call, so it is kept before the teacher is asked.
label = Table(
    "label",
    metadata,
    *(Column(name, Integer, primary_key=True) for name in _CHUNK),
    Column("verdict", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("native", Text, nullable=False),
    ForeignKeyConstraint(["job_id", "shard"], ["shard.job_id", "shard.number"]),
    sqlite_with_rowid=False,
    postgresql_partition_by=BY_JOB,
)

reflection = Table(
    "reflection",
    metadata,
    *(Column(name, Integer, primary_key=True) for name in _CHUNK),
    Column("revision", Integer, primary_key=True),
    Column("start", Integer, nullable=False),  # code points
    Column("end", Integer, nullable=False),
    Column("guard_verdict", Text, nullable=False),
    Column("guard_category", Text, nullable=False),
    Column("guard_score", Float, nullable=False),
    Column("guard_native", Text, nullable=False),
    Column("guard_provenance_id", ForeignKey("provenance.id", name="fk_reflection_guard_provenance"), nullable=False),
    Column("reason", Text, nullable=False),  # why it was rejected; empty: accepted
    Column("detail", Text, nullable=False),
    Column("teacher_verdict", Text),  # what the reply says; null: nobody was asked, or it could not be read
    Column("teacher_category", Text),
    Column("verdict", Text),  # what stands; null: nothing does
    Column("category", Text),
    Column("rationale", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("road", Text, nullable=False),
    Column("chunk_key", LargeBinary, nullable=False),  # 16-byte digest of the chunk's text
    Column("rationale_key", LargeBinary),  # 16-byte digest of the teacher's normalised rationale
    Column("reply", Text, nullable=False),  # the raw reply, kept where it was rejected or overruled
    Column("request_key", LargeBinary),  # 16-byte digest of the question, where it cost a call
    Column("reused_from", Text, nullable=False),  # shard/document/chunk/revision that the same question was asked for
    Column("seed", BigInteger, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("provenance_id", ForeignKey("provenance.id"), nullable=False),
    Column("created_at", Float, nullable=False),
    ForeignKeyConstraint(["job_id", "shard"], ["shard.job_id", "shard.number"]),
    sqlite_with_rowid=False,
    postgresql_partition_by=BY_JOB,
)
for _key in (reflection.c.rationale_key, reflection.c.request_key):
    Index(None, reflection.c.job_id, _key, sqlite_where=_key.is_not(None), postgresql_where=_key.is_not(None))
