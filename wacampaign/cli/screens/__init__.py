"""What commands show: tables, plans, the monitor."""
