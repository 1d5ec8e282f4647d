/** What the README says of the command is what the command says of itself. */
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { meanings } from "../src/ExitCode.js"
import { run } from "./feishuTicket.js"

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8")
const readmes = read("../README.md") + read("../../../README.md")

const rows = read("../README.md").split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

layer(NodeContext.layer, { excludeTestServices: true, timeout: "40 seconds" })("the README", (it) => {
  it("has the exit codes", () => {
    const start = rows.findIndex(([first]) => first === "exit code")
    assert.deepStrictEqual(
      rows.slice(start + 2, start + 2 + Object.keys(meanings).length),
      Object.entries(meanings).map(([code, meaning]) => [code, meaning])
    )
  })

  it.effect("shows commands with options that they have", () =>
    Effect.gen(function*() {
      const lines = [...readmes.matchAll(/^npx feishu-ticket (.*)$/gm)].map(([_, line = ""]) => line)
      const names = [...new Set(lines.map((line) => line.split(" ")[0] ?? ""))].filter((name) => /^\w/.test(name))
      assert.deepStrictEqual(
        names.toSorted(),
        ["doctor", "emulator", "resend", "serve", "ticket", "token", "verify"]
      )
      const help = yield* Effect.forEach(
        names,
        (name) => Effect.map(run([name, "--help"]), ({ stdout }) => [name, stdout] as const),
        { concurrency: 2 }
      )
      const helpOf = new Map(help)
      for (const line of lines) {
        const options = [...line.matchAll(/--[a-z-]+/g)].map(([option]) => option)
        const text = helpOf.get(line.split(" ")[0] ?? "")
        for (const option of options) if (text !== undefined) assert.include(text, `  ${option} `, line)
      }
    }))
})
