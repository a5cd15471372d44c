"""What the journal is made of; its face is `minegate_agent.link.journal`.

The folder holds segments, `{first sequence, 20 digits}.seg`. A segment is a header of 160 bytes (form.py) and records,
each with length, CRC, sequence and class. Files only grow, and whole files go; nothing is ever changed in place. A
segment that was thinned (thinning.py) is another file, `{first sequence}-{how often}.seg`.
"""
