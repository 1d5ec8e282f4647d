/** What is said of a command line that is wrong. */
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { check } from "../src/CommandLine.js"

const commands = [
  { name: "resend", options: ["--app-id text", "--app-secret-file file", "--retry-for duration", "--json"] },
  { name: "serve", options: ["--domain feishu | lark", "--tenant key...", "--port number", "--json"] },
  { name: "token", options: ["--json"] },
  { name: "emulator", options: ["--port number", "--json"] },
  { name: "emulator push", options: ["--app id", "--json"], args: ["<EVENT>"] },
  { name: "emulator app", options: [], isGroup: true },
  { name: "emulator app tenants", options: ["--app id"], args: ["<KEY> 1+"] }
]

const wrong = (line: string) => Either.getOrThrow(Either.flip(check(line.split(" "), commands)))
const right = (line: string) => {
  const { command, logLevel } = Either.getOrThrow(check(line.split(" "), commands))
  return [...logLevel, ...command].join(" ")
}

describe("CommandLine", () => {
  it.each([
    ["--json resend", "options stand behind the command: feishu-ticket resend --json"],
    ["--app-id=cli_1 resend", "options stand behind the command: feishu-ticket resend --app-id"],
    ["--json", "the first word is a command: resend, serve, token or emulator"],
    ["--log-level debug", "the first word is a command: resend, serve, token or emulator"],
    ["resnd", "there is no command resnd: did you mean resend?"],
    ["Serve --json", "there is no command Serve: did you mean serve?"],
    ["status", "there is no command status: there are resend, serve, token and emulator"],
    ["resend --retry-fro 3s", "resend has no option --retry-fro: did you mean --retry-for?"],
    ["resend --JSON", "resend has no option --JSON: did you mean --json?"],
    ["resend --verbose", "resend has no option --verbose: feishu-ticket resend --help shows what it has"],
    ["token --tenant t1", "token has no option --tenant: feishu-ticket token --help shows what it has"],
    ["resend --retry-for", "--retry-for needs a value"],
    ["resend --retry-for --json", "--retry-for needs a value"],
    ["resend --log-level", "--log-level needs a value"],
    ["resend --log-level loud", "--log-level is all, trace, debug, info, warning, error, fatal or none"],
    ["resend --app-id=", "--app-id is empty: give it a value, or leave it out"],
    ["resend --json --json", "--json is given twice"],
    ["resend --app-id a --app-id=b", "--app-id is given twice"],
    ["resend --json=yes", "--json takes no value"],
    ["serve --domain mars", "--domain is feishu or lark"],
    ["emulator pusj x", "there is no such command of emulator: did you mean push?"],
    ["emulator state", "there is no such command of emulator: there are push and app"],
    ["emulator --json push x", "options stand behind the command: feishu-ticket emulator push --json"],
    [
      "emulator push x y",
      "emulator push takes no word behind EVENT: feishu-ticket emulator push --help shows what it takes"
    ],
    [
      "emulator push -1",
      "emulator push takes no word that begins with -: feishu-ticket emulator push --help shows what it takes"
    ],
    [
      "emulator push x --port 3",
      "emulator push has no option --port: feishu-ticket emulator push --help shows what it has"
    ],
    ["emulator app", "emulator app needs a further word: tenants"],
    ["emulator app --app x", "emulator app needs a further word: tenants"],
    ["emulator app tenant", "there is no such command of emulator app: did you mean tenants?"]
  ])("%s: %s", (line, message) => {
    assert.strictEqual(wrong(line), message)
  })

  it("never repeats what may be a secret", () => {
    assert.strictEqual(
      wrong("resend --app-secret s3cret"),
      "resend has no option --app-secret: did you mean --app-secret-file?"
    )
    assert.strictEqual(wrong("resend --app-secret=s3cret"), wrong("resend --app-secret s3cret"))
    assert.strictEqual(
      wrong("resend s3cret"),
      "resend takes options only, and no other words: feishu-ticket resend --help shows them"
    )
    assert.strictEqual(wrong("resend -- s3cret"), wrong("resend s3cret"))
  })

  it.each([
    ["resend"],
    ["resend --json --app-id -x --retry-for=3s"],
    ["resend --app-id=a=b"],
    ["emulator --port 0 --json"],
    ["emulator push --json app_ticket"],
    ["emulator push -"],
    ["emulator app tenants --app a one two"],
    ["resend --json true"],
    ["serve --tenant a --tenant b --domain lark --json=false"],
    ["--log-level debug resend --json"],
    ["--log-level=none resend"]
  ])("has nothing against %s", (line) => {
    assert.strictEqual(right(line), line)
  })

  it("puts the options before the other words, because @effect/cli wants them there", () => {
    assert.strictEqual(right("emulator push app_ticket --app a --json"), "emulator push --app a --json app_ticket")
    assert.strictEqual(right("emulator push x --log-level debug"), "--log-level debug emulator push x")
  })

  it("puts the log level to where it is understood", () => {
    assert.strictEqual(right("resend --log-level debug --json"), "--log-level debug resend --json")
    assert.strictEqual(right("resend --json --log-level=none"), "--log-level=none resend --json")
  })
})
