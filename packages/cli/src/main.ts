/** The process: its signals, its streams, its end. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ExitCode from "./ExitCode.js"
import * as Output from "./Output.js"
import * as Program from "./Program.js"

// Tickets are secrets: other users must not read the files of this process.
process.umask(0o077)

let signal: NodeJS.Signals | undefined
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => void (signal ??= name))

const words = process.argv.slice(2)
const { isService, run } = Program.make(words)

for (const [name, stream] of [["output", process.stdout], ["error", process.stderr]] as const) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      // The reader has closed the pipe, as `head` does. A service goes on without its reader.
      if (!isService) process.exit(ExitCode.readerGone)
      return
    }
    if (name === "output") process.stderr.write(`standard output cannot be written to: ${error.message}\n`)
    process.exit(ExitCode.cannotWrite)
  })
}

/** Tells of an error of the program itself. The command has told of all others. */
const tell = (cause: Cause.Cause<ExitCode.Failed>) => {
  if (Cause.isInterruptedOnly(cause) || Cause.isFailure(cause)) return Effect.void
  const message = Cause.prettyErrors(cause).map(({ message }) => message).join("; ")
  return Effect.andThen(
    Console.error(
      `An error of feishu-ticket's own, please report it:\n${Cause.pretty(cause, { renderErrorCause: true })}`
    ),
    words.includes("--json")
      ? Output.line(JSON.stringify({ ok: false, error: { _tag: "Defect", message } }))
      : Effect.void
  )
}

const end = (exit: Exit.Exit<unknown, unknown>): void => {
  // An exit of Node waits for an answer from DNS for seconds. A signal ends the process at once.
  if (!isService && signal !== undefined && process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap")) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(ExitCode.ofProcess(exit, { isService, signal }))
}

run.pipe(
  Effect.tapErrorCause(tell),
  Effect.provide(Layer.mergeAll(Output.layer, NodeFileSystem.layer, NodePath.layer)),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    // Ends also while a connection is open. What was printed is written before.
    teardown: (exit) => void process.stdout.write("", () => setImmediate(end, exit))
  })
)
