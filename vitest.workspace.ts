import { spawnSync } from "node:child_process"
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

/** The tests whose names end so start a Redis of their own. */
const needsRedis = "**/test/**/*.redis.test.ts"

const hasRedis = ["redis-server", "valkey-server"].some((name) => spawnSync(name, ["--version"]).status === 0)
if (!hasRedis) {
  process.stderr.write(
    "There is no redis-server here, so the tests that need one are left out. To run them: apt-get install redis-server\n"
  )
}

/**
 * One project for all packages. `npm test` has a process go on to the next file, so that Effect is not loaded for each;
 * several projects would then wait for one another. As many workers at least as at most: one that vitest sends away
 * for idling can have been given a file.
 */
export default defineWorkspace([{
  resolve,
  test: {
    name: "effect-feishu",
    globalSetup: ["packages/cli/test/bundle.ts"],
    setupFiles: ["packages/core/test/ownIt.ts"],
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
    exclude: hasRedis ? [] : [needsRedis],
    testTimeout: 30_000
  }
}])
