/** What the words of a command line mean, and what is said about words that mean nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { stripVTControlCharacters } from "node:util"
import * as Command from "../src/Command.js"
import * as CommandLine from "../src/CommandLine.js"
import * as Input from "../src/Input.js"
import * as InProcess from "./inProcess.js"

const seen: Array<unknown> = []
const load = async () => ({ run: (values: unknown) => Effect.sync(() => void seen.push(values)) })

const json = Input.flag("Print JSON.")

const commands = [
  Command.make("resend", {
    description: "Ask for a ticket.",
    options: {
      appId: Input.optional(Input.text("id"), "The app."),
      appSecretFile: Input.optional(Input.file, "The secret."),
      retryFor: Input.optional(Input.duration, "How long."),
      count: Input.optional(Input.integer("count"), "How often."),
      part: Input.optional(Input.number, "A part."),
      json
    },
    examples: ["resend --json"],
    load
  }),
  Command.make("serve", {
    description: "Listen.",
    options: {
      domain: Input.optional(Input.choice(["feishu", "lark"]), "Where."),
      tenant: Input.repeated(Input.text("key"), "Who."),
      port: Input.withDefault(Input.port, 3000, "The port.")
    },
    examples: [],
    isService: true,
    load
  }),
  Command.make("verify", {
    description: "Verify.",
    options: { body: Input.required(Input.file, "The body.") },
    examples: [],
    load
  }),
  Command.make("emulator", {
    description: "Emulate.",
    options: { json, port: Input.withDefault(Input.port, 4000, "The port.") },
    examples: [],
    load,
    commands: [
      Command.make("push", {
        description: "Push.",
        args: { event: Input.required(Input.text("event"), "What.") },
        options: { app: Input.optional(Input.text("id"), "Which app."), json },
        examples: [],
        load
      }),
      Command.group("app", {
        description: "Change an app.",
        examples: [],
        commands: [
          Command.make("tenants", {
            description: "Set tenants.",
            args: { keys: Input.oneOrMore(Input.text("key"), "A key.") },
            options: { json },
            examples: [],
            load
          })
        ]
      })
    ]
  })
]

const root = Command.group("feishu-ticket", { description: "See whether it works.", examples: [], commands })

const parse = (line: string) => CommandLine.parse(line === "" ? [] : line.split(" "), root, "1.2.3")

const wrong = (line: string) => {
  const parsed = parse(line)
  assert(parsed._tag === "wrong", line)
  return parsed.message
}

const printed = (line: string) => {
  const parsed = parse(line)
  assert(parsed._tag === "print", line)
  return stripVTControlCharacters(parsed.text)
}

/** What the command is run with. */
const values = (line: string) =>
  Effect.gen(function*() {
    const parsed = parse(line)
    assert(parsed._tag === "run", line)
    seen.length = 0
    yield* Effect.provide(Effect.flatten(Effect.promise(parsed.load)), InProcess.layer({ stdout: [], stderr: [] }))
    return { command: parsed.command.name, values: seen[0], logLevel: parsed.logLevel }
  })

const none = Option.none()
const resend = { appId: none, appSecretFile: none, retryFor: none, count: none, part: none, json: false }
const serve = { domain: none, tenant: [], port: 3000 }

describe("A command line", () => {
  it.effect.each<[string, string, object]>([
    ["resend", "resend", resend],
    ["resend --json", "resend", { ...resend, json: true }],
    ["resend --retry-for 5m", "resend", { ...resend, retryFor: Option.some(Duration.minutes(5)) }],
    ["resend --app-id=a=b --app-id c", "resend", { ...resend, appId: Option.some("c") }],
    ["resend --app-id -x", "resend", { ...resend, appId: Option.some("-x") }],
    ["resend --count -3 --part 0.5", "resend", { ...resend, count: Option.some(-3), part: Option.some(0.5) }],
    ["serve --tenant a --tenant b --domain lark", "serve", {
      ...serve,
      tenant: ["a", "b"],
      domain: Option.some("lark")
    }],
    ["serve --port 0", "serve", { ...serve, port: 0 }],
    ["verify --body -", "verify", { body: "-" }],
    ["emulator", "emulator", { json: false, port: 4000 }],
    ["emulator --json --port 1", "emulator", { json: true, port: 1 }],
    ["emulator push x --json", "push", { event: "x", app: none, json: true }],
    ["emulator --json push x", "push", { event: "x", app: none, json: true }],
    ["emulator push --app a x", "push", { event: "x", app: Option.some("a"), json: false }],
    ["emulator push -", "push", { event: "-", app: none, json: false }],
    ["emulator app tenants one two --json", "tenants", { keys: ["one", "two"], json: true }]
  ])("%s runs %s", ([line, command, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* values(line), { command, values: expected, logLevel: "info" })
    }))

  it.effect.each([
    "--log-level debug resend",
    "resend --log-level debug",
    "resend --log-level=debug",
    "--log-level info resend --log-level debug"
  ])(
    "%s sets the log level",
    (line) =>
      Effect.gen(function*() {
        assert.deepInclude(yield* values(line), { command: "resend", values: resend, logLevel: "debug" })
      })
  )

  it.each([
    [
      "resend --retry-for soon",
      /--retry-for <duration>' argument 'soon' is invalid\. It must be a number with its unit/
    ],
    ["resend --retry-for", /--retry-for <duration>' argument missing/],
    ["resend --retry-fro 3s", /unknown option '--retry-fro' \(Did you mean --retry-for\?\)/],
    ["resend --count 1.5", /must be a whole number/],
    ["resend --count many", /must be a whole number/],
    ["resend --part x", /must be a number/],
    ["resend --app-id=", /must not be empty/],
    ["resend --json=true", /'--json' is no option of this command, or takes no value/],
    ["resend --log-level loud", /must be one of all, trace/],
    ["resend x", /too many arguments for 'resend'/],
    ["resnd", /unknown command 'resnd' \(Did you mean resend\?\)/],
    ["foo --help", /unknown command 'foo'/],
    ["help foo", /unknown command 'foo'/],
    ["--log-level debug help foo", /unknown command 'foo'/],
    ["help emulator foo", /unknown command 'foo': emulator has push, app/],
    ["emulator foo --help", /unknown command 'foo': emulator has push, app/],
    ["emulator --json foo --help", /unknown command 'foo': emulator has push, app/],
    ["emulator help foo", /unknown command 'foo': emulator has push, app/],
    ["--json", /unknown option '--json'/],
    ["--json resend", /unknown option '--json'/],
    ["serve --domain mars", /must be one of feishu, lark/],
    ["serve --port 65536", /must be a number from 0 to 65535/],
    ["serve --port -1", /must be a number from 0 to 65535/],
    ["verify", /required option '--body <file>' not specified/],
    ["emulator pusj", /unknown command 'pusj': emulator has push, app/],
    ["emulator push", /missing required argument 'event'/],
    ["emulator push x y", /too many arguments for 'push'/],
    ["emulator push x --port 3", /unknown option '--port'/],
    ["emulator --port 3 push x", /unknown option '--port' of push/],
    ["emulator --port 3 app tenants x", /unknown option '--port' of tenants/],
    ["emulator app", /missing command: app has tenants/],
    ["emulator app tenant", /unknown command 'tenant': app has tenants/],
    ["emulator app tenants", /missing required argument 'key'/]
  ])("%s is refused", (line, sentence) => {
    assert.match(wrong(line), sentence)
  })

  it("takes the last value of an option that another command lets repeat", () => {
    for (const input of [Input.optional(Input.text("key"), ""), Input.withDefault(Input.text("key"), "", "")]) {
      assert.include(JSON.stringify(input.of(["a", "b"])), "\"b\"")
    }
  })

  it("is refused without the value of an option, which may be a secret", () => {
    for (
      const line of ["resend --app-secret s3cret", "resend --app-secret=s3cret", "resend s3cret", "resend -- s3cret"]
    ) {
      assert.notInclude(wrong(line), "s3cret")
    }
  })

  it.each(["-v", "--version", "--version resend"])("%s prints the version", (line) => {
    assert.strictEqual(printed(line), "1.2.3")
  })

  it.each(["", "-h", "--help", "help", "help help", "help --help"])("%o prints the commands", (line) => {
    const text = printed(line)
    for (const { description, name } of commands) {
      assert.match(text, new RegExp(`^  ${name} \\[options\\] +${description}$`, "m"))
    }
    assert.include(text, "Exit codes:")
    assert.include(text, "FEISHU_APP_ID")
  })

  it.each(["resend --help", "resend -h", "help resend", "resend --json --help"])("%s prints the options", (line) => {
    const text = printed(line)
    assert.match(text, /--retry-for <duration>\s+How long\./)
    assert.include(text, "$ feishu-ticket resend --json")
  })

  it.each([
    "emulator push --help",
    "help emulator push",
    "emulator help push",
    "--log-level debug help emulator push"
  ])("%s prints the words, too", (line) => {
    assert.match(printed(line), /Usage: feishu-ticket emulator push \[options\] <event>/)
  })

  it.each(["emulator help", "help emulator", "emulator help help"])(
    "%s prints the commands of the emulator",
    (line) => {
      const text = printed(line)
      assert.match(text, /^Usage: feishu-ticket emulator \[options\] \[command\]$/m)
      assert.match(text, /^  help \[command\.\.\.\] +Show the help of a command\.$/m)
    }
  )
})
