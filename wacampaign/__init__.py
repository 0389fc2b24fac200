"""Operator's toolkit for WhatsApp template campaigns on Supabase Postgres and Meta's Cloud API."""

__version__ = "0.1.0"
