/** The command as a whole: its help, its version, its completions, its colours, what it says to nonsense. */
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { stripVTControlCharacters } from "node:util"
import { bash } from "./bash.js"
import { documentIn, run, runInTerminal, secrets, startInTerminal } from "./feishuTicket.js"

const commands = ["resend", "serve", "ticket", "token", "doctor", "verify", "emulator"]

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
        for (const name of commands) assert.match(stdout, new RegExp(`^ {2}${name} +[A-Z]`, "m"))
        for (const name of ["APP_ID", "APP_SECRET", "ENCRYPT_KEY", "VERIFICATION_TOKEN", "DOMAIN", "BASE_URL"]) {
          assert.match(stdout, new RegExp(`^ {2}FEISHU_${name}\\b`, "m"))
        }
        for (const exit of [0, 2, 3, 4, 5, 6, 130]) assert.match(stdout, new RegExp(`^ {2}${exit} +\\w`, "m"))
        assert.match(stdout, /^ {2}\$ feishu-ticket doctor/m)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 100)
      }))

    it.effect("of a command has its options, each described, and an example", () =>
      Effect.forEach(commands, (name) =>
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
          assert.isAtLeast(options.length, 7)
          for (const [line, , description = ""] of options) assert.match(description, /^[A-Z0-9]/, line)
          assert.strictEqual(options.length, lines.filter((line) => line.startsWith("  --")).length)
        }), { concurrency: 2 }))

    it.effect("is in colours in a terminal, and no wider than it", () =>
      Effect.gen(function*() {
        const [unknown, narrow] = yield* Effect.all([
          // Nobody has told this terminal how wide it is.
          runInTerminal([]),
          bash(`script -qec 'stty cols 50; exec "$node" "$bin" serve --help' /dev/null < /dev/null`)
        ], { concurrency: 2 })
        assert.strictEqual(unknown.code, 0)
        assert.include(unknown.stdout, "\x1b[1mCOMMANDS\x1b[0m")
        assert.include(unknown.stdout, "See whether a Feishu / Lark store app's credentials, request URL")
        const lines = stripVTControlCharacters(narrow.stdout).split("\r\n")
        assert.include(lines, "  --app-secret-file file")
        for (const line of lines) assert.isTrue(line.length <= 50 || isExample(line), line)
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
          stderr: "✗ resend has no option --retry-fro: did you mean --retry-for?\n"
        })
        assert.deepStrictEqual(command, { code: 2, stdout: "", stderr: "✗ verify needs --body\n" })
      }))

    it.effect.each([
      [
        ["resend", "--retry-for", "soon", "--json"],
        "--retry-for is a number with its unit, for example 30s, 2m or 500ms"
      ],
      [["--json", "resend"], "options stand behind the command: feishu-ticket resend --json"]
    ])("with --json in a document: %j", ([args, message]) =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run(args as ReadonlyArray<string>)
        assert.deepStrictEqual({ code, stderr }, { code: 2, stderr: "" })
        assert.deepStrictEqual(documentIn(stdout), { ok: false, error: { _tag: "UsageError", message } })
      }))
  })

  it.effect("asks for the options one after the other, where there is somebody to ask, until Ctrl-C", () =>
    Effect.gen(function*() {
      const { ended, printed, type } = yield* startInTerminal(["resend", "--wizard"])
      yield* printed(/--env-file file[^]*use the default\?/)
      yield* type("\x03")
      assert.strictEqual((yield* ended).code, 130)
      assert.deepStrictEqual(yield* run(["resend", "--wizard"]), {
        code: 2,
        stdout: "",
        stderr: "✗ --wizard asks its questions in a terminal, and there is none\n"
      })
    }).pipe(Effect.scoped))

  it.effect("completes commands, options and what can be chosen, in bash", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* bash(`
        source <(feishu-ticket --completions bash) || exit
        complete -p feishu-ticket
        complete_line() {
          COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
          _feishu-ticket_bash_completions feishu-ticket "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
          echo "\${COMPREPLY[@]}"
        }
        complete_line feishu-ticket res
        complete_line feishu-ticket t
        complete_line feishu-ticket resend --retry
        complete_line feishu-ticket doctor --domain l
        complete_line feishu-ticket doctor --domain ""
        complete_line feishu-ticket --completions ""
        complete_line feishu-ticket token --log-level de
        complete_line feishu-ticket token --tenant /
        complete_line feishu-ticket token --env-file "\${bin%s}"
        complete_line feishu-ticket doctor --call
        complete_line feishu-ticket doctor --payload "\${bin%s}"
      `)
      assert.strictEqual(stderr, "")
      const [registered, ...replies] = stdout.trimEnd().split("\n")
      assert.match(registered ?? "", /complete .*-F _feishu-ticket_bash_completions feishu-ticket$/)
      assert.deepStrictEqual(replies, [
        "resend",
        "ticket token",
        "--retry-for",
        "lark",
        "feishu lark",
        "bash zsh fish",
        "debug",
        "",
        fileURLToPath(new URL("../bin/feishu-ticket.js", import.meta.url)),
        "--callback",
        fileURLToPath(new URL("../bin/feishu-ticket.js", import.meta.url))
      ])
    }))

  it.effect("prints completions for zsh and fish, too", () =>
    Effect.gen(function*() {
      const [zsh, fish] = yield* Effect.all([
        run(["--completions", "zsh"]),
        run(["--completions=fish"])
      ], { concurrency: 2 })
      assert.deepStrictEqual([zsh.code, zsh.stderr, fish.code, fish.stderr], [0, "", 0, ""])
      assert.match(zsh.stdout, /^#compdef feishu-ticket\n/)
      assert.include(
        zsh.stdout,
        "'--app-secret-file[A file that holds the app secret, in place of FEISHU_APP_SECRET.]:file:_files'"
      )
      assert.match(fish.stdout, /^complete -c feishu-ticket .* -a "resend"/m)
      assert.match(fish.stdout, /_from verify" -l body -r -F -d/)
      assert.include(fish.stdout, "{bash'',fish'',zsh''}")
      assert.include(zsh.stdout, "CHOICE:(bash zsh fish)")
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
      assert.include(plain.stdout, "asking the platform for an app ticket")
      assert.notInclude(dumb.stdout, "asking the platform")
      assert.notInclude(dumb.stdout, "\x1b")
    }))

  it.effect("ends quietly when nobody reads on, and says so when nothing can be written", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* bash(`
        feishu-ticket --help | head -1
        feishu-ticket --completions bash | true
        feishu-ticket --help > /dev/full; echo "$?"
      `)
      assert.strictEqual(
        stdout,
        "See whether a Feishu / Lark store app's credentials, request URL and ticket work, and have a\n70\n"
      )
      assert.match(stderr, /^standard output cannot be written to: ENOSPC.*\n$/)
    }))
})
