/** Packs a package as `npm publish` does, and checks what the tarball holds and how its package.json names the files. */
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

const root = join(dirname(fileURLToPath(import.meta.url)), "../..")
const read = (path) => readFileSync(join(root, path), "utf8")

/** The pages that a package has beside its README. */
const pages = { core: ["WORKERS.md"], cli: ["TOKEN-SERVICE.md"] }

/** The packages that are published, with what their package.json says. */
export const packages = readdirSync(join(root, "packages"))
  .map((name) => ({ name, manifest: JSON.parse(read(`packages/${name}/package.json`)) }))
  .filter(({ manifest }) => manifest.private !== true)

/** Returns the paths in `dist` that the compiler makes of one source. */
const builtOf = (source) => {
  const path = source.replace(/^src\//, "dist/").replace(/\.ts$/, "")
  return [".js", ".js.map", ".d.ts", ".d.ts.map"].map((ending) => path + ending)
}

/** Fails if a library's `dist` lacks a module, or has a file without a source. */
const compareWithSources = (name, paths) => {
  const sources = paths.filter((path) => path.startsWith("src/"))
  const expected = new Set(sources.flatMap(builtOf))
  const built = paths.filter((path) => path.startsWith("dist/"))
  for (const path of built) {
    if (!expected.has(path)) throw new Error(`${name} holds ${path}, and no source of that name`)
  }
  for (const path of expected) {
    if (!built.includes(path)) throw new Error(`${name} lacks ${path}`)
  }
}

/** A call at the top of a module, whose result gets a name. A bundler keeps such a call unless the call is marked. */
const unmarkedCall = /^(?:export )?(?:const|let) \w+ = (?:new )?[A-Za-z_$][\w.$]*\(.*$/m

const attw = (name, tarball, entryPoints) => {
  try {
    // The packages are modules of ECMAScript only: the profile leaves out `require` and the resolution of Node 10.
    execFileSync(
      process.execPath,
      [
        join(root, "node_modules/@arethetypeswrong/cli/dist/index.js"),
        tarball,
        "--profile",
        "esm-only",
        "--no-emoji",
        "--format",
        "ascii",
        ...(entryPoints.length > 0 ? ["--include-entrypoints", ...entryPoints] : [])
      ],
      { encoding: "utf8", stdio: "pipe" }
    )
  } catch (error) {
    throw new Error(`@arethetypeswrong/cli on ${name}:\n${error.stdout}${error.stderr}`, { cause: error })
  }
}

/** Unpacks a tarball into a folder, which is made. */
export const unpack = (tarball, folder) => {
  mkdirSync(folder, { recursive: true })
  execFileSync("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"])
}

/** Packs the package into the folder. Returns the tarball, and the names by which a program imports the package. */
export const pack = async ({ manifest, name }, folder) => {
  const isLibrary = manifest.bin === undefined
  // An old file of a module that is deleted by now: `prepack` has to remove the file.
  const stray = join(root, "packages", name, "dist/Deleted.js")
  mkdirSync(dirname(stray), { recursive: true })
  writeFileSync(stray, "export {}\n")

  const [{ filename, files }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", folder], {
      cwd: join(root, "packages", name),
      encoding: "utf8"
    })
  )
  const paths = files.map((file) => file.path)
  if (existsSync(stray)) throw new Error(`prepack of ${name} does not build from nothing`)

  const own = isLibrary
    ? ["src/index.ts", "dist/index.js", "dist/index.d.ts"]
    : ["bin/feishu-ticket.js", "dist/main.js", "dist/one-shot/main.js", "dist/THIRD-PARTY-LICENSES.txt"]
  for (const wanted of ["README.md", "CHANGELOG.md", ...(pages[name] ?? []), "LICENSE", ...own]) {
    if (!paths.includes(wanted)) throw new Error(`${name} lacks ${wanted}`)
  }
  for (const path of paths) {
    if (
      !/^(bin|dist|src)\/|^(README\.md|WORKERS\.md|TOKEN-SERVICE\.md|CHANGELOG\.md|LICENSE|package\.json)$/.test(path)
    ) {
      throw new Error(`${name} holds ${path}`)
    }
  }
  if (isLibrary) {
    compareWithSources(name, paths)
    for (const path of paths.filter((path) => /^dist\/.*\.js$/.test(path))) {
      const call = unmarkedCall.exec(read(`packages/${name}/${path}`))
      if (call !== null) throw new Error(`${name}, ${path}: no bundler can leave out ${call[0]}`)
    }
  }
  // `exports` closes the internal modules, so a user's compiler cannot name a type of theirs.
  for (const path of name === "redis" ? paths.filter((path) => /^dist\/\w+\.d\.ts$/.test(path)) : []) {
    if (/["']\.\/internal\//.test(read(`packages/${name}/${path}`))) {
      throw new Error(`the types of ${name}, ${path}, name an internal module`)
    }
  }

  const tarball = join(folder, filename)
  const modules = isLibrary
    ? paths.flatMap((path) => /^src\/(\w+)\.ts$/.exec(path)?.[1] ?? []).filter((module) => module !== "index")
    : []
  const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer } })
  if (messages.length > 0) {
    throw new Error(`publint on ${name}:\n${messages.map((message) => formatMessage(message, pkg)).join("\n")}`)
  }
  attw(name, tarball, modules.map((module) => `./${module}`))
  return {
    tarball,
    modules: isLibrary ? [manifest.name, ...modules.map((module) => `${manifest.name}/${module}`)] : []
  }
}
