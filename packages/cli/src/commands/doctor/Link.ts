/** The result of one link of the chain that `doctor` checks. */
import type { FeishuError } from "@effect-feishu/core/FeishuError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ExitCode from "../../ExitCode.js"
import type { Failure } from "../../Failure.js"
import * as Output from "../../Output.js"

/** A link that is broken: the fault, and what to do. */
export class Broken extends Data.TaggedError("Broken")<{
  readonly detail: string
  readonly advice: string
  readonly code: ExitCode.ExitCode
}> {}

/** The result of a link that holds. `advice` says what to do if a user expects more. */
export type Held = string | { readonly detail: string; readonly advice: string }

/** Why a link was not checked. `isUnproven`: the chain needs this link, and nothing shows that it holds. */
export class Skipped extends Data.TaggedError("Skipped")<{ readonly reason: string; readonly isUnproven: boolean }> {}

/** The link does not apply, or was not asked for. */
export const skip = (reason: string) => new Skipped({ reason, isUnproven: false })

export const unproven = (reason: string) => new Skipped({ reason, isUnproven: true })

/** Leaves out the host, which the first link shows. */
const requestOf = ({ method, url }: FeishuError) => `${method} ${new URL(url).pathname}`

export const broken = (failure: Failure): Broken => {
  const code = ExitCode.ofFailure(failure)
  switch (failure._tag) {
    case "FeishuApiError": {
      const { advice, msg } = failure
      const logId = failure.logId === undefined ? "" : `, log id ${failure.logId}`
      return new Broken({
        detail: `${requestOf(failure)} was refused with code ${failure.code}${msg === "" ? "" : `, ${msg}`}${logId}`,
        advice,
        code
      })
    }
    case "FeishuNetworkError": {
      const status = failure.status === undefined ? "" : `, HTTP ${failure.status}`
      return new Broken({
        detail: `${requestOf(failure)}: ${failure.description}${status}`,
        advice: failure.advice,
        code
      })
    }
    default:
      return new Broken({ detail: failure.message, advice: "", code })
  }
}

/** The result of a link for `--json`. */
export interface Check {
  readonly link: string
  readonly status: "ok" | "broken" | "skipped" | "unproven"
  readonly detail: string
  readonly advice?: string
}

const signs = { ok: ["green", "✓"], broken: ["red", "✗"], skipped: ["dim", "-"], unproven: ["yellow", "?"] } as const

const indent = 17

/** Makes one line of at most 500 characters of text that we did not write. */
const oneLine = (text: string): string => {
  const line = Output.plain(text).replace(/\s+/g, " ")
  return line.length > 500 ? `${line.slice(0, 500)}…` : line
}

/** Returns the lines for a terminal. */
export const lineOf = ({ advice, detail, link, status }: Check, paint: Output.Service["paint"]): string => {
  const [colour, sign] = signs[status]
  return [
    `${paint(colour, sign)} ${link.padEnd(indent - 3)} ${
      status === "skipped"
        ? paint("dim", `skipped: ${detail}`)
        : status === "unproven"
        ? `not proven: ${detail}`
        : detail
    }`,
    ...(advice === undefined ? [] : [" ".repeat(indent) + advice])
  ].join("\n")
}

/** Checks a link. Returns the result, and the exit code if the link is broken. */
export const check = <R>(
  link: string,
  effect: Effect.Effect<Held, Broken | Skipped, R>
): Effect.Effect<{ readonly result: Check; readonly code?: ExitCode.ExitCode }, never, R> =>
  Effect.match(effect, {
    onSuccess: (held) => ({
      result: typeof held === "string"
        ? { link, status: "ok", detail: oneLine(held) }
        : { link, status: "ok", detail: oneLine(held.detail), advice: oneLine(held.advice) }
    }),
    onFailure: (failure) =>
      failure._tag === "Skipped"
        ? { result: { link, status: failure.isUnproven ? "unproven" : "skipped", detail: oneLine(failure.reason) } }
        : {
          result: {
            link,
            status: "broken",
            detail: oneLine(failure.detail),
            ...(failure.advice === "" ? {} : { advice: oneLine(failure.advice) })
          },
          code: failure.code
        }
  })
