"""The demo: a simulated heading, the real agent on real bytes, a story, and an account that has to balance."""
