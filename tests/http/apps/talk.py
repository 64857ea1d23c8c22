"""A WebSocket server that does what its paths say. talk.py ADDRESS PORT NAME"""

import asyncio
import http
import sys
import time

import websockets

address, port, name = sys.argv[1:]


async def talk(socket, _path=None):
    if socket.path == "/closes":
        await socket.close(1011, "no database")
        return
    if socket.path == "/cuts":
        socket.transport.abort()
        return
    if socket.path == "/silent":
        await asyncio.sleep(3600)
    if socket.path == "/stuck":
        time.sleep(3600)
    await socket.send("this is " + name)
    async for message in socket:
        await socket.send("heard " + message)


def before(path, headers):
    if path == "/forbidden" or headers.get("Origin") == "https://evil.example":
        return http.HTTPStatus.FORBIDDEN, [], b"not from there\n"
    return None


async def serve():
    async with websockets.serve(
        talk, address, int(port), process_request=before, subprotocols=["chat"]
    ):
        await asyncio.Future()


asyncio.run(serve())
