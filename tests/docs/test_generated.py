"""What is derived from declarations and schemas is what the files hold."""

import pytest

from streams import stages
from streams.kafka.topics import TOPICS
from tests.generated.files import FILES, ROOT


@pytest.mark.parametrize("name", FILES)
def test_a_derived_file_is_as_the_code_says(name):
    text = (ROOT / name).read_text("utf-8")
    assert FILES[name](text) == text, f"{name} is behind the code: run make generate"


def test_topics_name_the_stages_that_write_them():
    for stage in stages.catalogue():
        for topic in TOPICS:
            writes = stage.name in topic.produced_by.split(", ")
            assert writes == (topic.record in stage.outputs), (stage.name, topic.name)


def test_whoever_checks_a_topic_reads_it():
    sources = {stage.name: stage.sources for stage in stages.catalogue()}
    for topic in TOPICS:
        if topic.checked_by != "sink":
            assert topic.record in sources[topic.checked_by], topic.name
