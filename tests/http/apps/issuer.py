"""An OAuth 2.0 token endpoint, and a service that wants its tokens: client credentials, in few lines.

GET /revoke makes every token given so far worthless; GET /count says how many were given.
"""
import base64
import json
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GIVEN = []
GOOD = set()


class Desk(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, told):
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = dict(urllib.parse.parse_qsl(body))
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        client = base64.b64decode(value).decode() if kind == "Basic" else ""
        if client != "monitor:p%40ss+word":
            said = f"no such client: {client}"
            return self.answer(401, {"error": "invalid_client", "error_description": said})
        if form.get("grant_type") != "client_credentials":
            return self.answer(400, {"error": "unsupported_grant_type"})
        token = f"token-number-{len(GIVEN)}"
        GIVEN.append(token)
        GOOD.add(token)
        self.answer(200, {"access_token": token, "token_type": "bearer", "expires_in": 600})

    def do_GET(self):
        if self.path == "/revoke":
            GOOD.clear()
            return self.answer(200, {})
        if self.path == "/count":
            return self.answer(200, {"given": len(GIVEN)})
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in GOOD:
            return self.answer(401, {"error": "invalid_token"})
        self.answer(200, {"welcome": True, "echo": self.headers.get("Authorization")})


host, port = sys.argv[1].rsplit(":", 1)
ThreadingHTTPServer((host, int(port)), Desk).serve_forever()
