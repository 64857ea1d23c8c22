"""A login with sessions in memory, well or broken in one way. sessions.py ADDRESS PORT MODE"""

import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ADDRESS, PORT, MODE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PASSWORD = "p&ss w0rd+1"
ATTRIBUTES = {
    "domain": "; Path=/; HttpOnly; Domain=app.internal",
    "path": "; Path=/api/auth/login; HttpOnly",
    "secure": "; Path=/; HttpOnly; Secure",
    "none": "; Path=/; HttpOnly; SameSite=None",
    "expired": "; Path=/; HttpOnly; Max-Age=0",
    "bare": "; Path=/",
}
SESSIONS, TOKENS, FORMS = set(), set(), set()


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def cookies(self):
        return {name: one.value for name, one in SimpleCookie(self.headers.get("Cookie", "")).items()}

    def say(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        path = urlsplit(self.path)
        known = self.cookies().get("sid") in SESSIONS
        if path.path == "/login":
            token = secrets.token_urlsafe(12) + "&="
            FORMS.add(token)
            body = f'<form><input name="csrf" value="{token}"></form>'
            self.say(200, body, ("Set-Cookie", "seen=1; Path=/; HttpOnly"))
        elif path.path == "/api/auth/session":
            self.say(200, '{"valid": %s}' % ("true" if known else "false"))
        elif path.path.startswith("/api/orders/"):
            told = self.headers.get("Authorization", "").removeprefix("Bearer ")
            fits = told in TOKENS and parse_qs(path.query).get("token") == [told]
            self.say(200 if fits else 403, f"order {path.path} for {told}")
        elif path.path == "/enter":
            sid = secrets.token_hex(16)
            SESSIONS.add(sid)
            cookies = [f"sid={sid}" + ATTRIBUTES.get(MODE, "; Path=/; HttpOnly"), "csrf=12345678; Path=/"]
            if MODE == "moved":
                cookies.append("sid=; Path=/old; Max-Age=0")
            self.say(303, "", ("Location", "/me"), *(("Set-Cookie", line) for line in cookies))
        elif path.path == "/me":
            if known:
                self.say(200, "user 7")
            else:
                self.say(401, "who?", ("Set-Cookie", "sid=; Path=/; Max-Age=0"))
        elif path.path == "/account":
            self.say(200, "user 7" if known else "please log in")
        elif path.path == "/home":
            if known:
                self.say(200, "Welcome back")
            else:
                self.say(302, "", ("Location", "/login"))
        else:
            self.say(404, "nothing")

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        if form.get("password") != [PASSWORD] or form.get("csrf", [""])[0] not in FORMS:
            self.say(403, "no")
            return
        sid, token = secrets.token_hex(16), secrets.token_urlsafe(24)
        TOKENS.add(token)
        if MODE != "forgets":
            SESSIONS.add(sid)
        cookies = [("Set-Cookie", f"sid={sid}" + ATTRIBUTES.get(MODE, "; Path=/; HttpOnly"))]
        body = '{"token": "%s", "user": {"id": 7}}' % token
        self.say(200, body, *([] if MODE == "never" else cookies))

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer((ADDRESS, PORT), Answer).serve_forever()
