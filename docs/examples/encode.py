"""JSON on standard input -> a framed message on standard output, for kcat and files.

echo '{"event_id": ...}' | python docs/examples/encode.py Behavior > click.avro
"""

import json
import sys

from schemas import records
from schemas.avro import Codec
from schemas.lock import LockedIds

record = getattr(records, sys.argv[1])
message = Codec(record, LockedIds()).encode(record(**json.load(sys.stdin)))
sys.stdout.buffer.write(message)
