// Preloaded with `node -r`: answers the few imports of a bare package that its data scripts touch
// but do not need, so that a full install is not needed either.
"use strict"

const Module = require("module")

const write = (line) => console.log(typeof line === "string" ? line : JSON.stringify(line))

const reporter = { __esModule: true, default: new Proxy({}, { get: () => write }) }

const coreUtils = {
  getConfigFile: () => ({ configModule: {}, error: undefined }),
  isDefined: (value) => value !== undefined,
  MedusaError: class MedusaError extends Error {},
}

const interfaces = new Proxy({}, { get: () => class {} })

const silent = () => new Proxy(function () {}, { get: () => silent(), apply: () => undefined })

const answers = new Map([
  ["@medusajs/medusa-cli/dist/reporter", reporter],
  ["medusa-core-utils", coreUtils],
  ["medusa-core-utils/dist", coreUtils],
  ["medusa-interfaces", interfaces],
  ["medusa-interfaces/dist/notification-service", interfaces],
  ["medusa-telemetry", silent()],
  ["express", silent()],
])

const load = Module._load
Module._load = function (request, ...rest) {
  return answers.has(request) ? answers.get(request) : load.call(this, request, ...rest)
}
