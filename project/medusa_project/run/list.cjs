/*
 * Lists, without changing anything, what the Medusa of a project would apply: every migration and script that it
 * would look for in its ledgers, and what it would do to the tables of links. Runs inside the project, with its
 * packages: node list.cjs PACKAGE_JSON_OF_MEDUSA PROJECT LEDGERS_FILE ANSWER_FILE [PROGRAM_OF_MEDUSAS_COMMAND_LINE]
 *
 * Uses what Medusa's own command uses: v1 its get-migrations, v2 its loaders. Whoever reads the answer takes off
 * what the ledgers have; here they only decide which files need not be read. Sessions must be read-only; what would
 * write in them is left out below.
 */
"use strict"

const fs = require("fs")
const path = require("path")
const Module = require("module")
const { createRequire } = Module

const [packageFile, directory, ledgersFile, answerFile, cli] = process.argv.slice(2)
const ledgers = JSON.parse(fs.readFileSync(ledgersFile, "utf8"))
const medusa = fs.realpathSync(path.dirname(packageFile)) // as Medusa itself resolves it
const fromMedusa = createRequire(path.join(medusa, "package.json")) // and so with the packages that a store has beside it
const [major, minor] = JSON.parse(fs.readFileSync(packageFile, "utf8")).version.split(".").map(Number)

async function main() {
  begin()
  endWhereNoTryHelps()
  const found = major === 1 ? await v1() : await v2()
  fs.writeFileSync(answerFile, JSON.stringify({ ...found, node: process.version }))
}

/* As the command line begins: with TypeScript, where what runs it is installed, and with the project's file .env. */
function begin() {
  if (!cli) return
  const fromCli = createRequire(fs.realpathSync(cli))
  const load = (name) => {
    try {
      return fromCli(name)
    } catch {
      return undefined // the command line does without it, too
    }
  }
  if (major > 1) {
    load("ts-node")?.register({})
    load("tsconfig-paths")?.register({})
  }
  load("dotenv")?.config()
}

/*
 * Medusa tries to connect for minutes, whatever keeps it out, and says why on one line of many. libpq has just connected
 * by the same URL: what this driver is refused for then is how it reads that URL, and no further try changes it.
 */
function endWhereNoTryHelps() {
  const load = Module._load
  Module._load = function (request, ...rest) {
    const loaded = load.call(this, request, ...rest)
    if (request === "pg" && loaded.Client) watch(loaded.Client.prototype)
    return loaded
  }
}

function watch(client) {
  if (Object.hasOwn(client, "connectUnwatched")) return
  client.connectUnwatched = client.connect
  client.connect = function (callback) {
    this.once("error", endIfHopeless)
    const connected = this.connectUnwatched(callback && ((error, ...rest) => (endIfHopeless(error), callback(error, ...rest))))
    connected?.catch(endIfHopeless)
    return connected
  }
}

function endIfHopeless(error) {
  const code = String(error?.code ?? "")
  const refused = /^(28|3D)...$|^42501$/.test(code) // SQLSTATE
  if (refused || /SSL|TLS|CERT/i.test(code) || /\b(SSL|TLS|certificate)\b/.test(error?.message)) end(error)
}

function has(ledger, name) {
  return (ledgers[ledger] ?? []).includes(name)
}

/* The part of a migration that goes forward, where it drops something: the class has its text. */
function dropsOf(migrations) {
  const texts = migrations.map((one) => String(one?.prototype?.up ?? ""))
  return texts.filter((text) => /\bdrop\s/i.test(text)).join("\n")
}

/* Of a file that cannot be loaded here, what stands before the part that goes back. */
function dropsIn(file) {
  const text = fs.readFileSync(file, "utf8").split(/\bdown\s*\(/)[0]
  return /\bdrop\s/i.test(text) ? text : ""
}

function inMedusa(file) {
  return require(path.join(medusa, "dist", file))
}

/* A module of Medusa's may have moved between versions: the first name that exists counts. */
function firstOf(...names) {
  for (const name of names) {
    try {
      return fromMedusa(name)
    } catch (error) {
      const missing = error.code === "MODULE_NOT_FOUND" && error.message.includes(`'${name}'`) // and none that it needs
      if (!missing && error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error
    }
  }
  throw new Error(`none of ${names.join(", ")} exists in ${medusa}`)
}

function filesIn(folder) {
  return fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []
}

/* ---- v1 */

async function v1() {
  const configModule = inMedusa("loaders/config").default(directory)
  const flags = inMedusa("loaders/feature-flags").default(configModule)
  const getMigrations = inMedusa("commands/utils/get-migrations")
  const core = getMigrations.default(directory, flags)
  const shared = getMigrations.getModuleSharedResources
    ? getMigrations.getModuleSharedResources(configModule, flags).migrations
    : []
  const modules = isolated(configModule)
  return {
    migrations: {
      migrations: [...(core.coreMigrations ?? core), ...shared].flatMap(namesOfV1),
      mikro_orm_migrations: migrationsOfIsolated(modules),
    },
    scripts: [],
    links: [],
    isolated: modules.length > 0,
    warnings: [...unbuilt(), ...unseen(configModule), ...ofIsolated(modules)],
  }
}

/* TypeORM names a migration by its property `name`, else by its class. Older versions give files instead of classes. */
function namesOfV1(migration) {
  if (typeof migration === "string") {
    const exported = Object.values(require(migration)).filter((one) => typeof one === "function")
    return exported.flatMap(namesOfV1)
  }
  return [{ name: new migration().name || migration.name, module: "", drops: dropsOf([migration]) }]
}

/* Modules with connections of their own run after the others, with MikroORM; each with its connection and its files. */
function isolated(configModule) {
  const entries = Object.entries(configModule.modules ?? {})
  if (!entries.length) return []
  const { registerMedusaModule } = firstOf("@medusajs/modules-sdk")
  return entries.flatMap(([key, declared]) => {
    const module = registerMedusaModule(key, declared)[key]
    const declaration = module?.moduleDeclaration ?? {}
    if (!module?.resolutionPath || declaration.scope !== "internal") return []
    if (declaration.resources !== "isolated") return []
    const folder = path.join(path.dirname(require.resolve(module.resolutionPath)), "migrations")
    const files = filesIn(folder).filter((file) => /^(Migration|InitialSetup).*\.js$/.test(file))
    return [{ key, folder, files, ...connectionOf(key, declared?.options?.database, configModule.projectConfig ?? {}) }]
  })
}

/* A module without options of a database has those of the project. Where it has some, none of the project's counts. */
function connectionOf(key, database, project) {
  if (!database) return { url: project.database_url, options: project.database_driver_options, elsewhere: false }
  const names = [`${key.toUpperCase()}_POSTGRES_URL`, "MEDUSA_POSTGRES_URL", "POSTGRES_URL"]
  const { host, port, user, password, database: name, clientUrl } = database
  const url = host
    ? `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${name}`
    : clientUrl ?? names.map((one) => process.env[one]).find((value) => value !== undefined)
  return { url, options: database.driverOptions, elsewhere: !isSamePlace(url, project.database_url) }
}

/* Whether two URLs name one database; where that cannot be read, they do. */
function isSamePlace(one, other) {
  const place = (url) => {
    const { hostname, port, pathname } = new URL(String(url))
    return [hostname, port || "5432", pathname].join()
  }
  try {
    return place(one) === place(other)
  } catch {
    return true
  }
}

function migrationsOfIsolated(modules) {
  const here = modules.filter((one) => !one.elsewhere)
  return here.flatMap(({ key, folder, files }) =>
    files.map((file) => ({ name: path.basename(file, ".js"), module: key, drops: dropsIn(path.join(folder, file)) }))
  )
}

/* What to know of them. They demand TLS of any server that their URL does not call localhost, unless options are set. */
function ofIsolated(modules) {
  const own = modules.filter((one) => one.files.length)
  const demanding = own.filter((one) => one.options === undefined && !/localhost/i.test(String(one.url)))
  const found = own.map(
    ({ key }) =>
      `the module ${key} has a connection of its own (resources is not "shared"): Medusa runs its migrations after the ` +
      "others, and ends with 0 where they fail"
  )
  const away = modules.filter((one) => one.elsewhere).map(
    ({ key }) =>
      `the module ${key} has another database than the project: what Medusa does there is neither predicted, nor under our ` +
      "lock, nor verified"
  )
  const names = demanding.map((one) => one.key).join(", ")
  const tls =
    `${names} will demand TLS, as the URL does not contain the word localhost, and ignores its sslmode; for ` +
    "a server without TLS set options.database.driverOptions.connection.ssl to false in medusa-config.js"
  return [...found, ...away, ...(demanding.length ? [tls] : [])]
}

/* Where a plugin keeps migrations, and whether this Medusa looks there. */
function unseen(configModule) {
  const source = fs.readFileSync(path.join(medusa, "dist/commands/utils/get-migrations.js"), "utf8")
  const looksInDist = source.includes("/dist/migrations")
  return (configModule.plugins ?? []).flatMap((plugin) => {
    const name = typeof plugin === "string" ? plugin : plugin?.resolve
    const folder = typeof name === "string" ? folderOf(name) : undefined
    if (!folder) return []
    const code = (place) => filesIn(path.join(folder, place)).filter((file) => /\.js$/.test(file))
    if (code("migrations").length || (looksInDist && code("dist/migrations").length)) return []
    if (code("dist/migrations").length) {
      return [`migrations of the plugin ${name} are in its dist/migrations, and this Medusa looks in its folder migrations only`]
    }
    const sources = ["src/migrations", "migrations"].filter((place) => filesIn(path.join(folder, place)).some(isSource))
    return sources.map((place) => `migrations of the plugin ${name} were not built: ${place} has TypeScript, which Medusa passes over`)
  })
}

function isSource(file) {
  return /\.ts$/.test(file) && !/\.d\.ts$/.test(file)
}

function folderOf(name) {
  const local = path.resolve(directory, "plugins", name)
  if (fs.existsSync(local)) return local
  try {
    return path.dirname(createRequire(path.join(directory, "package.json")).resolve(`${name}/package.json`))
  } catch {
    return undefined // Medusa itself reports it
  }
}

/* Migrations in TypeScript that nobody has built are passed over in silence. */
function unbuilt() {
  const sources = filesIn(path.join(directory, "src", "migrations")).filter(isSource)
  const built = new Set(filesIn(path.join(directory, "dist", "migrations")))
  return sources
    .filter((file) => !built.has(file.replace(/\.ts$/, ".js")))
    .map((file) => `src/migrations/${file} was not built: Medusa runs what is in dist/migrations`)
}

/* ---- v2 */

async function v2() {
  const framework = firstOf("@medusajs/framework")
  const utils = firstOf("@medusajs/framework/utils")
  const container = await inMedusa("loaders").initializeContainer(directory)
  const configModule = container.resolve("configModule")
  const logger = container.resolve("logger")
  const plugins = await resolvedPlugins(utils, configModule)
  if (minor >= 3) utils.mergePluginModules(configModule, plugins, directory) // before, plugins have no modules
  const { LinkLoader } = firstOf("@medusajs/framework/links")
  const folders = plugins.map((plugin) => path.join(plugin.resolve, "links"))
  await new LinkLoader(folders, logger).load()
  const loader = new framework.MedusaAppLoader()
  return {
    migrations: { mikro_orm_migrations: await pendingOnes(ofModules(loader, configModule), utils) },
    scripts: minor >= 3 ? await scripts(plugins, utils) : [], // before, nothing runs them
    links: await links(loader),
    filtersLinks: filtersLinks(),
    warnings: [],
  }
}

/* Whether indexes of tables of links leave out rows that are marked as deleted: older versions make them without. */
function filtersLinks() {
  try {
    const links = createRequire(fromMedusa.resolve("@medusajs/framework")).resolve("@medusajs/link-modules")
    return /WHERE deleted_at IS NULL/i.test(fs.readFileSync(path.join(path.dirname(links), "utils/generate-entity.js"), "utf8"))
  } catch {
    return false
  }
}

async function resolvedPlugins(utils, configModule) {
  const resolve =
    utils.getResolvedPlugins ??
    inMedusa("loaders/helpers/resolve-plugins").getResolvedPlugins
  return await resolve(directory, configModule, true)
}

/* Modules, and the providers that their options name, keep their migrations in folders of their own. */
function ofModules(loader, configModule) {
  const modules = loader.mergeDefaultModules(configModule.modules)
  return Object.entries(modules).flatMap(([key, module]) => {
    const resolve = typeof module === "string" ? module : module?.resolve
    if (!resolve || module.disable) return []
    const providers = module.options?.providers
    const provided = (Array.isArray(providers) ? providers : []).map((one) => one?.resolve)
    return [resolve, ...provided].flatMap((one) => migrationsOf(one, key))
  })
}

function migrationsOf(resolve, module) {
  if (typeof resolve !== "string") return [] // given as an object, whose folder nobody knows: Medusa runs none either
  const fromProject = createRequire(path.join(directory, "package.json"))
  const file = firstResolved(resolve, fromProject, fromMedusa)
  const found = require(file).discoveryPath ?? file
  const folder = path.join(path.dirname(firstResolved(found, fromProject, fromMedusa)), "migrations")
  return filesIn(folder)
    .filter(isCode)
    .map((name) => ({ name: name.replace(/\.(js|ts)$/, ""), module, file: path.join(folder, name) }))
}

function isCode(name) {
  return /\.(js|ts)$/.test(name) && !/\.d\.ts$/.test(name) && !/^index\./.test(name)
}

function firstResolved(name, ...requires) {
  let missing
  for (const from of requires) {
    try {
      return from.resolve(name)
    } catch (error) {
      missing = error
    }
  }
  throw missing
}

async function scripts(plugins, utils) {
  const folders = [
    path.join(medusa, "dist", "migration-scripts"),
    ...plugins.map((plugin) => path.join(plugin.resolve, "migration-scripts")),
  ]
  const files = folders.flatMap((folder) => filesIn(folder).filter(isCode).map((name) => path.join(folder, name)))
  const kept = []
  for (const file of files) {
    const name = path.basename(file)
    if (has("script_migrations", name) || !(await isSkipped(file, utils))) kept.push(name)
  }
  return kept
}

/* Leaves out what a flag of Medusa's switches off, as Medusa does, and adds what the others drop. */
async function pendingOnes(migrations, utils) {
  const kept = []
  for (const one of migrations) {
    if (has("mikro_orm_migrations", one.name)) kept.push({ name: one.name })
    else if (!(await isSkipped(one.file, utils))) kept.push({ name: one.name, module: one.module, drops: dropsOfFile(one.file) })
  }
  return kept
}

async function isSkipped(file, utils) {
  if (!utils.isFileSkipped || !utils.dynamicImport) return /create-super-admin-role/.test(file)
  try {
    return utils.isFileSkipped(await utils.dynamicImport(file))
  } catch {
    return false // Medusa itself will report why it cannot be loaded
  }
}

function dropsOfFile(file) {
  try {
    return dropsOf(Object.values(require(file)))
  } catch {
    return dropsIn(file)
  }
}

/* The planner itself makes its table, fills it, and renames tables: what it only would do is reported instead. */
async function links(loader) {
  const planner = await loader.getLinksExecutionPlanner()
  const renamed = []
  const tracked = planner.getTrackedLinksTables.bind(planner)
  planner.ensureMigrationsTable = async () => {}
  planner.ensureMigrationsTableUpToDate = async () => {}
  planner.renameOldTable = async (_orm, from, to) => {
    renamed.push({ action: "update", table: to, sql: `alter table "${from}" rename to "${to}"` })
  }
  planner.getTrackedLinksTables = async (orm) => {
    try {
      return await tracked(orm)
    } catch (error) {
      if (error.code === "42P01") return [] // the table does not exist
      throw error
    }
  }
  const plan = await planner.createPlan()
  const actions = plan
    .filter((one) => one.action !== "noop")
    .map((one) => ({ action: one.action, table: one.tableName, sql: one.sql ?? "" }))
  return [...renamed, ...actions]
}

main().then(
  () => process.exit(0),
  end
)

function end(error) {
  console.error(error)
  console.error(String(error).split("\n")[0]) // once more behind it all: only the last lines are kept
  process.exit(1)
}
