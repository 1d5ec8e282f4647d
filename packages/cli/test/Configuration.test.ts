/** Which app on which platform: what is taken from where, and what is said of it where it is wrong. */
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import { FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import * as Configuration from "../src/Configuration.js"
import { bash } from "./bash.js"
import { documentIn, run, secrets } from "./feishuTicket.js"
import { answer, listen } from "./hostile.js"

/** What nobody may be shown. */
const secret = "a$b#c\"d`e%f\\g"

/** A file of this text, in a folder of its own. */
const fileOf = (text: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = (yield* Path.Path).join(yield* fs.makeTempDirectoryScoped(), "file")
    yield* fs.writeFileString(path, text)
    return path
  })

/** With these variables, and no others of ours, in the environment. */
const withEnv = (variables: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => void Object.assign(process.env, variables)),
    () =>
      Effect.sync(() => {
        for (const name of Object.keys(variables)) delete process.env[name]
      })
  )

const read = (
  options: { [Name in keyof Configuration.Options]?: string },
  environment: Record<string, string> = {}
) =>
  Effect.gen(function*() {
    yield* withEnv(environment)
    const option = (name: keyof Configuration.Options) => Option.fromNullable(options[name])
    return yield* Configuration.variables({
      dotenv: option("dotenv"),
      appId: option("appId"),
      appSecretFile: option("appSecretFile"),
      baseUrl: option("baseUrl"),
      domain: option("domain")
    })
  }).pipe(Effect.scoped)

const messageOf = <A, R>(effect: Effect.Effect<A, { readonly message: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("Configuration", (it) => {
  describe("the file", () => {
    it.scoped("has quotes, comments and secrets with special characters", () =>
      Effect.gen(function*() {
        const dotenv = yield* fileOf([
          "# from the developer console",
          "export FEISHU_APP_ID = cli_file # ours",
          "FEISHU_APP_SECRET='a$b#c\"d`e%f\\g'",
          "FEISHU_ENCRYPT_KEY=\"it's $HOME, #1\"\r",
          "FEISHU_VERIFICATION_TOKEN=`both ' and \"`",
          "FEISHU_APP_KIND=",
          "#FEISHU_DOMAIN=lark"
        ].join("\n"))
        const variables = yield* read({ dotenv })
        assert.strictEqual(variables.get("FEISHU_APP_ID"), "cli_file")
        assert.strictEqual(variables.get("FEISHU_APP_SECRET"), secret)
        assert.strictEqual(variables.get("FEISHU_ENCRYPT_KEY"), "it's $HOME, #1")
        assert.strictEqual(variables.get("FEISHU_VERIFICATION_TOKEN"), "both ' and \"")
        assert.isFalse(variables.has("FEISHU_APP_KIND"))
        const app = yield* Configuration.app(variables)
        assert.strictEqual(Redacted.value(app.appSecret), secret)
        assert.deepStrictEqual([app.kind, app.baseUrl], ["store", FeishuApp.feishu])
      }))

    it.scoped("gives way to the environment, and that to the options", () =>
      Effect.gen(function*() {
        const dotenv = yield* fileOf("FEISHU_APP_ID=cli_file\nFEISHU_APP_SECRET=of-file\nFEISHU_DOMAIN=lark\n")
        const appSecretFile = yield* fileOf("of-secret-file\r\n")
        const get = (
          options: { [Name in keyof Configuration.Options]?: string },
          environment: Record<string, string> = {}
        ) =>
          Effect.map(Effect.flatMap(read({ dotenv, ...options }, environment), Configuration.app), (app) => [
            app.appId,
            Redacted.value(app.appSecret),
            app.baseUrl
          ])
        assert.deepStrictEqual(yield* get({}), ["cli_file", "of-file", FeishuApp.lark])
        // One that is empty counts as left out, and where the platform is is one thing, whichever way it is said.
        const environment = { FEISHU_APP_ID: "cli_env", FEISHU_APP_SECRET: "", FEISHU_BASE_URL: "https://example.com" }
        assert.deepStrictEqual(yield* get({}, environment), ["cli_env", "of-file", "https://example.com"])
        assert.deepStrictEqual(
          yield* get({ appId: "cli_option", appSecretFile, domain: "feishu" }, environment),
          ["cli_option", "of-secret-file", FeishuApp.feishu]
        )
        assert.deepStrictEqual(
          yield* get({ baseUrl: "http://127.0.0.1:4000" }, { FEISHU_DOMAIN: "lark" }),
          ["cli_file", "of-file", "http://127.0.0.1:4000"]
        )
      }))
  })

  describe("what is wrong", () => {
    it.scoped("with a file is said without its contents", () =>
      Effect.gen(function*() {
        const folder = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
        const empty = yield* fileOf("\n")
        assert.strictEqual(
          yield* messageOf(read({ dotenv: `${folder}/none` })),
          `--dotenv ${folder}/none cannot be read: there is no such file`
        )
        assert.strictEqual(
          yield* messageOf(read({ dotenv: folder })),
          `--dotenv ${folder} cannot be read: it is a folder`
        )
        // Somebody has taken it for the option of the secret itself.
        assert.strictEqual(
          yield* messageOf(read({ appSecretFile: secret })),
          "the file of --app-secret-file cannot be read: there is no such file"
        )
        assert.strictEqual(
          yield* messageOf(read({ appSecretFile: "s".repeat(300) })),
          "the file of --app-secret-file cannot be read: it is not a file that can be read"
        )
        assert.strictEqual(
          yield* messageOf(read({ appSecretFile: empty }, { FEISHU_APP_SECRET: secret })),
          "--app-secret-file is empty: put the app's secret into the file, or standard input"
        )
        assert.strictEqual(
          yield* messageOf(read({ baseUrl: "https://example.com", domain: "lark" })),
          "--base-url and --domain say the same: give only one of them"
        )
      }))

    it.effect.each<[Record<string, string>, RegExp]>([
      [{ FEISHU_APP_SECRET: secret }, /^FEISHU_APP_ID is not set: the app's id, cli_….*"Credentials & Basic Info"/],
      [{ FEISHU_APP_ID: "cli_1" }, /^FEISHU_APP_SECRET is not set: .*--app-secret-file.*--dotenv names$/],
      [{}, /^FEISHU_APP_ID is not set.*; FEISHU_APP_SECRET is not set/],
      [{ FEISHU_APP_ID: "cli 1", FEISHU_APP_SECRET: secret }, /^FEISHU_APP_ID \(--app-id\) has white space/],
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: `${secret}\n` },
        /^FEISHU_APP_SECRET \(--app-secret-file\) has white space around it, or a line break/
      ],
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: "x", FEISHU_BASE_URL: "http://example.com" },
        /^FEISHU_BASE_URL \(--base-url\) must begin with https:\/\/ .* http:\/\/ is for loopback addresses, .*FEISHU_ALLOW_HTTP=true/
      ],
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: "x", FEISHU_BASE_URL: secret },
        /^FEISHU_BASE_URL \(--base-url\) is not a URL/
      ],
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: "x", FEISHU_BASE_URL: "https://a.example", FEISHU_DOMAIN: "lark" },
        /^FEISHU_DOMAIN: FEISHU_BASE_URL is set, too: set only one of them$/
      ],
      // Each value is in the wrong place.
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: "x", FEISHU_DOMAIN: secret },
        /^FEISHU_DOMAIN: must be feishu or lark$/
      ],
      [
        { FEISHU_APP_ID: "cli_1", FEISHU_APP_SECRET: "x", FEISHU_APP_KIND: secret },
        /^FEISHU_APP_KIND: must be store or self-built$/
      ]
    ])("with %o names the variable, and not its value", ([variables, expected]) =>
      Effect.gen(function*() {
        const message = yield* messageOf(Configuration.app(new Map(Object.entries(variables))))
        assert.match(message, expected)
        assert.notInclude(message, secret)
      }))
  })

  describe("as a process", () => {
    const success = answer("{\"code\":0,\"msg\":\"success\"}")

    it.scoped("asks the platform that it was told of, as the app that it was told of", () =>
      Effect.gen(function*() {
        const server = yield* listen(success)
        const dotenv = yield* fileOf(`FEISHU_APP_ID=cli_file\nFEISHU_APP_SECRET='${secret}'\nFEISHU_DOMAIN=lark\n`)
        const ended = yield* run(["resend", "--dotenv", dotenv, "--base-url", server.baseUrl], {
          env: { FEISHU_APP_ID: "", FEISHU_DOMAIN: "lark" }
        })
        assert.deepStrictEqual([ended.code, ended.stderr], [0, ""])
        assert.notInclude(ended.stdout, secret)
        // A pipe in place of a file, as from a password manager.
        const { stderr, stdout } = yield* bash(
          `feishu-ticket resend --json --app-secret-file <(printf '%s\\n' "$secret") --app-id cli_option`,
          { ...secrets, secret, FEISHU_APP_ID: "cli_env", FEISHU_BASE_URL: server.baseUrl }
        )
        assert.strictEqual(stderr, "")
        assert.deepInclude(documentIn(stdout), { ok: true })
        assert.deepStrictEqual(server.requests.map((text) => JSON.parse(text.split("\r\n\r\n")[1] ?? "")), [
          { app_id: "cli_file", app_secret: secret },
          { app_id: "cli_option", app_secret: secret }
        ])
      }))

    it.effect("says what is missing in a document, and what else is there is not in it", () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run(["resend", "--json"], { env: secrets })
        assert.deepStrictEqual([code, stderr], [2, ""])
        const { elapsedMs, error, ...document } = documentIn(stdout)
        assert.isNumber(elapsedMs)
        assert.deepStrictEqual(document, { ok: false, attempts: 0 })
        assert.deepInclude(error, { _tag: "UsageError" })
        assert.include(stdout, "FEISHU_APP_ID is not set")
        for (const secret of Object.values(secrets)) assert.notInclude(stdout, secret)
      }))

    it.effect("says that --dotenv names nothing, where Node leaves that to it", () =>
      Effect.gen(function*() {
        // Node looks for this option of its own behind a script's name, too, and then ends with 9 (nodejs/node#54232).
        const { stderr, stdout } = yield* bash(`
          "$node" -- "$bin" resend --dotenv /nowhere/.env; echo "$?"
          feishu-ticket resend --dotenv /nowhere/.env; echo "$?"
        `)
        const [ours, nodes] = stderr.split("\n")
        assert.strictEqual(ours, "✗ --dotenv /nowhere/.env cannot be read: there is no such file")
        assert.include(nodes, "/nowhere/.env")
        assert.match(stdout, /^2\n[29]\n$/)
      }))
  })
})
