"""The queue processor and its rules. Nothing here knows Typer, Rich, httpx, supabase or psycopg."""
