"""A click, from Python.

python docs/examples/produce.py 127.0.0.1:9092 ads.behavior.v1
"""

import sys
import time
import uuid

from kafka import KafkaProducer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior

bootstrap, topic = sys.argv[1:]
click = Behavior(
    event_id=str(uuid.uuid4()),
    user_id="u_abcdefghijklmnopqrstuvwxyz",  # a pseudonym, never a raw id
    kind="click",
    occurred_at=int(time.time() * 1000),
    category="travel",
    consent=True,
)
producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
value = Codec(Behavior, LockedIds()).encode(click)
producer.send(topic, key=click.user_id.encode(), value=value).get(timeout=10)
producer.close()
