/** The process of a command: its signals and its end. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as CommandLine from "./CommandLine.js"
import * as ExitCode from "./ExitCode.js"
import { Failed } from "./Failed.js"
import * as Output from "./Output.js"
import * as Running from "./Running.js"

/** Tells of an error of the program itself. The command has told of all others. */
const tell = (words: ReadonlyArray<string>) => (cause: Cause.Cause<Failed>) => {
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

const codeOf = (exit: Exit.Exit<unknown, unknown>): ExitCode.ExitCode | undefined => {
  const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
  return error instanceof Failed ? error.code : undefined
}

/** The longest wait for the readers of the output and of the log. A stuck reader must not keep a service alive. */
const longestFlush = "2 seconds"

/** Waits until all that was written has left the process. */
const flush = Effect.forEach(
  [process.stdout, process.stderr],
  (stream) => Effect.async<void>((resume) => void stream.write("", () => resume(Effect.void))),
  { concurrency: "unbounded", discard: true }
)

/** Starts the command. Returns what ends the process with a code: a service finishes what is under way, as after a signal. */
export const start = ({ isService, parsed, words }: {
  readonly parsed: CommandLine.Parsed
  readonly words: ReadonlyArray<string>
  readonly isService: boolean
}): (code: number) => void => {
  let signal: NodeJS.Signals | undefined
  let givenCode: number | undefined
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => void (signal ??= name))

  const end = (exit: Exit.Exit<unknown, unknown>, isWritten: boolean): void => {
    // An exit of Node waits for an answer from DNS for seconds. A signal ends the process at once.
    if (!isService && signal !== undefined && process.getActiveResourcesInfo().includes("GetAddrInfoReqWrap")) {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
    const ofProcess = ExitCode.ofProcess({
      code: codeOf(exit),
      isSuccess: Exit.isSuccess(exit),
      isService,
      isWritten,
      signal
    })
    process.exit(givenCode ?? ofProcess)
  }

  Running.run(parsed, words).pipe(
    Effect.tapErrorCause(tell(words)),
    Effect.provide(Layer.mergeAll(Output.layer, NodeFileSystem.layer, NodePath.layer)),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      disablePrettyLogger: true,
      // Ends also while a connection is open. The output and the log are written before.
      teardown: (exit) => {
        // A pager may read the output of another command for as long as a person reads.
        const isLimited = isService || signal !== undefined
        const written = isLimited ? Effect.timeoutOption(flush, longestFlush) : Effect.asSome(flush)
        Effect.runCallback(written, {
          onExit: (written) => void setImmediate(end, exit, Exit.isSuccess(written) && Option.isSome(written.value))
        })
      }
    })
  )

  return (code) => {
    if (!isService) process.exit(code)
    // A signal ends the readers of a pipeline, too, which is no failure of this process.
    if (signal !== undefined) return
    givenCode = code
    process.emit("SIGTERM")
  }
}
