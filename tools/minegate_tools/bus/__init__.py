"""What looks at one port without the agent: recording it, and finding out who is on it."""
