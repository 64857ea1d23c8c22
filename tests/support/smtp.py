"""A real mail server (aiosmtpd) that writes down every letter, one JSON object in a line.

smtp.py HOST PORT FILE MODE [CERTIFICATE KEY]; MODE is plain, starttls or tls. With TLS, whoever sends has to
log in as `alerts` with `a word`. nobody@… is refused for good; busy@… the first time.
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

host, port, file, mode = sys.argv[1:5]
context = None
if mode != "plain":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[5], sys.argv[6])
seen = set()


class Letters:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        if address.startswith("busy@") and address not in seen:
            seen.add(address)
            return "450 4.2.1 mailbox busy"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        # The session knows of STARTTLS alone.
        tls = server.transport.get_extra_info("sslcontext") is not None
        letter = {"to": envelope.rcpt_tos, "tls": tls, "text": envelope.content.decode()}
        with open(file, "a") as letters:
            letters.write(json.dumps(letter) + "\n")
        return "250 2.0.0 queued"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"alerts", b"a word"))


keys = {"hostname": host, "port": int(port)}
if mode != "plain":
    keys |= {"authenticator": login, "auth_required": True}
if mode == "starttls":
    keys |= {"tls_context": context, "require_starttls": True}
if mode == "tls":
    keys |= {"ssl_context": context, "auth_require_tls": False}
Controller(Letters(), **keys).start()
asyncio.new_event_loop().run_forever()
