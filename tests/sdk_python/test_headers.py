"""What every response carries: content type, API version, request id, fingerprint of the vector space."""

import re

from twelvelabs import TextInputRequest

from harness.wire import Client, text_request

FINGERPRINT = re.compile(r"[A-Za-z0-9._:+-]{8,200}")


def answers(server, raw):
    """One answer of each kind: success, list, error, no key."""
    return [
        raw.embed(text_request("x")),
        raw.get("/assets"),
        raw.embed({}),
        raw.get("/no-such-route"),
        Client(server.base_url, None).get("/assets"),
    ]


def test_every_response_carries_the_common_headers(server, raw):
    seen = set()
    for answer in answers(server, raw):
        assert answer.headers["content-type"].split(";")[0] == "application/json", answer
        assert answer.headers["x-api-version"] == "1.3", answer
        assert FINGERPRINT.fullmatch(answer.headers["x-onespace-space"]), answer
        assert answer.headers["x-request-id"], answer
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == len(answers(server, raw)), "request ids differ"


def test_the_space_is_the_same_for_every_model_name(raw):
    spaces = {
        raw.embed(text_request("x", model)).headers["x-onespace-space"] for model in ("marengo3.0", "onespace-mini")
    }
    assert len(spaces) == 1


def test_headers_reach_the_user_of_the_sdk(client):
    answer = client.embed.v_2.with_raw_response.create(
        input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="x")
    )
    assert answer.headers["x-api-version"] == "1.3"
    assert answer.headers["x-onespace-space"]


def test_the_key_may_also_come_as_a_bearer_token(server, raw):
    bearer = Client(server.base_url, None, extra_headers={"authorization": f"Bearer {raw.key}"})
    assert bearer.get("/assets").status == 200
