"use strict"

// Runs the migrations of an unpacked @medusajs/medusa package on a database, as TypeORM would,
// without the server around them:
//
//   node replay.js --package DIR --database-url URL [--library NAME=DIR]... [--stop-after N]
//
// Feature flags come from the package and MEDUSA_FF_*. Prints what ran, as JSON, on stdout; the
// exit code is 1 and nothing is changed when a migration fails.

const fs = require("node:fs")
const Module = require("node:module")
const path = require("node:path")
const { parseArgs } = require("node:util")
const { Client } = require("pg")

const { values: options } = parseArgs({
  options: {
    package: { type: "string" },
    "database-url": { type: "string" },
    library: { type: "string", multiple: true, default: [] },
    "stop-after": { type: "string", default: "Infinity" },
  },
})

/** The modules of a folder: not maps, not type declarations, and not what gathers the others. */
function modulesOf(folder) {
  if (!fs.existsSync(folder)) {
    return []
  }
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".js") && name !== "index.js")
    .sort() // equal timestamps run in the order of their file names
    .map((name) => require(path.join(folder, name)))
}

/** What migrations and flags ask of @medusajs/utils; its own index needs half of a server. */
function utils(folder) {
  return Object.assign(
    {},
    ...["feature-flags", "defaults"].flatMap((part) => modulesOf(path.join(folder, "dist", part)))
  )
}

/**
 * Answer what the package requires from elsewhere, and throw for anything unforeseen: a stub that
 * is merely undefined would leave a flag key undefined, and a migration without a flag always runs.
 */
function provide(root, libraries) {
  const load = Module._load
  Module._load = function (request, parent, ...rest) {
    const ours = parent?.filename?.startsWith(root + path.sep)
    if (!ours || request.startsWith(".")) {
      return load.call(this, request, parent, ...rest)
    }
    const name = request.split("/").slice(0, 2).join("/")
    if (!libraries.has(name)) {
      throw new Error(`${parent.filename} needs ${request}, which is not provided`)
    }
    if (name === "@medusajs/utils" && request === name) {
      return utils(libraries.get(name))
    }
    return require(path.join(libraries.get(name), request.slice(name.length)))
  }
}

/** Which features are on: the package's defaults, then the environment, which wins. */
function featureFlags(root) {
  const flags = {}
  for (const { default: flag } of modulesOf(path.join(root, "dist/loaders/feature-flags"))) {
    const set = process.env[flag.env_key]
    flags[flag.key] = set === undefined ? flag.default_val : set.toLowerCase() === "true"
  }
  return flags
}

/** The migrations that are switched on, in the order TypeORM runs them. */
function migrations(root, flags) {
  const found = []
  for (const { featureFlag, ...exported } of modulesOf(path.join(root, "dist/migrations"))) {
    const gates = [featureFlag ?? []].flat()
    const unknown = gates.filter((gate) => !(gate in flags))
    if (unknown.length > 0) {
      throw new Error(`a migration waits for a flag that the package does not have: ${unknown}`)
    }
    if (!gates.every((gate) => flags[gate])) {
      continue
    }
    for (const Migration of Object.values(exported).filter((one) => typeof one === "function")) {
      const instance = new Migration()
      const name = instance.name || Migration.name
      found.push({ name, timestamp: Number(name.slice(-13)), instance })
    }
  }
  return found.sort((a, b) => a.timestamp - b.timestamp) // stable
}

async function replay(client, found, limit) {
  // One call may hold several statements; Medusa's migrations see the rows of the last one.
  const query = async (sql, parameters) => {
    const results = await client.query(sql, parameters)
    return [results].flat().at(-1).rows
  }
  await query(
    `create table if not exists "migrations" (
       "id" serial not null,
       "timestamp" bigint not null,
       "name" character varying not null,
       constraint "PK_8c82d7f526340ab734260ea46be" primary key ("id")
     )`
  )
  const applied = new Set((await query('select "name" from "migrations"')).map((row) => row.name))
  const pending = found.filter(({ name }) => !applied.has(name)).slice(0, limit)
  for (const { name, timestamp, instance } of pending) {
    try {
      await instance.up({ query })
    } catch (error) {
      throw new Error(`${name}: ${error.message}`, { cause: error })
    }
    await query('insert into "migrations" ("timestamp", "name") values ($1, $2)', [timestamp, name])
  }
  return pending.map(({ name }) => name)
}

async function main() {
  const root = fs.realpathSync(options.package)
  provide(root, new Map(options.library.map((pair) => pair.split("="))))
  const flags = featureFlags(root)
  const found = migrations(root, flags)
  const client = new Client({ connectionString: options["database-url"] })
  await client.connect()
  try {
    await client.query("begin") // one transaction for all of them, as Medusa does
    const ran = await replay(client, found, Number(options["stop-after"]))
    await client.query("commit")
    console.log(JSON.stringify({ flags, enabled: found.map(({ name }) => name), ran }))
  } finally {
    await client.end()
  }
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
