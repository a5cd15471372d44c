"""What stands in the heading and speaks: each model takes bytes and time, and opens nothing."""
