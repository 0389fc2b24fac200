"""The database's protocol: every function of ours with its parameters' types.

One place for both transports. A test compares it with `pg_proc` of a migrated database.
"""

from __future__ import annotations

from typing import Final

#: Function name (without the prefix) → parameter → PostgreSQL type.
FUNCTIONS: Final[dict[str, dict[str, str]]] = {
    # worker
    "register": {"worker_id": "uuid", "host": "text", "pid": "int", "version": "text"},
    "heartbeat": {"worker_id": "uuid", "in_flight": "int"},
    "goodbye": {"worker_id": "uuid"},
    "reap": {"dead": "uuid[]"},
    "claim": {
        "worker_id": "uuid",
        "claim_id": "uuid",
        "limit": "int",
        "ahead_ms": "int",
        "lease_seconds": "int",
        "campaign_ids": "uuid[]",
        "stalled_numbers": "uuid[]",
        "stalled_templates": "text[]",
    },
    "doubts": {"worker_id": "uuid"},
    "begin": {"worker_id": "uuid", "claim_id": "uuid"},
    "release": {"worker_id": "uuid", "ids": "uuid[]", "claim_ids": "uuid[]"},
    "settle": {
        "worker_id": "uuid",
        "ids": "uuid[]",
        "claim_ids": "uuid[]",
        "outcomes": "text[]",
        "wamids": "text[]",
        "codes": "int[]",
        "texts": "text[]",
        "wait_ms": "int[]",
        "max_retries": "int[]",
        "slow": "int[]",
        "hold_scopes": "text[]",
        "hold_after": "int[]",
        "hold_cumulative": "int[]",
        "hold_seconds": "int[]",
        "reasons": "text[]",
    },
    "recover": {
        "worker_id": "uuid",
        "ids": "uuid[]",
        "claim_ids": "uuid[]",
        "outcomes": "text[]",
        "wamids": "text[]",
        "codes": "int[]",
        "texts": "text[]",
    },
    "sending": {"number_ids": "uuid[]"},
    # campaigns
    "find": {"text": "text"},
    "recent": {"limit": "int"},
    "create": {
        "id": "uuid",
        "name": "text",
        "number_id": "uuid",
        "templates": "text[]",
        "total": "int",
        "invalid": "int",
        "actor": "text",
    },
    "enqueue": {
        "campaign_id": "uuid",
        "number_id": "uuid",
        "ids": "uuid[]",
        "phones": "text[]",
        "templates": "text[]",
        "payloads": "text[]",
    },
    "filled": {"campaign_id": "uuid", "actor": "text"},
    "set_status": {"campaign_id": "uuid", "action": "text", "actor": "text", "reason": "text"},
    "complete": {"campaign_id": "uuid", "actor": "text", "in_doubt_minutes": "double precision"},
    "stats": {"campaign_ids": "uuid[]"},
    "events_of": {"campaign_id": "uuid", "limit": "int"},
    "audit": {"campaign_id": "uuid"},
    # failed rows
    "failures": {"campaign_id": "uuid"},
    "failed_rows": {"campaign_id": "uuid", "code": "int", "after": "uuid", "limit": "int"},
    "retry_failed": {
        "campaign_id": "uuid",
        "code": "int",
        "after": "uuid",
        "limit": "int",
        "actor": "text",
    },
    # numbers and templates
    "number_add": {
        "phone_number_id": "text",
        "waba_id": "text",
        "number": "text",
        "display_name": "text",
        "verified_name": "text",
        "quality_rating": "text",
        "access_token": "text",
        "rate": "int",
        "actor": "text",
    },
    "numbers": {},
    "put_templates": {"number_id": "uuid", "templates": "text", "actor": "text"},
    "templates": {"number_id": "uuid"},
    # schema
    "schema_version": {},
}
