import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { defineConfig, defineWorkspace } from "vitest/config"

const packages = fileURLToPath(new URL("packages", import.meta.url))

/** Resolves the packages' names to their sources, so that tests and examples need no build. */
const resolve = {
  alias: [
    // `IOREDIS=6` runs the tests with the other version of the Redis client.
    ...(process.env["IOREDIS"] === "6" ? [{ find: /^ioredis$/, replacement: "ioredis-6" }] : []),
    { find: /^@effect-feishu\/([^/]+)$/, replacement: `${packages}/$1/src/index.ts` },
    { find: /^@effect-feishu\/([^/]+)\/(.+)$/, replacement: `${packages}/$1/src/$2.ts` }
  ]
}

/** Tests with such a name start a Redis, and some of them make certificates. */
const needsRedis = "**/test/**/*.redis.test.ts"

const runs = (name: string, argument: string) => spawnSync(name, [argument]).status === 0
const hasRedis = (runs("redis-server", "--version") || runs("valkey-server", "--version")) && runs("openssl", "version")
if (!hasRedis) {
  process.stderr.write(
    "There is no redis-server or no openssl here, so the tests that need them are left out. To run them: "
      + "apt-get install redis-server openssl\n"
  )
}

/** Tests with such a name open pages in a Chromium. */
const needsChromium = "**/test/**/*.browser.test.ts"

const pathOf = (name: string) => spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout?.trim()
const chromium = ["chromium", "chromium-browser", "google-chrome"].map(pathOf).find(Boolean)
if (chromium === undefined) {
  process.stderr.write(
    "There is no Chromium here, so the tests that need one are left out. To run them: "
      + "apt-get install chromium fonts-noto-cjk\n"
  )
}

/** Tests with such a name check rules for Prometheus by its tool. */
const needsPromtool = "**/test/**/*.promtool.test.ts"

const hasPromtool = Boolean(pathOf("promtool"))
if (!hasPromtool) {
  process.stderr.write(
    "There is no promtool here, so the tests that need one are left out. To run them: "
      + "apt-get install --no-install-recommends prometheus\n"
  )
}

/**
 * Has one project for all packages, because several projects would wait for one another: with `npm test` a worker goes on to
 * the next file, so that each worker loads Effect once. `npm test` has as many workers at least as at most, because vitest
 * can end an idle worker that has just received a file.
 */
const projects = defineWorkspace([{
  resolve,
  test: {
    name: "effect-feishu",
    globalSetup: ["packages/cli/test/bundle.ts", "examples/test/bundle.ts"],
    setupFiles: ["packages/core/test/ownIt.ts"],
    include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
    exclude: [
      ...(hasRedis ? [] : [needsRedis]),
      ...(chromium === undefined ? [needsChromium] : []),
      ...(hasPromtool ? [] : [needsPromtool]),
      // `npm run test:nextjs` installs what this test needs.
      ...(process.env["NEXTJS"] === "1" ? [] : ["examples/test/nextjs.test.ts"])
    ],
    env: chromium === undefined ? {} : { CHROMIUM: chromium },
    testTimeout: 30_000
  }
}])

/**
 * `npm test` names this file as the configuration (`--config`), which vitest reads without a notice. A bare `vitest` finds
 * the file by name, wants the list alone, and prints that vitest 4 will not look for such files. Only the second way defines
 * `import.meta.env`.
 */
export default "env" in import.meta ? projects : defineConfig({ test: { projects } })
