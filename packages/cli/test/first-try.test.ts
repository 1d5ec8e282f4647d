/** What a new user tries with a shell: pipes, `$(…)`, standard input, a terminal, a stop. */
import { TicketStore } from "@effect-feishu/core"
import { Emulator, Journal } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { Clock, DateTime, Effect, Layer, Option, Redacted } from "effect"
import * as Path from "node:path"
import { stripVTControlCharacters } from "node:util"
import * as Store from "../src/Store.js"
import { bash } from "./bash.js"
import { run, secrets, startInTerminal } from "./feishuTicket.js"
import { storeIn } from "./servers.js"
import { app, saveUrl, serve, variables } from "./serving.js"

const Live = Layer.merge(NodeContext.layer, Emulator.layerServer({ apps: [], pushDelay: "50 millis" }))

const newFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const kept = "a-ticket-that-is-kept-0123456789"

/** A folder that holds a ticket of the app. */
const withTicket = (appId: string) =>
  Effect.gen(function*() {
    const folder = yield* newFolder
    const sentAt = DateTime.unsafeMake(yield* Clock.currentTimeMillis)
    yield* Effect.flatMap(TicketStore.TicketStore, ({ put }) => put(appId, { value: Redacted.make(kept), sentAt }))
      .pipe(
        Effect.provide(storeIn(folder))
      )
    return folder
  })

layer(Live, { excludeTestServices: true, timeout: "30 seconds" })("a first try", (it) => {
  it.scoped("--raw prints the ticket or the token alone, for $(…)", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const appId = "cli_raw"
      yield* emulator.setApp(app(appId))
      const folder = yield* withTicket(appId)
      const env = yield* variables(appId)
      const { stderr, stdout } = yield* bash(
        `
        echo "<$(feishu-ticket ticket --raw --store "file:$folder")>"
        feishu-ticket token --raw --json --store "file:$folder"; echo $?
      `,
        { ...env, folder }
      )
      assert.strictEqual(stripVTControlCharacters(stderr), "")
      assert.match(stdout, new RegExp(`^<${kept}>\n\\{"ok":false,.*contradict each other.*\\}\n2\n$`))
    }))

  it.scoped("token --raw is a token that the platform takes", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp({ ...app("cli_own"), kind: "self-built" })
      const { stdout } = yield* bash(
        `curl -sS -H "Authorization: Bearer $(feishu-ticket token --raw --tenant t)" "$FEISHU_BASE_URL/open-apis/contact/v3/users"`,
        { ...(yield* variables("cli_own")), FEISHU_APP_KIND: "self-built" }
      )
      assert.include(stdout, "\"code\":0")
    }))

  it.scoped("--app-secret-file - takes the secret from standard input", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_piped"))
      const { FEISHU_APP_SECRET, ...others } = yield* variables("cli_piped")
      const piped = yield* run(["resend", "--json", "--app-secret-file", "-"], {
        env: others,
        stdin: `${FEISHU_APP_SECRET}\n`
      })
      assert.include(piped.stdout, "\"ok\":true")
      const empty = yield* run(["resend", "--app-secret-file", "-"], { env: others, stdin: "" })
      assert.strictEqual(empty.code, 2)
      assert.include(empty.stderr, "--app-secret-file is empty")
    }))

  it.scoped("--app-secret-file - says in a terminal that it reads, and takes what is typed without the end of the line", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_typed"))
      const { FEISHU_APP_SECRET, ...others } = yield* variables("cli_typed")
      const { ended, printed, type } = yield* startInTerminal(["resend", "--app-secret-file", "-"], { env: others })
      const [prompt] = yield* printed(/^--app-secret-file -: .*$/m)
      assert.strictEqual(
        prompt.trimEnd(),
        "--app-secret-file -: reading from the terminal; Enter and then Ctrl-D end the text"
      )
      yield* type(`${FEISHU_APP_SECRET}\n\x04`)
      assert.strictEqual((yield* ended).code, 0)
    }))

  it.scoped("verify --body - says in a terminal that it reads, and how the body ends", () =>
    Effect.gen(function*() {
      const { ended, printed, type } = yield* startInTerminal(["verify", "--body", "-"], {
        env: { FEISHU_ENCRYPT_KEY: secrets.FEISHU_ENCRYPT_KEY }
      })
      yield* printed(/--body -: reading from the terminal; Ctrl-D twice ends the text/)
      yield* type("{}\x04\x04")
      assert.strictEqual((yield* ended).code, 1)
    }))

  it.scoped("serve | tee garbles no line in a terminal, and ends with 0", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const appId = "cli_tee"
      yield* emulator.setApp(app(appId))
      const folder = yield* newFolder
      const { stdout } = yield* bash(
        `
        script -qec '"$node" "$bin" serve --port 0 --store memory --events | tee "$folder/out"' /dev/null < /dev/null &
        until grep -q "^store" "$folder/out" 2> /dev/null; do sleep 0.1; done
        url=$(grep -o "http://localhost:[0-9/a-z]*" "$folder/out" | head -1)
        curl -sS "$FEISHU_BASE_URL/_emulator/apps/cli_tee/request-url" -X PUT -H 'content-type: application/json' -d "{\\"url\\":\\"$url\\"}"
        sleep 0.3
        curl -sS -X POST "$FEISHU_BASE_URL/_emulator/apps/cli_tee/tickets"; echo
        until grep -q "^ticket" "$folder/out"; do sleep 0.1; done
        pkill -TERM -f "[s]erve --port 0 --store memory --events$"
        wait
      `,
        { ...yield* variables(appId), folder, TERM: "xterm-256color" }
      )
      assert.match(stdout, /^ticket +\w{4}…, sent at/m)
      assert.notMatch(stdout, /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/)
      assert.notInclude(stdout, "\x1b[2K")
    }))

  it.scoped("serve ends with 0 after SIGTERM and after Ctrl-C", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const appId = `cli_${signal}`
        yield* emulator.setApp(app(appId))
        const command = yield* serve(appId)
        yield* saveUrl(appId, command.url)
        yield* command.signal(signal)
        assert.strictEqual((yield* command.ended).code, 0)
      }
      assert.isTrue((yield* emulator.journal).some(Journal.$is("Handshake")))
    }))
})

layer(NodeContext.layer)("a folder for --store", (it) => {
  it.effect("is LOCALAPPDATA on Windows, and a drive's letter is part of a path", () =>
    Effect.gen(function*() {
      const location = (option: Option.Option<string>, variables: Record<string, string> = {}) =>
        Effect.map(
          Store.parse(option, new Map(Object.entries(variables)), {
            ...Path.win32,
            platform: "win32",
            home: "C:\\Users\\me"
          }),
          (location) => location._tag === "Files" ? location.path : location._tag
        )
      assert.strictEqual(
        yield* location(Option.none(), { LOCALAPPDATA: "C:\\Users\\me\\AppData\\Local" }),
        "C:\\Users\\me\\AppData\\Local\\feishu-ticket"
      )
      assert.strictEqual(yield* location(Option.none()), "C:\\Users\\me\\.local\\state\\feishu-ticket")
      assert.strictEqual(yield* location(Option.some("file:D:\\tickets")), "D:\\tickets")
      assert.strictEqual(yield* location(Option.some("file:~\\tickets")), "C:\\Users\\me\\tickets")
      assert.strictEqual(yield* location(Option.none(), { XDG_STATE_HOME: "D:\\state" }), "D:\\state\\feishu-ticket")
    }))
})
