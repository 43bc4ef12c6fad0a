#!/usr/bin/env python3
"""What the suite must catch: a server with onespace's two entry points that fetches like many do,
with the standard library's defaults and no policy. Used by `run.py --self-test` only."""

import argparse
import email.parser
import email.policy
import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


# Without the proxies of the environment: all rows would only show that one mistake.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Careless(BaseHTTPRequestHandler):
    """Fetches first, asks never."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(200, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/multipart-uploads"):
            url = f"http://{self.headers['Host']}/part"
            return self.answer(201, {"upload_urls": [{"chunk_index": 1, "url": url}]})
        try:
            for url in self.urls(body):
                with OPENER.open(url, timeout=5) as response:
                    data = response.read(1 << 20)
                if not data.startswith(b"\x89PNG"):
                    raise ValueError(f"not a picture: {data[:200]!r}")
            self.answer(200, {"data": []})
        except Exception as error:
            print(f"{self.path} failed: {error}", flush=True)
            self.answer(400, {"code": "parameter_invalid", "message": str(error)})

    def urls(self, body):
        if self.path.endswith("/assets"):
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
            return [
                part.get_payload(decode=True).decode("utf-8")
                for part in parts.iter_parts()
                if part.get_param("name", header="content-disposition") == "url"
            ]
        request = json.loads(body)
        if request["input_type"] == "image":
            return [request["image"]["media_source"]["url"]]
        return [source["url"] for source in request["multi_input"]["media_sources"]]

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("--listen")
    options, _ = parser.parse_known_args()
    if options.command == "keys":
        print(json.dumps({"key": "careless"}))
        return
    address, port = options.listen.rsplit(":", 1)
    ThreadingHTTPServer.request_queue_size = 256
    ThreadingHTTPServer((address, int(port)), Careless).serve_forever()


if __name__ == "__main__":
    sys.exit(main())
