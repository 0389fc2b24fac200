"""Spreadsheets read as streams of rows of text, as their cells are displayed."""
