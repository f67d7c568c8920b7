"""Plan a job, run it shard by shard, carry it to its end."""
