/** The command as a whole: its help, its version, what it says to nonsense. */
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { documentIn, run, runInTerminal } from "./feishuTicket.js"

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket", (it) => {
  it.effect("says its version", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["--version"])
      assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: "0.1.0\n" })
    }))

  it.effect("shows its help in colours in a terminal", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* runInTerminal([])
      assert.strictEqual(code, 0)
      assert.include(stdout, "\x1b[1mCOMMANDS\x1b[0m")
    }))

  it.effect("with --json, says in a document what is wrong with the command line", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* run(["resend", "--retry-for", "soon", "--json"])
      assert.strictEqual(code, 2)
      assert.deepStrictEqual(documentIn(stdout), {
        ok: false,
        error: {
          _tag: "UsageError",
          message: "--retry-for is a number with its unit, for example 30s, 2m or 500ms"
        }
      })
    }))
})
