/** The files and addresses of `feishu-ticket emulator`: `--state`, `--answers`, `--write-env`, `--dotenv`, `--host`, `--base-url`. */
import * as Emulator from "@effect-feishu/emulator/Emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { parseEnv, stripVTControlCharacters } from "node:util"
import * as Destination from "../src/commands/emulator/destination.js"
import * as EnvFile from "../src/commands/emulator/envFile.js"
import * as StateFile from "../src/commands/emulator/stateFile.js"
import { bash } from "./bash.js"
import { documentIn, run, secrets, start } from "./feishuTicket.js"
import { runHere } from "./runHere.js"
import * as Servers from "./servers.js"
import { assertNoSecrets } from "./serving.js"

const names = ["FEISHU_APP_SECRET", "FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"] as const

const folder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const read = (path: string) => Fs.readFileSync(path, "utf8")
const mode = (path: string) => Fs.statSync(path).mode & 0o777

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body)
    })
    return { status: response.status, json: await response.json() as Record<string, unknown> }
  })

/** Starts the emulator, and returns what it printed first. */
const begin = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const command = yield* start(["emulator", "--port", "0", ...args])
    yield* command.printed(/\n\n/)
    const text = yield* command.stdout
    const variables = parseEnv(text)
    const stop = Effect.andThen(command.signal("SIGTERM"), command.ended)
    return { ...command, text, variables, url: variables["FEISHU_BASE_URL"] ?? "", stop }
  })

const refused = (args: ReadonlyArray<string>, sentence: RegExp, env: Record<string, string> = {}) =>
  Effect.map(runHere(["emulator", "--port", "0", ...args], { env }), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 2, stderr)
    assert.strictEqual(stdout, "")
    assert.match(stripVTControlCharacters(stderr), sentence)
    return stderr
  })

/** A request URL that reads tickets in clear text, for an app without an encrypt key. */
const service = Effect.gen(function*() {
  const tickets: Array<string> = []
  const url = yield* Servers.site({
    events: (request, response) => {
      let text = ""
      request.on("data", (chunk: Buffer) => void (text += chunk.toString()))
      request.on("end", () => {
        const { challenge, event } = JSON.parse(text) as {
          readonly challenge?: string
          readonly event?: { readonly app_ticket: string }
        }
        if (event !== undefined) tickets.push(event.app_ticket)
        response.end(JSON.stringify({ challenge }))
      })
    }
  })
  return { url: `${url}/events`, tickets }
})

layer(NodeContext.layer, { excludeTestServices: true, timeout: "30 seconds" })("feishu-ticket emulator", (it) => {
  describe("--state", () => {
    it.scoped("lets the next run go on with secrets, tenants, request URL, tickets and tokens", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const { tickets, url: requestUrl } = yield* service
        const first = yield* begin("--state", path, "--tenant", "tenant_a")
        assert.strictEqual(mode(path), 0o600)
        const patch = yield* Effect.promise(() =>
          fetch(`${first.url}/_emulator/apps/cli_emulated`, {
            method: "PATCH",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ encryptKey: null })
          })
        )
        assert.strictEqual(patch.status, 204)
        const steer = (url: string, ...args: ReadonlyArray<string>) =>
          run(["emulator", ...args, "--url", url, "--json"])
        assert.strictEqual((yield* steer(first.url, "app", "request-url", requestUrl)).code, 0)
        yield* steer(first.url, "clock", "1h")
        assert.strictEqual((yield* steer(first.url, "push", "app_ticket")).code, 0)
        const issued = yield* post(`${first.url}/_emulator/apps/cli_emulated/user-tokens`, {})
        assert.strictEqual((yield* first.stop).code, 0)
        assert.deepStrictEqual(Fs.readdirSync(join(path, "..")), ["state.json"])

        const second = yield* begin("--state", path)
        assert.strictEqual(second.variables["FEISHU_APP_SECRET"], first.variables["FEISHU_APP_SECRET"])
        assert.strictEqual(second.variables["FEISHU_VERIFICATION_TOKEN"], first.variables["FEISHU_VERIFICATION_TOKEN"])
        assert.notProperty(second.variables, "FEISHU_ENCRYPT_KEY")
        assert.include(second.text, `# The platform pushes to ${requestUrl}, as before.`)
        const state = documentIn((yield* steer(second.url, "state")).stdout)
        const [app] = state["apps"] as ReadonlyArray<Record<string, unknown>>
        assert.deepInclude(app, { appId: "cli_emulated", tenants: ["tenant_a"], requestUrl, hasEncryptKey: false })
        const token = (ticket: string | undefined) =>
          post(`${second.url}/open-apis/auth/v3/app_access_token`, {
            app_id: "cli_emulated",
            app_secret: second.variables["FEISHU_APP_SECRET"],
            app_ticket: ticket
          })
        // The ticket of the first run has 3 hours on the wall, though the clock was ahead.
        assert.isAtLeast(tickets.length, 1)
        assert.deepInclude((yield* token(tickets.at(-1))).json, { code: 0 })
        const [ticket] = (app?.["tickets"] ?? []) as ReadonlyArray<{ readonly expiresAt: number }>
        assert.closeTo((ticket?.expiresAt ?? 0) - Number(state["now"]), 3 * 3_600_000, 600_000)
        assert.notStrictEqual((yield* token("another")).json["code"], 0)
        const called = yield* Effect.promise(() =>
          fetch(`${second.url}/open-apis/contact/v3/users`, {
            headers: { authorization: `Bearer ${issued.json["userAccessToken"]}` }
          })
        )
        assert.strictEqual(called.status, 200)
        yield* second.stop
      }))

    it.scoped("is no longer written by an emulator after another one has written it, so that no app is lost", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const first = yield* begin("--state", path)
        const second = yield* begin("--state", path, "--app-id", "cli_second")
        yield* run(["emulator", "app", "tenants", "one", "--url", first.url])
        yield* Effect.sleep("600 millis")
        yield* first.stop
        yield* second.stop
        const third = yield* begin("--state", path, "--app-id", "cli_second")
        assert.strictEqual(third.variables["FEISHU_APP_SECRET"], second.variables["FEISHU_APP_SECRET"])
      }))

    it.scoped("is left alone after somebody has changed it, until the end of the emulator", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const running = yield* begin("--state", path)
        Fs.writeFileSync(path, "somebody's")
        yield* run(["emulator", "app", "tenants", "one", "--url", running.url])
        yield* running.logged(/was changed by another program/)
        Fs.rmSync(path)
        yield* run(["emulator", "app", "tenants", "two", "--url", running.url])
        yield* running.stop
        assert.isFalse(Fs.existsSync(path))
      }))

    it.scoped("is written again after it was removed, with a change that came at once before the end", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const running = yield* begin("--state", path)
        Fs.rmSync(path)
        yield* run(["emulator", "app", "tenants", "last", "--url", running.url])
        yield* running.stop
        assert.include(read(path), "last")
      }))

    it.scoped("is not replaced if it was changed between its reading and the first writing", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        Fs.writeFileSync(path, "newer")
        const emulator = yield* Emulator.Emulator
        const error = yield* Effect.flip(
          StateFile.keep(path, emulator, { appId: "cli_a", before: "older", made: new Map() })
        )
        assert.include(error.message, "another program writes it")
        assert.strictEqual(read(path), "newer")
      }).pipe(Effect.provide(Emulator.layerHttpClient({ apps: [] }))))

    it.scoped("is refused, and left as it is, if --write-env names the same file", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "both")
        const { code, stderr } = yield* run(["emulator", "--port", "0", "--state", path, "--write-env", path])
        assert.strictEqual(code, 2)
        assert.match(stderr, /--state and --write-env name the same file/)
        assert.isFalse(Fs.existsSync(path))
      }))

    it.scoped("writes each change while it runs, so that a killed run loses nothing", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const first = yield* begin("--state", path)
        yield* run(["emulator", "app", "tenants", "one", "two", "--url", first.url])
        yield* Effect.sleep("600 millis")
        yield* first.signal("SIGKILL")
        yield* Effect.exit(first.ended)
        const second = yield* begin("--state", path)
        assert.deepStrictEqual(second.variables["FEISHU_APP_SECRET"], first.variables["FEISHU_APP_SECRET"])
        assert.match((yield* run(["emulator", "state", "--url", second.url])).stdout, /tenants +one, two/)
      }))

    it.scoped("keeps a secret that was given, takes it again, and never prints it", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "state.json")
        const given = yield* start(["emulator", "--port", "0", "--state", path], { env: { ...secrets } })
        yield* given.printed(/\n\n/)
        yield* given.signal("SIGTERM")
        assertNoSecrets((yield* given.ended).stdout)
        const { stop, text, variables } = yield* begin("--state", path)
        assertNoSecrets(text)
        assert.notProperty(variables, "FEISHU_APP_SECRET")
        assert.include(text, `# ${names.join(", ")}: left out here, because ${path} has it\n`)
        yield* stop
        // Another secret of the environment counts, and is kept.
        const other = yield* start(["emulator", "--port", "0", "--state", path], {
          env: { FEISHU_APP_SECRET: "another-secret" }
        })
        yield* other.printed(/\n\n/)
        yield* other.signal("SIGTERM")
        yield* other.ended
        assert.include(read(path), "another-secret")
      }))

    it.scoped("is refused, and left as it is, if the file is corrupt, of another version, or cannot be read or written", () =>
      Effect.gen(function*() {
        const at = yield* folder
        const valid = { version: 1, appId: "a", apps: [{ appId: "a", appSecret: "s", madeUp: [], tickets: [] }] }
        const [app] = valid.apps
        const cases: ReadonlyArray<readonly [text: string, sentence: RegExp]> = [
          ["", /^✗ --state \S+ holds no JSON: .*\. It is left as it is: choose another file, or remove this one$/m],
          ["{\"version\":1,", /holds no JSON: /],
          ["{}", /is no state of an emulator: version: is missing/],
          [JSON.stringify({ ...valid, version: 2 }), /is of version 2, and this feishu-ticket knows version 1\./],
          [JSON.stringify({ ...valid, apps: [{ ...app, appSecret: 7 }] }), /apps\[0\]\.appSecret: /],
          ["{\"appSecret\":supersecret}", /holds no JSON: line 1, column 14 is wrong\. It is left/],
          [
            JSON.stringify({ ...valid, apps: [{ ...app, tickets: [{ value: ["supersecret"], expiresAt: "" }] }] }),
            /apps\[0\]\.tickets\[0\]\.value: Expected string\b/
          ],
          [
            JSON.stringify({ ...valid, apps: [{ ...app, tickets: [{ value: "t", expiresAt: "supersecret" }] }] }),
            /apps\[0\]\.tickets\[0\]\.expiresAt: must be a time, as 2026-01-31T12:00:00Z\. It is left/
          ],
          [JSON.stringify({ ...valid, apps: [app, app] }), /has two apps of the id a\./]
        ]
        for (const [i, [text, sentence]] of cases.entries()) {
          const path = join(at, `${i}.json`)
          Fs.writeFileSync(path, text)
          assert.notInclude(yield* refused(["--state", path], sentence), "supersec")
          assert.strictEqual(read(path), text)
        }
        yield* refused(["--state", at], /^✗ --state \S+ cannot be read: it is a folder\. It is left/)
        yield* refused(
          ["--state", join(at, "nowhere/s.json")],
          /^✗ --state \S+ cannot be written: its folder does not exist$/m
        )
        yield* refused(["--state", join(at, "0.json/s.json")], /^✗ --state \S+ cannot be /)
      }))
  })

  describe("--answers", () => {
    it.scoped("answers calls with what the file says", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "answers.json")
        const answers = [
          { method: "GET", path: "/open-apis/contact/v3/users/:user_id", body: { code: 0, data: { name: "Ann" } } },
          { path: "/open-apis/im/v1/messages", status: 503, body: { code: 1 } }
        ]
        Fs.writeFileSync(path, JSON.stringify(answers))
        const { stop, url } = yield* begin("--answers", path)
        const issued = yield* run(["emulator", "app", "user-token", "--reveal", "--json", "--url", url])
        const authorization = `Bearer ${String(documentIn(issued.stdout)["token"])}`
        const user = yield* Effect.promise(async () => {
          const response = await fetch(`${url}/open-apis/contact/v3/users/ou_1`, { headers: { authorization } })
          return await response.json() as unknown
        })
        assert.deepStrictEqual(user, { code: 0, data: { name: "Ann" } })
        const message = yield* post(`${url}/open-apis/im/v1/messages`, {}, { authorization })
        assert.deepStrictEqual(message, { status: 503, json: { code: 1 } })
        yield* stop
      }))

    it.scoped("is refused with the file and the field that is wrong", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "answers.json")
        const cases: ReadonlyArray<readonly [text: string, sentence: RegExp]> = [
          ["[", /^✗ --answers \S+answers\.json holds no JSON: /],
          ["{}", /^✗ --answers \S+answers\.json: Expected ReadonlyArray/],
          ["[{\"body\":1}]", /^✗ --answers \S+answers\.json: \[0\]\.path: is missing/],
          [
            "[{\"path\":\"/open-apis/x\",\"body\":1},{\"path\":\"/open-apis/y\",\"body\":1,\"status\":99}]",
            /json: \[1\]\.status: /
          ],
          ["[{\"path\":\"/open-apis/x\",\"body\":1,\"statsu\":200}]", /json: \[0\]\.statsu: is unexpected/],
          ["[{\"path\":\"nowhere\",\"body\":1}]", /^✗ --answers \S+answers\.json: .*nowhere/],
          [
            "[{\"path\":\"/open-apis/auth/v3/app_access_token\",\"body\":1}]",
            /^✗ --answers \S+: .*answered by the emulator/
          ]
        ]
        for (const [text, sentence] of cases) {
          Fs.writeFileSync(path, text)
          yield* refused(["--answers", path], sentence)
        }
        yield* refused(["--answers", `${path}.none`], /^✗ --answers \S+ cannot be read: there is no such file$/m)
      }))
  })

  describe("--write-env", () => {
    it.scoped("writes a file for --dotenv, keeps its other lines, and lets the next run go on with its secrets", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "app.env")
        const first = yield* begin("--write-env", path)
        assert.strictEqual(mode(path), 0o600)
        assert.deepStrictEqual(parseEnv(read(path)), { ...first.variables })
        assert.include(first.text, `# ${path} has all of these variables.\n`)
        yield* first.stop
        const before = read(path)
        Fs.writeFileSync(path, `# mine\nOTHER="a b"\nexport FEISHU_DOMAIN=lark\n${before}LAST=1\n`)
        Fs.chmodSync(path, 0o640)
        const second = yield* begin("--write-env", path)
        assert.strictEqual(mode(path), 0o640)
        assert.deepStrictEqual(
          { ...parseEnv(read(path)) },
          { ...first.variables, FEISHU_BASE_URL: second.url, OTHER: "a b", LAST: "1" }
        )
        assert.isTrue(read(path).startsWith("# mine\nOTHER=\"a b\"\n# export FEISHU_DOMAIN=lark\nFEISHU_BASE_URL="))
        // The file has the secrets, so they are not printed again.
        assert.notProperty(second.variables, "FEISHU_APP_SECRET")
        assert.include(second.text, `left out here, because ${path} has it`)
        const resent = yield* run(["resend", "--dotenv", path, "--json"])
        assert.strictEqual(resent.code, 0, resent.stdout)
        yield* second.stop
      }))

    it.scoped("writes secrets that were given elsewhere, and refuses to replace others", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "app.env")
        const command = yield* start(["emulator", "--port", "0", "--write-env", path], { env: secrets })
        yield* command.printed(/\n\n/)
        yield* command.signal("SIGTERM")
        assertNoSecrets((yield* command.ended).stdout)
        assert.deepInclude(parseEnv(read(path)), secrets)
        const text = read(path)
        const message = yield* refused(
          ["--write-env", path],
          /has another FEISHU_APP_SECRET than this command is given, and would lose it: choose another file/,
          { FEISHU_APP_SECRET: "not the same" }
        )
        assertNoSecrets(message, ["not the same"])
        yield* refused(["--write-env", path, "--app-id", "cli_other"], /has another FEISHU_APP_ID/)
        yield* refused(["--write-env", join(path, "..")], /^✗ --write-env \S+ cannot be read: it is a folder$/m)
        assert.strictEqual(read(path), text)
      }))
  })

  describe("--dotenv", () => {
    const content = `${
      Object.entries({ FEISHU_APP_ID: "cli_mine", ...secrets })
        .map(([name, value]) => EnvFile.line(name, value)).join("\n")
    }\n`

    it.scoped("says which secrets are in the file and not in what is printed", () =>
      Effect.gen(function*() {
        const path = join(yield* folder, "mine.env")
        Fs.writeFileSync(path, content)
        const { stop, text, variables } = yield* begin("--dotenv", path)
        assertNoSecrets(text)
        assert.hasAllKeys(variables, ["FEISHU_BASE_URL", "FEISHU_APP_ID"])
        assert.include(text, `# ${names.join(", ")}: left out here, because ${path} has it\n`)
        yield* stop
        const part = join(yield* folder, "part.env")
        Fs.writeFileSync(part, "FEISHU_APP_ID=cli_mine\nFEISHU_APP_SECRET=mine-0123456789\n")
        const second = yield* begin("--dotenv", part)
        assert.include(second.text, `# FEISHU_APP_SECRET: left out here, because ${part} has it\n`)
        assert.containsAllKeys(second.variables, ["FEISHU_ENCRYPT_KEY", "FEISHU_VERIFICATION_TOKEN"])
        yield* second.stop
      }))

    it.scoped.each([
      ["> FILE, which the shell empties", "> \"$file\"", ""],
      ["| tee FILE, which empties the file", "| tee \"$file\" > /dev/null", ""],
      [">> FILE, which would grow", ">> \"$file\"", content],
      ["| tee -a FILE, which would grow", "| tee -a \"$file\" > /dev/null", content]
    ])("is refused with %s", ([_, redirection, after]) =>
      Effect.gen(function*() {
        const file = join(yield* folder, "mine.env")
        Fs.writeFileSync(file, content)
        // The command begins after the file is emptied: a file that is emptied later is restored.
        const begun = after === "" ? "until [ ! -s \"$file\" ]; do sleep 0.01; done;" : ""
        const { stderr } = yield* bash(
          `{ ${begun} feishu-ticket emulator --port 0 --dotenv "$file"; } ${redirection}; echo "\${PIPESTATUS[0]}" >&2`,
          { file }
        )
        assert.match(stderr, /^✗ .*Let this command write the file itself, with --write-env \S+mine\.env in place of/m)
        assert.match(stderr, /\n2\n$/)
        // Nothing of the command is in the file.
        assert.strictEqual(read(file), after)
      }))

    it.scoped("survives the documented use in a shell, with the file both read and written", () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "mine.env")
        Fs.writeFileSync(file, `${content}OTHER=1\n`)
        const { stdout } = yield* bash(
          `
          mkfifo "$file.pipe"
          "$node" "$bin" emulator --port 0 --dotenv "$file" --write-env "$file" > "$file.pipe" & pid=$!
          while read -r line; do [ -z "$line" ] && break; done < "$file.pipe"
          cat "$file"
          kill "$pid"; wait`,
          { file }
        )
        const { FEISHU_BASE_URL, ...others } = parseEnv(stdout)
        assert.match(FEISHU_BASE_URL ?? "", /^http:\/\/127\.0\.0\.1:\d+$/)
        assert.deepStrictEqual(others, { FEISHU_APP_ID: "cli_mine", ...secrets, OTHER: "1" })
      }))

    it.scoped("is restored if the shell empties the file after it was read", () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "mine.env")
        Fs.writeFileSync(file, content)
        const { variables, verify } = yield* Destination.guard(file)
        assert.deepInclude({ ...variables }, secrets)
        yield* verify
        Fs.writeFileSync(file, "")
        const exit = yield* Effect.exit(verify)
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(read(file), content)
      }))

    it.scoped("--write-env is refused, too, if standard output goes into its file", () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "new.env")
        const { stderr } = yield* bash(
          "feishu-ticket emulator --port 0 --write-env \"$file\" > \"$file\"; echo \"$?\" >&2",
          { file }
        )
        assert.match(stderr, /^✗ standard output goes into \S+new\.env, the file of --write-env/m)
        assert.match(stderr, /\n2\n$/)
      }))
  })

  describe("--host and --base-url", () => {
    it.scoped("say where the emulator is, warn if other machines can reach it, and name the console", () =>
      Effect.gen(function*() {
        const own = yield* begin()
        assert.match(
          own.text,
          /^# The platform listens on (http:\S+)\n# Console for the browser: \1\/\n# The app:\n/
        )
        assert.strictEqual((yield* own.stop).stderr, "")

        const open = yield* begin("--host", "0.0.0.0", "--base-url", "http://emulator:4000/")
        assert.match(open.text, /^# The platform listens on http:\/\/emulator:4000\n/)
        assert.deepInclude(open.variables, { FEISHU_BASE_URL: "http://emulator:4000", FEISHU_ALLOW_HTTP: "true" })
        assert.match(yield* open.stderr, /warning: other machines can reach the emulator at 0\.0\.0\.0: /)
        yield* open.stop
        yield* refused(["--base-url", "emulator:4000"], /^✗ --base-url must be an http or https URL$/m)
        yield* refused(
          ["--host", "192.0.2.1"],
          /^✗ port 0 of 192\.0\.2\.1 cannot be listened on: choose others with --port and/
        )
      }))

    it.scoped("let an app call http://emulator with FEISHU_ALLOW_HTTP, though the name is not loopback", () =>
      Effect.gen(function*() {
        const at = yield* folder
        const file = join(at, "app.env")
        const port = yield* Effect.scoped(Effect.map(Servers.site({}), (url) => new URL(url).port))
        const emulator = yield* start(
          ["emulator", "--port", port, "--base-url", `http://emulator:${port}`, "--write-env", file]
        )
        yield* emulator.printed(/\n\n/)
        // Stands for the name server of a network of containers.
        const names = join(at, "names.mjs")
        Fs.writeFileSync(
          names,
          `import dns from "node:dns"
          const lookup = dns.lookup
          dns.lookup = (name, ...rest) => lookup(name === "emulator" ? "127.0.0.1" : name, ...rest)`
        )
        const env = { NODE_OPTIONS: `--import=${names}` }
        const resent = yield* run(["resend", "--dotenv", file, "--json"], { env })
        assert.strictEqual(resent.code, 0, resent.stdout)
        const state = yield* run(["emulator", "state", "--dotenv", file, "--json"], { env })
        assert.deepInclude(documentIn(state.stdout), { ok: true, baseUrl: `http://emulator:${port}` })
        const without = join(at, "without.env")
        Fs.writeFileSync(without, read(file).replace(/^FEISHU_ALLOW_HTTP.*\n/m, ""))
        const refusedCall = yield* run(["resend", "--dotenv", without], { env })
        assert.strictEqual(refusedCall.code, 2)
        assert.include(refusedCall.stderr, "FEISHU_ALLOW_HTTP=true")
        const health = yield* Effect.promise(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).status)
        assert.strictEqual(health, 200)
      }))
  })
})

describe("EnvFile", () => {
  it.each([
    ["plain", "cli_1", "A=cli_1"],
    ["with a space and a hash", "a #b", "A='a #b'"],
    ["with a single quote", "it's", "A=`it's`"],
    ["with a single quote and a backtick", "it's `x`", "A=\"it's `x`\""]
  ])("quotes a value %s so that Node and this command read it back", (_, value, line) => {
    assert.strictEqual(EnvFile.line("A", value), line)
    assert.deepStrictEqual({ ...parseEnv(`${line}\n`) }, { A: value })
  })

  it("quotes a value so that bash reads it back", () => {
    for (const value of ["cli_1", "a #b", "a$b"]) {
      const { stdout } = spawnSync("bash", ["-c", `${EnvFile.line("A", value)}; printf %s "$A"`], { encoding: "utf8" })
      assert.strictEqual(stdout, value)
    }
  })

  it("merges variables into lines, and keeps comments, order and line ends", () => {
    assert.strictEqual(EnvFile.merge("", { A: "1" }), "A=1\n")
    assert.strictEqual(EnvFile.merge("# c\nB=2\nA=0\nexport A=3", { A: "1", C: "4" }), "# c\nB=2\nA=1\nC=4\n")
    assert.strictEqual(EnvFile.merge("A=0\nB=1\n", { A: undefined }), "# A=0\nB=1\n")
  })
})
