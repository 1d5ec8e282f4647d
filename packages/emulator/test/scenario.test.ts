/** Runs `scenario.sh`: a day with the emulator, in bash and curl. */
import { assert, it } from "@effect/vitest"
import { execFile, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const script = path("scenario.sh")

/** The tests' global setup builds this command. */
const command = [process.execPath, path("../../cli/bin/feishu-ticket.js")]

const hasTools = ["bash", "curl"].every((name) => spawnSync(name, ["--version"]).status === 0)

const run = () =>
  new Promise<{ readonly failed: boolean; readonly stdout: string; readonly stderr: string }>((resolve) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^FEISHU_|_proxy$/i.test(name)))
    execFile(
      "bash",
      [script, ...command],
      { env, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ failed: error !== null, stdout, stderr })
    )
  })

it.runIf(hasTools)("A day with the emulator can be driven by bash and curl", { timeout: 70_000 }, async () => {
  const { failed, stderr, stdout } = await run()
  assert.strictEqual(failed, false, `${stdout}\n${stderr}`)
  // Each check has run.
  const checks = readFileSync(script, "utf8").match(/^(?:expect|refuse|ok) "(.*?)"/gm) ?? []
  assert.deepStrictEqual(
    stdout.trimEnd().split("\n").map((line) => line.replace(/^ok: /, "")),
    checks.map((check) => check.replace(/^\w+ "/, "").replace(/"$/, ""))
  )
})
