"use strict"

// Medusa 1.20 knows --host but listens on every interface all the same.

const { Server } = require("node:net")

const listen = Server.prototype.listen

Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port, host: "127.0.0.1" }, ...rest)
}
