/**
 * Marks the calls at the top of each built module as pure, so that a bundler can leave out what a program does not use.
 * Takes the names of packages; without names, marks all libraries.
 */
import { transformFileSync } from "@babel/core"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const packages = join(dirname(fileURLToPath(import.meta.url)), "../packages")
const isLibrary = (name) => JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")).sideEffects === false
const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(packages).filter(isLibrary)

for (const name of names) {
  const dist = join(packages, name, "dist")
  for (const path of readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".js"))) {
    const file = join(dist, path)
    const { code, map } = transformFileSync(file, {
      babelrc: false,
      configFile: false,
      compact: false,
      plugins: ["annotate-pure-calls"],
      sourceMaps: true,
      inputSourceMap: existsSync(`${file}.map`)
    })
    writeFileSync(file, `${code}\n//# sourceMappingURL=${path.split("/").at(-1)}.map\n`)
    writeFileSync(`${file}.map`, JSON.stringify(map))
  }
}
