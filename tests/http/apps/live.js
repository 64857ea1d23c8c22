// Live updates over socket.io. node live.js ADDRESS PORT websocket|polling
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const [address, port, transport] = process.argv.slice(2);
const server = createServer((request, response) => response.end("live\n"));
// With polling alone it refuses every upgrade, as an application does that was built without it.
const live = new Server(server, { transports: [transport] });
live.on("connection", (socket) => socket.emit("welcome", "here"));
server.listen(Number(port), address);
