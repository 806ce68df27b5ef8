"""Serve a site in a thread, and ask it."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading

from reinforcesight.data_gen.viewing.server import ServedConfig, make_server


@contextlib.contextmanager
def serving(site):
    server = make_server(site, ServedConfig(port=0))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(port, path, **headers):
    return _ask(port, "GET", path, None, headers)


def post(port, path, values, **headers):
    return _ask(port, "POST", path, json.dumps(values).encode(), {"Content-Type": "application/json", **headers})


def _ask(port, method, path, body, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    answer = reply.read()
    connection.close()
    return reply, answer
