/**
 * Why a command failed: which exit code that is, and what it says of itself.
 */
import type { TicketTimeout } from "@effect-feishu/core/AppTicket"
import type { EventRefused } from "@effect-feishu/core/EventRefused"
import type { FeishuError } from "@effect-feishu/core/FeishuError"
import type { TicketStoreError } from "@effect-feishu/core/TicketStore"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { type ExitCode, Failed } from "./ExitCode.js"
import * as Output from "./Output.js"

/** The command line, a variable or a file is wrong. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** There is no ticket that is valid. */
export class NoTicket extends Data.TaggedError("NoTicket")<{ readonly message: string }> {}

/** No emulator answers. */
export class NoEmulator extends Data.TaggedError("NoEmulator")<{ readonly message: string }> {}

/** The emulator refuses, as the platform would. */
export class EmulatorRefused extends Data.TaggedError("EmulatorRefused")<{ readonly message: string }> {}

/** The app did not take what the emulator sent. */
export class NotTaken extends Data.TaggedError("NotTaken")<{
  readonly message: string
  /** For `--json`: what came of the delivery. */
  readonly more: object
}> {}

export type Failure =
  | UsageError
  | NoTicket
  | NoEmulator
  | EmulatorRefused
  | NotTaken
  | FeishuError
  | TicketTimeout
  | TicketStoreError
  | EventRefused

export const exitCodeOf = (failure: Failure): ExitCode => {
  switch (failure._tag) {
    case "EventRefused":
    case "NotTaken":
      return 1
    case "UsageError":
      return 2
    case "FeishuNetworkError":
      return failure.reason === "Unavailable" ? 5 : 3
    case "TicketStoreError":
    case "NoEmulator":
      return 3
    case "EmulatorRefused":
      return 4
    case "FeishuApiError":
      return failure.isRetryable ? 5 : 4
    case "NoTicket":
    case "TicketTimeout":
      return 6
  }
}

/** For `--json`: what does not apply is left out. */
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

/** What a command has to say at its end. */
export interface Result {
  readonly json: object
  readonly text: string
}

interface ReportOptions<R> {
  readonly json: boolean
  /** What the document holds besides, however it ended. */
  readonly more?: Effect.Effect<object, never, R>
}

const print = <R>(document: object, { more = Effect.succeed({}) }: ReportOptions<R>) =>
  Effect.flatMap(more, (more) => Output.line(JSON.stringify({ ...document, ...more })))

/** Says why it failed, as a line to read or as a document, and fails with the exit code. */
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
    new Failed({ code: exitCodeOf(failure) })
  )

/** Says how it ended, likewise. */
export const report = <R, R2 = never>(
  effect: Effect.Effect<Result, Failure, R>,
  options: ReportOptions<R2>
): Effect.Effect<void, Failed, R | R2 | Output.Output> =>
  Effect.matchEffect(effect, {
    onSuccess: ({ json, text }) => options.json ? print({ ok: true, ...json }, options) : Output.line(text),
    onFailure: (failure) => fail(failure, options)
  })
