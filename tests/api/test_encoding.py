"""Compressed bodies: read within the body limit, or refused by name."""

from __future__ import annotations

import gzip
import json
import sys
import zlib

import pytest

from mimo.api.encoding import decoded
from mimo.contract.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = json.dumps({"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}).encode()


def bare_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress(BODY),
    "GZIP": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "identity,deflate": bare_deflate(BODY),
    "zstd": zstd.compress(BODY),
    "identity": BODY,
    "gzip, zstd": zstd.compress(gzip.compress(BODY)),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_compressed_body_is_read(server, name):
    answer = server.post(PACKED[name], **{"content-encoding": name})
    assert answer.status_code == 200, answer.text


def test_members_and_frames_that_follow_each_other_are_one_body():
    assert decoded(gzip.compress(b"ab") + gzip.compress(b"cd"), "gzip", 4) == b"abcd"
    assert decoded(zstd.compress(b"ab") + zstd.compress(b"cd"), "zstd", 4) == b"abcd"


@pytest.mark.parametrize("name", ["br", "gzip, compress", "x" * 1000])
def test_an_unknown_encoding_is_a_415_that_names_those_there_are(server, name):
    answer = server.post(BODY, **{"content-encoding": name})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity, gzip, deflate, zstd"
    assert "gzip, deflate, zstd" in answer.json()["error"]["message"]
    with pytest.raises(UnsupportedMediaType):
        decoded(BODY, ",".join(["identity"] * 5), 10**6)


@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)]
)
def test_what_unfolds_beyond_the_limit_is_a_413(serving, name, pack):
    assert decoded(pack(b"x" * 1000), name, 1000) == b"x" * 1000
    with pytest.raises(RequestTooLarge):
        decoded(pack(b"x" * 1001), name, 1000)
    with serving(body_limit=10_000) as small:
        bomb = small.post(pack(b" " * 100_000_000), **{"content-encoding": name})
        assert bomb.status_code == 413
        assert "decompressed" in bomb.json()["error"]["message"] or "at most 10000" in bomb.json()["error"]["message"]


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_a_broken_body_is_a_400_at_any_cut(server, name):
    whole = PACKED[name]
    for cut in range(1, len(whole)):
        with pytest.raises(InvalidRequest, match=name):
            decoded(whole[:cut], name, 10**6)
    answer = server.post(b"not packed at all", **{"content-encoding": name})
    assert answer.status_code == 400
    assert name in answer.json()["error"]["message"]


def test_a_byte_order_mark_is_passed_over(server):
    assert server.post(b"\xef\xbb\xbf" + BODY).status_code == 200
    assert server.post(b"\xef\xbb\xbf").status_code == 400


@pytest.mark.parametrize(
    "double", ['"seed": 1, "seed": 2', '"metadata": {"a": 1, "a": 1}', '"seed": 1, "s\\u0065ed": 2']
)
def test_a_name_that_stands_twice_is_refused_by_name(server, double):
    answer = server.post(BODY[:-1] + b", " + double.encode() + b"}")
    assert answer.status_code == 400
    name = "a" if "metadata" in double else "seed"
    assert f'"{name}" twice' in answer.json()["error"]["message"]


def test_a_token_that_is_biased_twice_is_refused(server):
    answer = server.chat("hi", logit_bias={"01": 5, "1": -5})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "logit_bias"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, zstd.compress])
def test_thousands_of_members_are_refused_at_once(pack):
    """Each is empty and copies the rest: 4 MB of them took minutes."""
    name = {gzip.compress: "gzip", zlib.compress: "deflate"}.get(pack, "zstd")
    with pytest.raises(InvalidRequest, match="at most 100 members"):
        decoded(pack(b"") * 200_000, name, 10**6)
