/** The tests that run against each mutant. `run.mjs` says which. */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const packages = fileURLToPath(new URL("../..", import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@effect-feishu\/([^/]+)$/, replacement: `${packages}$1/src/index.ts` },
      { find: /^@effect-feishu\/([^/]+)\/(.+)$/, replacement: `${packages}$1/src/$2.ts` }
    ]
  },
  test: {
    include: JSON.parse(process.env["MUTATION_TESTS"] ?? "[]"),
    setupFiles: ["packages/core/test/ownIt.ts"],
    testTimeout: 30_000
  }
})
