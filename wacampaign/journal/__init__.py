"""A worker's local record of what it began and was answered; survives its process."""
