"""A run as one page: the verdict, and everything that moved on one time axis. A file of its own, without a network."""
