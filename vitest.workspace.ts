import { fileURLToPath } from "node:url"
import { defineWorkspace } from "vitest/config"

const packages = fileURLToPath(new URL("packages", import.meta.url))

/** Tests and examples import the packages by name and get their sources: nothing has to be built first. */
const resolve = {
  alias: [
    { find: /^@effect-feishu\/([^/]+)$/, replacement: `${packages}/$1/src/index.ts` },
    { find: /^@effect-feishu\/([^/]+)\/(.+)$/, replacement: `${packages}/$1/src/$2.ts` }
  ]
}

const project = (name: string, root: string) => ({
  resolve,
  test: { name, root, include: ["test/**/*.test.ts"], testTimeout: 30_000 }
})

export default defineWorkspace([
  project("auth", "packages/auth"),
  project("emulator", "packages/emulator"),
  project("examples", "examples")
])
