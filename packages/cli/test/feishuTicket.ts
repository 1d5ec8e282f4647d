/** The command as a process of its own: through pipes, or in a pseudo-terminal as a person has it. */
import { Command, FileSystem } from "@effect/platform"
import { Effect, Option, Queue, Stream, SubscriptionRef } from "effect"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../bin/feishu-ticket.js", import.meta.url))

// The command must not see the variables of whoever runs the tests, nor those by which Node tells what colours there are.
const foreign =
  /^(FEISHU_.*|(https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|XDG_STATE_HOME|CI|COLORTERM|FORCE_COLOR|NODE_DISABLE_COLORS|NO_COLOR|TF_BUILD|TMUX)$/i
for (const name of Object.keys(process.env)) {
  if (foreign.test(name)) delete process.env[name]
}

export const secrets = {
  FEISHU_APP_SECRET: "an-app's-secret-0123456789",
  FEISHU_ENCRYPT_KEY: "an-app's-encrypt-key-0123456789",
  FEISHU_VERIFICATION_TOKEN: "an-app's-verification-token-0123456789"
}

export interface Options {
  readonly env?: Record<string, string>
  /** In a terminal, for whom may mount: a file in place of `/etc/resolv.conf`, for this process alone. */
  readonly resolvConf?: string
  readonly stdin?: string
  readonly cwd?: string
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

/** `script` of util-linux has a pseudo-terminal, and passes on what is typed, and the exit code. */
const inTerminal = (args: ReadonlyArray<string>, { resolvConf }: Options) => {
  const command = [process.execPath, bin, ...args].map(quoted).join(" ")
  const alone = `unshare --mount sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"'`
  return Command.make(
    "script",
    "-qec",
    `exec ${resolvConf === undefined ? "" : `${alone} ${quoted(resolvConf)} `}${command}`,
    "/dev/null"
  )
}

/** A process of it, until the scope ends. Its state is in a folder of its own unless told otherwise. */
const spawn = (command: Command.Command, { cwd, env, stdin }: Options) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const typed = yield* Queue.unbounded<string>()
    const state = yield* fs.makeTempDirectoryScoped()
    const started = yield* command.pipe(
      Command.env({ XDG_STATE_HOME: state, TERM: "xterm-256color", ...env }),
      Command.stdin(
        stdin === undefined ? Stream.encodeText(Stream.fromQueue(typed)) : Stream.encodeText(Stream.make(stdin))
      ),
      (command) => cwd === undefined ? command : Command.workingDirectory(command, cwd),
      Command.start
    )
    const stdout = yield* SubscriptionRef.make("")
    const stderr = yield* SubscriptionRef.make("")
    const collect = (from: typeof started.stdout, to: typeof stdout) =>
      Effect.forkScoped(
        Stream.runForEach(Stream.decodeText(from), (text) => SubscriptionRef.update(to, (before) => before + text))
      )
    const readers = yield* Effect.all([collect(started.stdout, stdout), collect(started.stderr, stderr)])
    const printed = (ref: typeof stdout) => (pattern: RegExp) =>
      ref.changes.pipe(
        Stream.filterMap((text) => Option.fromNullable(pattern.exec(text))),
        Stream.runHead,
        Effect.flatten,
        Effect.timeout("25 seconds"),
        Effect.catchAll(() =>
          Effect.flatMap(
            Effect.all([stdout.get, stderr.get]),
            ([out, err]) => Effect.dieMessage(`no ${pattern} in:\n${out}\n--- standard error:\n${err}`)
          )
        )
      )
    return {
      /** What it has printed so far. */
      stdout: stdout.get,
      stderr: stderr.get,
      /** Waits for this on standard output (in a terminal: on either), and gives the match. */
      printed: printed(stdout),
      logged: printed(stderr),
      /** As if at a keyboard; `\x03` is Ctrl-C where it is in a terminal. */
      type: (text: string) => typed.offer(text),
      signal: (signal: "SIGINT" | "SIGTERM" | "SIGKILL") => Effect.sync(() => process.kill(started.pid, signal)),
      /** All that it printed, and its exit code, once it has ended. */
      ended: Effect.gen(function*() {
        const code = yield* started.exitCode
        for (const reader of readers) yield* reader.await
        return { code: Number(code), stdout: yield* stdout.get, stderr: yield* stderr.get }
      })
    }
  })

/** Starts it with pipes, and goes on while it runs. */
export const start = (args: ReadonlyArray<string>, options: Options = {}) =>
  spawn(Command.make(process.execPath, bin, ...args), options)

/** Starts it in a pseudo-terminal: what it prints, on whichever stream, is on `stdout`. */
export const startInTerminal = (args: ReadonlyArray<string>, options: Options = {}) =>
  spawn(inTerminal(args, options), options)

/** Runs it with pipes to its end. */
export const run = (args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.scoped(Effect.flatMap(start(args, options), ({ ended }) => ended))

export const runInTerminal = (args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.scoped(Effect.flatMap(startInTerminal(args, options), ({ ended }) => ended))

/** The one document that `--json` prints, and that there is nothing else. */
export const documentIn = (stdout: string): Record<string, unknown> => {
  const lines = stdout.split("\n")
  if (lines.length !== 2 || lines[1] !== "") throw new Error(`not one line:\n${stdout}`)
  return JSON.parse(lines[0] ?? "") as Record<string, unknown>
}

/** What a terminal got, with its controls to be read: those beside line breaks and tabs. */
export const visible = (text: string): string =>
  text.replace(/(?![\t\r\n])\p{Cc}/gu, (control) => control === "\x1b" ? "␛" : "␦")
