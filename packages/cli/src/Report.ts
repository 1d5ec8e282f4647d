/** Says how a command ended: as words, or as a JSON document. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExitCode from "./ExitCode.js"
import { Failed } from "./Failed.js"
import type { Failure } from "./Failure.js"
import * as Output from "./Output.js"

/** Returns the fields of a failure for `--json`. Leaves out the fields that do not apply. */
export const toJson = (failure: Failure): object => {
  const { _tag, message } = failure
  switch (failure._tag) {
    case "FeishuApiError":
      return {
        _tag,
        code: failure.code,
        kind: failure.kind,
        msg: failure.msg,
        logId: failure.logId,
        advice: failure.advice,
        message
      }
    case "FeishuNetworkError":
      return { _tag, reason: failure.reason, advice: failure.advice, message }
    case "EventRefused":
      return { _tag, reason: failure.reason, message: failure.description }
    case "NotTaken":
      return { _tag, message, ...failure.more }
    default:
      return { _tag, message }
  }
}

const messageOf = (failure: Failure): string =>
  failure._tag === "EventRefused" ? `not genuine: ${failure.description}` : failure.message

/** The result that a command prints at its end. */
export interface Result {
  readonly json: object
  readonly text: string
}

interface ReportOptions<R> {
  readonly json: boolean
  /** More fields of the document, also after a failure. */
  readonly more?: Effect.Effect<object, never, R>
}

const print = <R>(document: object, { more = Effect.succeed({}) }: ReportOptions<R>) =>
  Effect.flatMap(more, (more) => Output.line(JSON.stringify({ ...document, ...more })))

/** Prints why a command failed, and fails with the exit code. */
export const fail = <R = never>(
  failure: Failure,
  options: ReportOptions<R>
): Effect.Effect<never, Failed, R | Output.Output> =>
  Effect.zipRight(
    options.json
      ? print(
        { ok: false, ...(failure._tag === "EventRefused" ? { genuine: false } : {}), error: toJson(failure) },
        options
      )
      : Console.error(`\x1b[31m✗\x1b[0m ${Output.plain(messageOf(failure))}`),
    new Failed({ code: ExitCode.ofFailure(failure) })
  )

/** Prints the result of a command, or why it failed. */
export const report = <R, R2 = never>(
  effect: Effect.Effect<Result, Failure, R>,
  options: ReportOptions<R2>
): Effect.Effect<void, Failed, R | R2 | Output.Output> =>
  Effect.matchEffect(effect, {
    onSuccess: ({ json, text }) => options.json ? print({ ok: true, ...json }, options) : Output.line(text),
    onFailure: (failure) => fail(failure, options)
  })
