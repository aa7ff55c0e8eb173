"""Real data that the package carries; each file's licence is in NOTICE.txt."""
