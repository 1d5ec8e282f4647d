/**
 * The process: its arguments, its signals, its exit code.
 */
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import { Terminal } from "@effect/platform/Terminal"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Commands from "./Commands.js"
import { Failed } from "./ExitCode.js"
import * as Help from "./Help.js"
import * as Output from "./Output.js"

// Tickets are secrets: what this process writes is its user's alone.
process.umask(0o077)

for (const [name, stream] of [["output", process.stdout], ["error", process.stderr]] as const) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read from us has gone away, as `head` does: there is nobody to write for.
    if (error.code === "EPIPE") process.exit(141)
    if (name === "output") process.stderr.write(`standard output cannot be written to: ${error.message}\n`)
    process.exit(70)
  })
}

let signal: NodeJS.Signals | undefined
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => void (signal ??= name))

/** The wizard reads each key by itself: Ctrl-C makes no signal there. */
const terminal = Layer.scoped(
  Terminal,
  NodeTerminal.make(({ key: { ctrl, name } }) => {
    const quits = ctrl && (name === "c" || name === "d")
    if (quits) signal ??= "SIGINT"
    return quits
  })
)

const isJson = process.argv.includes("--json")

/** With `--json` a failure is a document, too. The usual ones have been told of before. */
const tell = (cause: Cause.Cause<Failed | ValidationError.ValidationError>) => {
  const document = (_tag: string, message: string) =>
    isJson ? Output.line(JSON.stringify({ ok: false, error: { _tag, message } })) : Effect.void
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (error instanceof Failed) return Effect.void
  if (error !== undefined) {
    return document("UsageError", Help.plain(error.error))
  }
  return Cause.isInterruptedOnly(cause) ? Effect.void : Effect.zipRight(
    Console.error(
      `An error of feishu-ticket's own, please report it:\n${Cause.pretty(cause, { renderErrorCause: true })}`
    ),
    document("Defect", Cause.prettyErrors(cause).map(({ message }) => message).join("; "))
  )
}

const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (signal !== undefined) return signal === "SIGINT" ? 130 : 143
  if (Exit.isSuccess(exit)) return 0
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return error instanceof Failed ? error.code : ValidationError.isValidationError(error) ? 2 : 70
}

const end = (exit: Exit.Exit<unknown, unknown>): void => {
  // Node's exit waits for an answer from DNS, for seconds; a signal ends the process at once, and shells make 130 of it.
  if (signal !== undefined && process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap")) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(exitCodeOf(exit))
}

Commands.run(process.argv).pipe(
  Effect.tapErrorCause(tell),
  Effect.provide(Layer.mergeAll(Output.layer, NodeFileSystem.layer, NodePath.layer, terminal)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    // With whatever may still be open: a connection that lingers is not to hold up the prompt. What was printed is out
    // before, and an error of that is known.
    teardown: (exit) => void process.stdout.write("", () => setImmediate(end, exit))
  })
)
