import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

it.live("without the programs that some tests need, these tests are left out, and one line for each says so", () =>
  Effect.gen(function*() {
    const listed = yield* Effect.async<string>((resume) => {
      execFile(
        process.execPath,
        ["node_modules/vitest/vitest.mjs", "list", "--filesOnly"],
        // No program is found there.
        { cwd: root, env: { PATH: `${root}packages` } },
        (_, output, errors) => resume(Effect.succeed(output + errors))
      )
    })
    for (
      const [install, other, needing] of [
        ["apt-get install redis-server", "packages/redis/test/url.test.ts", ".redis.test.ts"],
        ["apt-get install chromium", "packages/emulator/test/console.test.ts", ".browser.test.ts"]
      ] as const
    ) {
      assert.strictEqual(listed.split(install).length, 2, listed)
      assert.include(listed, other)
      assert.notInclude(listed, needing)
    }
  }))
