/** Marks the calls at the top of each built module as pure, so that a bundler can leave out what a program does not use. */
import { transformFileSync } from "@babel/core"
import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const packages = join(dirname(fileURLToPath(import.meta.url)), "../packages")

for (const name of ["core", "emulator", "redis"]) {
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
