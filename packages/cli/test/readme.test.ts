/** What the README says of the command is what the command says of itself. */
import { Emulator } from "@effect-feishu/emulator"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Command } from "../src/Command.js"
import { commands } from "../src/Commands.js"
import { meanings } from "../src/ExitCode.js"
import { run } from "./feishuTicket.js"

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8")
const readmes = read("../README.md") + read("../../../README.md")

const rows = read("../README.md").split("\n").map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))

layer(NodeContext.layer, { excludeTestServices: true, timeout: "40 seconds" })("the README", (it) => {
  it("has each command with its description", () => {
    const start = rows.findIndex(([first, second]) => first === "command" && second === "what it does")
    assert.deepStrictEqual(
      rows.slice(start + 2, start + 2 + commands.length),
      commands.map(({ description, name }) => [`\`${name}\``, description])
    )
  })

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
      /** The words before the first option: the command, and what it is about. */
      const commandOf = (line: string) => line.split(/ --| #/)[0] ?? ""
      const shown = [...new Set(lines.map(commandOf))].filter((command) => /^\w/.test(command))
      const namesOf = (commands: ReadonlyArray<Command>, before = ""): ReadonlyArray<string> =>
        commands.flatMap(({ commands, name }) => [`${before}${name}`, ...namesOf(commands, `${before}${name} `)])
      for (const name of namesOf(commands)) {
        // One command of `emulator app` stands for all.
        if (/^completions|^emulator app /.test(name)) continue
        assert.isTrue(shown.some((command) => `${command} `.startsWith(`${name} `)), `the README leaves out ${name}`)
      }
      const help = yield* Effect.forEach(
        shown,
        (command) => Effect.map(run([...command.split(" "), "--help"]), ({ stdout }) => [command, stdout] as const),
        { concurrency: 2 }
      )
      const helpOf = new Map(help)
      for (const line of lines) {
        const options = [...line.matchAll(/--[a-z-]+/g)].map(([option]) => option)
        const text = helpOf.get(commandOf(line))
        for (const option of options) if (text !== undefined) assert.include(text, `  ${option} `, line)
      }
      // The README names each option by which the emulator is started.
      const { stdout } = yield* run(["emulator", "--help"])
      const readme = read("../README.md")
      for (const [, option = ""] of stdout.matchAll(/^ {2}(--[a-z-]+)/gm)) {
        assert.isTrue(readme.includes(option), `the README leaves out ${option}`)
      }
    }))

  it.effect("shows lines with curl that the emulator takes", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator.Emulator
      const lines = [...read("../README.md").matchAll(/^curl .*127\.0\.0\.1:4000.*$/gm)].map(([line]) => line)
      assert.isAbove(lines.length, 4)
      for (const line of lines) {
        const command = line.replace("curl ", "curl -sS --fail-with-body ").replace("http://127.0.0.1:4000", baseUrl)
        // Not `execFileSync`, because the emulator answers in this process.
        const { code, output } = yield* Effect.async<{ readonly code: number; readonly output: string }>((resume) => {
          execFile("bash", ["-c", command], (error, stdout, stderr) =>
            resume(Effect.succeed({ code: error === null ? 0 : 1, output: stdout + stderr })))
        })
        assert.strictEqual(code, 0, `${line}\n${output}`)
      }
    }).pipe(Effect.provide(Emulator.layerServer({
      apps: [{ appId: "cli_emulated", appSecret: Redacted.make("a secret") }]
    }))))
})
