/**
 * Builds the library in the working directory from nothing, before `npm pack` and `npm publish`: a clean checkout has no
 * `dist`, and an old `dist` can hold modules whose sources are deleted.
 */
import { spawnSync } from "node:child_process"
import { rmSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "..")

const run = (...args) => {
  // `npm pack --json` reserves the standard output for its JSON.
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}

// `tsc -b` trusts this file, and would not notice that `dist` is gone.
for (const path of ["dist", "build/src.tsbuildinfo"]) rmSync(path, { recursive: true, force: true })
run(join(root, "node_modules/typescript/bin/tsc"), "-b")
run(join(here, "pure.mjs"), basename(process.cwd()))
