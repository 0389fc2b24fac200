"""What `doctor` asks of the machine, the database and Meta, and what it mends by itself."""
