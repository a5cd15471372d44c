"""The agent: the field process reads the buses, the link process keeps and delivers (agent/README.md)."""
