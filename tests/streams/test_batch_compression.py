import contextlib
import struct

import pytest
from hypothesis import example, given, strategies as st

from streams.errors import AdloomError
from streams.kafka import compression
from streams.kafka.compression import CODECS, CompressionError, compress, decompress


@given(st.binary(max_size=100_000), st.sampled_from(list(CODECS)))
@example(b"", "gzip")
@example(bytes(1_000_000), "zstd")
@example(bytes(1_000_000), "lz4")
def test_every_codec_gives_back_what_it_was_given(section, codec):
    assert bytes(decompress(CODECS[codec], compress(codec, section))) == section


@given(st.data(), st.binary(min_size=1, max_size=500), st.sampled_from(list(CODECS)))
def test_a_section_that_is_cut_off_is_refused(data, section, codec):
    whole = compress(codec, section)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(CompressionError, match=f"{codec} records of {cut} bytes"):
        decompress(CODECS[codec], whole[:cut])


@given(st.data(), st.binary(max_size=500), st.sampled_from(list(CODECS)))
def test_hostile_bytes_are_refused_or_bounded(data, section, codec):
    hostile = bytearray(compress(codec, section))
    for at in data.draw(st.lists(st.integers(0, len(hostile) - 1), max_size=4)):
        hostile[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CompressionError):
        assert len(decompress(CODECS[codec], bytes(hostile))) <= compression.MAX_BYTES


@pytest.mark.parametrize("codec", list(CODECS))
def test_a_bomb_is_refused(codec, monkeypatch):
    monkeypatch.setattr(compression, "MAX_BYTES", 1 << 20)
    bomb = compress(codec, bytes((1 << 20) + 1))
    with pytest.raises(AdloomError, match="at most 1048576 bytes"):
        decompress(CODECS[codec], bomb)
    largest = compress(codec, bytes(1 << 20))
    assert len(decompress(CODECS[codec], largest)) == 1 << 20


def test_snappy_that_says_it_is_huge_is_refused_before_any_memory_is_taken():
    with pytest.raises(AdloomError, match="it says that it holds 4294967295 bytes"):
        decompress(CODECS["snappy"], b"\xff\xff\xff\xff\x0f" + bytes(20))


@given(st.binary(max_size=200))
def test_snappy_in_the_java_clients_frames_is_read(section):
    block = compress("snappy", section)
    frame = struct.pack(">i", len(block)) + block
    framed = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + frame * 2
    assert bytes(decompress(CODECS["snappy"], framed)) == section * 2
    for torn in (framed[:-1], framed + b"\0", framed + b"\0\0\0\x09"):
        with pytest.raises(AdloomError):
            decompress(CODECS["snappy"], torn)
