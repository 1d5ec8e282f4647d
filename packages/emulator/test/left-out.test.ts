import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

it.live("without a Chromium the tests that need one are left out, and one line says so", () =>
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
    assert.strictEqual(listed.split("apt-get install chromium").length, 2, listed)
    assert.include(listed, "packages/emulator/test/console.test.ts")
    assert.notInclude(listed, ".browser.test.ts")
  }))
