/** A short run of `after-deploy.ts`: what each app answers after a deploy, and which app answers before another. */
import { NodeContext } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { secrets, start } from "./programs.js"

const pushDelay = 3

/** Reads the rows of a table, by the name of the app. */
const rowsOf = (table: string) => {
  const pattern = /^ {2}(\S.*?) {2,}HTTP (\d+) after ([\d.]+) s +(\d+) +([\d.]+) s +(\d+)$/gm
  return [...table.matchAll(pattern)].map(([, name, ...numbers]) => {
    const [status = 0, firstAfter = 0, failures = 0, successAfter = 0, resends = 0] = numbers.map(Number)
    return { name, status, firstAfter, failures, successAfter, resends }
  })
}

it.live(
  "after a deploy, calls fail with the official SDK, wait with this library, and do neither with a ticket in a file",
  () =>
    Effect.gen(function*() {
      const { output, printed, started } = yield* start(["after-deploy.ts"], {
        PUSH_DELAY: `${pushDelay} seconds`,
        CALL_EVERY: "100 millis"
      })
      assert.strictEqual(Number(yield* started.exitCode), 0, yield* output)
      const [text] = yield* printed(/^[^]*breaks off:\n(?:.*\n){3}/)
      assert.include(text, `It pushes a ticket ${pushDelay}s after a resend`)
      for (const secret of Object.values(secrets)) assert.notInclude(text, secret)

      const [, ...tables] = text.split(/^The (?:platform accepts|connection of) the first resend.*:$/m)
      assert.strictEqual(tables.length, 2, text)
      for (const [index, table] of tables.entries()) {
        const [sdk, memory, file] = rowsOf(table)
        assert.match(sdk?.name ?? "", /^official SDK 1\.\d+\.\d+, its default cache$/)
        assert.strictEqual(sdk?.status, 502, text)
        assert.isAtLeast(sdk?.failures ?? 0, 1)
        // One from its constructor, and one from each call that fails.
        assert.strictEqual(sdk?.resends, (sdk?.failures ?? 0) + 1)
        assert.isBelow(sdk?.firstAfter ?? Infinity, memory?.firstAfter ?? 0)

        assert.deepInclude(memory, { name: "this library, ticket in memory", status: 200, failures: 0 })
        assert.strictEqual(memory?.resends, index + 1)
        assert.isAtLeast(memory?.successAfter ?? 0, pushDelay - 0.1)

        assert.deepInclude(file, { name: "this library, ticket in a file", status: 200, failures: 0, resends: 0 })
        assert.isBelow(file?.successAfter ?? Infinity, memory?.successAfter ?? 0)
        assert.isBelow(file?.successAfter ?? Infinity, sdk?.successAfter ?? 0)
      }
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer)),
  { timeout: 300_000 }
)
