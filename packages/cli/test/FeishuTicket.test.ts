/** The command as a whole: its help, its version, its completions, its colours, what it says to nonsense. */
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { stripVTControlCharacters } from "node:util"
import { commands } from "../src/Commands.js"
import { bash } from "./bash.js"
import { documentIn, run, runInTerminal, secrets } from "./feishuTicket.js"

const isExample = (line: string) => /^ {2}\$ /.test(line)

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket", (it) => {
  it.effect("says its version", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["--version"])
      assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: "0.1.0\n" })
    }))

  describe("--help", () => {
    it.effect("has the commands, the variables and the exit codes", () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run(["--help"])
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        for (const { description, name } of commands) {
          assert.match(stdout.replace(/\n {3,}/g, " "), new RegExp(`^ {2}${name} .*${description.slice(0, 40)}`, "m"))
        }
        for (const name of ["APP_ID", "APP_SECRET", "ENCRYPT_KEY", "VERIFICATION_TOKEN", "DOMAIN", "BASE_URL"]) {
          assert.match(stdout, new RegExp(`^ {2}FEISHU_${name}\\b`, "m"))
        }
        for (const name of ["SENTINEL_MASTER", "CLUSTER"]) {
          assert.match(stdout, new RegExp(`\\bFEISHU_REDIS_${name}\\b`))
        }
        for (const exit of [0, 1, 2, 3, 4, 5, 6, 7, 130]) assert.match(stdout, new RegExp(`^ {2}${exit} +\\w`, "m"))
        assert.match(stdout, /^ {2}\$ feishu-ticket doctor/m)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 100)
      }))

    it.effect("of a command has its options, each described, and an example", () =>
      Effect.forEach(commands, ({ name, options: described }) =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* run([name, "--help"])
          assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
          const lines = stdout.split("\n")
          assert.isTrue(
            lines.some((line) => line.startsWith(`  $ feishu-ticket ${name}`) && !line.endsWith("[options]"))
          )
          for (const line of lines) assert.isTrue(line.length <= 100 || isExample(line), line)
          // Beside it, or below it where its name is long.
          const options = [...stdout.matchAll(/^ {2}(--[\w-]+).*?(?: {2,}|\n +)(.*)$/gm)]
          assert.isAtLeast(options.length, Object.keys(described).length)
          for (const [line, , description = ""] of options) assert.match(description, /^[A-Z0-9]/, line)
          assert.strictEqual(options.length, lines.filter((line) => line.startsWith("  --")).length)
        }), { concurrency: 2 }))

    it.effect("is in colours in a terminal, and no wider than it", () =>
      Effect.gen(function*() {
        const narrowed = (words: string) =>
          bash(`script -qec 'stty cols 80; exec "$node" "$bin" ${words}' /dev/null < /dev/null`)
        const [unknown, narrow, ofServe] = yield* Effect.all([
          // Nobody has told this terminal how wide it is.
          runInTerminal([]),
          narrowed("--help"),
          narrowed("serve --help")
        ], { concurrency: 2 })
        assert.strictEqual(unknown.code, 0)
        assert.match(unknown.stdout, /^Commands:\r?$/m)
        assert.include(unknown.stdout, "See whether a Feishu / Lark store app's credentials, request URL")
        const lines = stripVTControlCharacters(narrow.stdout + ofServe.stdout).split("\r\n")
        assert.isTrue(lines.some((line) => line.startsWith("  --app-secret-file <file>")))
        assert.isTrue(lines.some((line) => line.startsWith("  FEISHU_REDIS_URL ")))
        for (const line of lines) assert.isTrue(line.length <= 80 || isExample(line), line)
      }))
  })

  describe("says what is wrong with the command line", () => {
    it.effect("to a person", () =>
      Effect.gen(function*() {
        const [option, command] = yield* Effect.all([
          run(["resend", "--retry-fro", "3s"]),
          run(["verify"])
        ], { concurrency: 2 })
        assert.deepStrictEqual(option, {
          code: 2,
          stdout: "",
          stderr: "✗ unknown option '--retry-fro' (Did you mean --retry-for?)\n"
        })
        assert.deepStrictEqual(command, {
          code: 2,
          stdout: "",
          stderr: "✗ required option '--body <file>' not specified\n"
        })
      }))

    it.effect.each([
      [["resend", "--once=true", "--json"], "'--once' is no option of this command, or takes no value"],
      [["--json", "resend"], "unknown option '--json'"],
      [["emulator", "--port", "1", "push", "x", "--json"], "unknown option '--port' of push"],
      [
        ["emulator", "--request-url", "http://a/", "app", "request-url", "http://b/", "--json"],
        "unknown option '--request-url' of request-url"
      ],
      [["resend", "--json=true"], "'--json' is no option of this command, or takes no value"]
    ])("with --json in a document: %j", ([args, message]) =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run(args as ReadonlyArray<string>)
        assert.deepStrictEqual({ code, stderr }, { code: 2, stderr: "" })
        assert.deepStrictEqual(documentIn(stdout), { ok: false, error: { _tag: "UsageError", message } })
      }))
  })

  it.effect("completes commands, options, choices and files in bash", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* bash(`
        source <(feishu-ticket completions bash) || exit
        complete -p feishu-ticket
        complete_line() {
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}; COMPREPLY=()
          _feishu-ticket_completion
          echo "\${COMPREPLY[@]}"
        }
        complete_line feishu-ticket res
        complete_line feishu-ticket t
        complete_line feishu-ticket resend --retry
        complete_line feishu-ticket doctor --domain l
        complete_line feishu-ticket doctor --domain ""
        complete_line feishu-ticket completions ""
        complete_line feishu-ticket token --log-level de
        complete_line feishu-ticket token --tenant ""
        complete_line feishu-ticket token --json --dotenv ""
        complete_line feishu-ticket emulator pu
        complete_line feishu-ticket emulator --write
        complete_line feishu-ticket emulator push --pay
        complete_line feishu-ticket emulator fault ta
        complete_line feishu-ticket emulator fault drop --prob
        complete_line feishu-ticket emulator app req
        complete_line feishu-ticket emulator app request-url --js
        complete_line feishu-ticket emulator app user-token --li
        complete_line feishu-ticket emulator app invalidate to
        complete_line feishu-ticket replay --t
        complete_line feishu-ticket replay x.json --sig
        complete_line feishu-ticket emulator answer --me
        complete_line feishu-ticket --log-level token tok
        complete_line feishu-ticket emulator --app-id push --wr
        complete_line feishu-ticket serve --he
      `)
      assert.strictEqual(stderr, "")
      const [registered, ...replies] = stdout.trimEnd().split("\n")
      // Names of files are bash's own default.
      assert.strictEqual(registered, "complete -o default -F _feishu-ticket_completion feishu-ticket")
      assert.deepStrictEqual(replies, [
        "resend",
        "ticket token",
        "--retry-for",
        "lark",
        "feishu lark",
        "bash zsh fish pwsh --log-level --help",
        "debug",
        "",
        "",
        "push",
        "--write-env",
        "--payload",
        "tampered",
        "--probability",
        "request-url",
        "--json",
        "--life",
        "tokens",
        "--to",
        "--sign-anew",
        "--method",
        "token",
        "--write-env",
        "--help"
      ])
    }))

  it.effect("has completions for zsh, fish and PowerShell, with descriptions", () =>
    Effect.gen(function*() {
      for (
        const [shell, sign] of [["zsh", "compdef"], ["fish", "complete -f"], [
          "pwsh",
          "Register-ArgumentCompleter"
        ]] as const
      ) {
        const { code, stderr, stdout } = yield* run(["completions", shell])
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.include(stdout, sign)
        assert.include(stdout, "completion-server")
      }
      const ask = (shell: string, words: ReadonlyArray<string>) =>
        run(["completion-server", "--", ...words], {
          env: {
            SHELL: shell,
            COMP_CWORD: String(words.length - 1),
            COMP_LINE: words.join(" "),
            COMP_POINT: String(words.join(" ").length)
          }
        })
      const zsh = yield* ask("/bin/zsh", ["feishu-ticket", "verify", "--no"])
      assert.strictEqual(zsh.stdout, "--nonce:Its header X-Lark-Request-Nonce.\n")
      const fish = yield* ask("fish", ["feishu-ticket", "verify", "--body", ""])
      assert.strictEqual(fish.stdout, "__tabtab_complete_files__\n")
      const pwsh = yield* ask("pwsh", ["feishu-ticket", "verify", "--no"])
      assert.strictEqual(pwsh.stdout, "--nonce\tIts header X-Lark-Request-Nonce.\n")
    }))

  it.effect("has no colours where they are not wanted, or not understood", () =>
    Effect.gen(function*() {
      // Nobody listens there, so that there is a warning, a line that waits, and an error.
      const args = ["resend", "--retry-for", "700ms", "--base-url", "http://127.0.0.1:9"]
      const env = { ...secrets, FEISHU_APP_ID: "cli_1" }
      const [plain, dumb] = yield* Effect.all([
        runInTerminal(args, { env: { ...env, NO_COLOR: "1" } }),
        runInTerminal(args, { env: { ...env, TERM: "dumb" } })
      ], { concurrency: 2 })
      assert.deepStrictEqual([plain.code, dumb.code], [3, 3])
      for (const { stdout } of [plain, dumb]) {
        assert.match(stdout, /warning: attempt 1 failed/)
        assert.match(stdout, /✗ POST/)
        // What is left in one of them is the line that moves.
        assert.notInclude(stdout.replaceAll("\r\x1b[2K", ""), "\x1b")
      }
      // A line that moves needs more than a dumb terminal.
      assert.include(plain.stdout, "waiting until the platform accepts the resend")
      assert.notInclude(dumb.stdout, "waiting until")
      assert.notInclude(dumb.stdout, "\x1b")
    }))

  it.effect("ends quietly when nobody reads on, and says so when nothing can be written", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* bash(`
        feishu-ticket --help | head -1
        feishu-ticket completions bash | true
        feishu-ticket --help > /dev/full; echo "$?"
      `)
      assert.strictEqual(
        stdout,
        "Usage: feishu-ticket [options] [command]\n70\n"
      )
      assert.match(stderr, /^standard output cannot be written to: ENOSPC.*\n$/)
    }))
})
