/** Checks link after link for `doctor`, shows each result, and sums up. */
import * as Effect from "effect/Effect"
import * as ExitCode from "../../ExitCode.js"
import { Failed } from "../../Failed.js"
import * as Output from "../../Output.js"
import { type Broken, type Check, check, type Held, lineOf, skip, type Skipped } from "./Link.js"

export const links = [
  "configuration",
  "proxy",
  "DNS",
  "TLS",
  "clock",
  "credentials",
  "app type",
  "request URL",
  "encryption key",
  "callback",
  "ticket",
  "app token",
  "tenant token"
] as const

export type LinkName = typeof links[number]

export interface Inspection {
  /** Checks a link, and shows the result. */
  readonly inspect: <R>(
    link: LinkName,
    effect: Effect.Effect<Held, Broken | Skipped, R>,
    what?: string
  ) => Effect.Effect<void, never, R>
  readonly isBroken: (link: LinkName) => boolean
  /** Skips the effect if one of these links is broken. */
  readonly given: <A, E, R>(
    needed: ReadonlyArray<LinkName>,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Skipped, R>
  /** Shows the sum. Fails if a link is broken, or if the chain is not proven. */
  readonly end: Effect.Effect<void, Failed>
}

export const make = ({ json }: { readonly json: boolean }) =>
  Effect.map(Output.Output, (output): Inspection => {
    const checks: Array<Check> = []
    let firstBroken: ExitCode.ExitCode | undefined

    const isBroken = (link: LinkName) => checks.some((check) => check.link === link && check.status === "broken")
    const linksOf = (status: Check["status"]) =>
      checks.filter((check) => check.status === status).map(({ link }) => link)

    const end = Effect.gen(function*() {
      const unproven = linksOf("unproven")
      const code = ExitCode.ofChecks(firstBroken, unproven.length > 0)
      const sum = [
        `${linksOf("ok").length} hold`,
        `${linksOf("broken").length} broken`,
        `${linksOf("skipped").length} skipped`,
        ...(unproven.length === 0 ? [] : [`not proven: ${unproven.join(", ")}`])
      ]
      yield* output.line(json ? JSON.stringify({ ok: code === undefined, checks }) : `\n${sum.join(", ")}`)
      if (code !== undefined) return yield* new Failed({ code })
    })

    return {
      isBroken,
      end,
      inspect: (link, effect, what = `checking the ${link}`) =>
        Effect.gen(function*() {
          const { code, result } = yield* check(link, output.waiting(what)(effect))
          checks.push(result)
          firstBroken ??= code
          if (!json) yield* output.line(lineOf(result, output.paint))
        }),
      given: (needed, effect) => {
        const missing = needed.find(isBroken)
        if (missing === undefined) return effect
        return skip(missing === "DNS" || missing === "TLS" ? "the platform is not reached" : `it needs the ${missing}`)
      }
    }
  })
