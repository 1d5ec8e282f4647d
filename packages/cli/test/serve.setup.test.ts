/** What `serve` makes of its options before anything listens. */
import { FileSystem } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type * as Options from "../src/Options.js"
import * as Setup from "../src/serve/Setup.js"
import { secrets } from "./feishuTicket.js"
import * as InProcess from "./inProcess.js"

const none = Option.none()

const defaults: Options.Serve = { ...InProcess.serve, appId: Option.some("cli_setup"), tokens: true }

const { FEISHU_APP_SECRET: appSecret, FEISHU_ENCRYPT_KEY: encryptKey } = secrets

const texts = {
  "--dotenv": `FEISHU_APP_SECRET="${appSecret}"\nFEISHU_ENCRYPT_KEY="${encryptKey}"\n`,
  "--app-secret-file": appSecret,
  "--apps": JSON.stringify([{ appId: "cli_setup", appSecret, encryptKey }]),
  "--tokens-key-file": "0123456789abcdef\n"
}

/** Returns the warnings about files of this mode: of each option, its file. */
const warningsOf = (mode: number) => {
  const printed: InProcess.Printed = { stdout: [], stderr: [] }
  return Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const made = (option: keyof typeof texts) =>
      Effect.gen(function*() {
        const path = `${folder}/${option}`
        yield* fs.writeFileString(path, texts[option])
        yield* fs.chmod(path, mode)
        return Option.some(path)
      })
    const dotenv = yield* made("--dotenv")
    yield* Setup.make({ ...defaults, dotenv, appSecretFile: yield* made("--app-secret-file") })
    yield* Setup.make({
      ...defaults,
      appId: none,
      apps: yield* made("--apps"),
      tokensKeyFile: yield* made("--tokens-key-file")
    })
    return printed.stderr.map((line) => line.replaceAll(folder, ""))
  }).pipe(Effect.provide(InProcess.layer(printed)))
}

it.scoped("serve warns of each file of secrets that every user of the machine can read", () =>
  Effect.gen(function*() {
    const warnings = yield* warningsOf(0o644)
    assert.deepStrictEqual(
      warnings,
      Object.keys(texts).map((option) =>
        `${option} /${option} holds secrets, and its mode lets every user of this machine read it: chmod o-r /${option}`
      )
    )
  }))

it.scoped.each(["600", "640", "440"])(
  "serve does not warn of a file of secrets with the mode %s",
  (mode) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* warningsOf(Number.parseInt(mode, 8)), [])
    })
)
