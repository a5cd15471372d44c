"""A gateway in virtual time: the real field, interlock and link, and everything around them that can fail."""
