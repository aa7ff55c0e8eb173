"""A click, from Python.

python docs/examples/produce.py 127.0.0.1:9092 ads.behavior.v1
"""

import sys
import time
import uuid

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.kafka.connection import Connection
from streams.kafka.producer import BlockingProducer, Sent

bootstrap, topic = sys.argv[1:]
click = Behavior(
    event_id=str(uuid.uuid4()),
    user_id="u_abcdefghijklmnopqrstuvwxyz",  # a pseudonym, never a raw id
    kind="click",
    occurred_at=int(time.time() * 1000),
    category="travel",
    consent=True,
)
value = Codec(Behavior, LockedIds()).encode(click)
producer = BlockingProducer(Connection(bootstrap), "click-example")
producer.send(Sent(topic, click.user_id.encode(), value))
producer.close()
