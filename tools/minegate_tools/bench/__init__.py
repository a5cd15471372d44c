"""`minegate bench`: what is promised about speed, measured beside what others do, in one run."""
