"""What every response carries: content type, API version, request id, fingerprint of the vector space."""

import re
import time

from twelvelabs import TextInputRequest

from harness import pictures
from harness.wire import Client, Part, base64_text, image_request, multi_input_request, text_request

FINGERPRINT = re.compile(r"[A-Za-z0-9._:+-]{8,200}")
POLL_DEADLINE_S = 30.0


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
        assert answer.headers["x-request-id"], answer
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == len(answers(server, raw)), "request ids differ"


def test_every_vector_comes_with_the_fingerprint_of_its_space(raw):
    """Whatever the route and the name of the model: one model, one space, one fingerprint."""
    answers_with_vectors = [
        raw.embed(text_request("x")),
        raw.embed(text_request("x", "onespace-mini")),
        raw.embed(multi_input_request(None, "x", "marengo3.5")),
        raw.send_form("/embed", [Part("model_name", b"marengo3.0"), Part("text", b"x")]),
        finished_task(raw),
    ]
    (space,) = {answer.headers["x-onespace-space"] for answer in answers_with_vectors}
    assert FINGERPRINT.fullmatch(space), space


def finished_task(raw):
    """The answer that holds the vector of an image task."""
    media_source = {"base64_string": base64_text(pictures.drawn("cat.png"))}
    created = raw.send_json("/embed-v2/tasks", image_request(media_source, "marengo3.5"))
    deadline = time.monotonic() + POLL_DEADLINE_S
    while time.monotonic() < deadline:
        answer = raw.get(f"/embed-v2/tasks/{created.json()['_id']}")
        if answer.json()["status"] == "ready":
            return answer
        time.sleep(0.05)
    raise AssertionError(answer)


def test_headers_reach_the_user_of_the_sdk(client):
    answer = client.embed.v_2.with_raw_response.create(
        input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="x")
    )
    assert answer.headers["x-api-version"] == "1.3"
    assert answer.headers["x-onespace-space"]


def test_the_key_may_also_come_as_a_bearer_token(server, raw):
    bearer = Client(server.base_url, None, extra_headers={"authorization": f"Bearer {raw.key}"})
    assert bearer.get("/assets").status == 200
