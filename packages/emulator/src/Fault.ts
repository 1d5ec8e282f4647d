/**
 * What goes wrong, with a call or with a push, and when.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/**
 * What goes wrong with a call.
 *
 * The platform has not acted on a call that ends in `Drop`, `Refuse` or `Answer`; on the others it has.
 *
 * - `Drop`: the connection ends before any answer.
 * - `Cut`: the proper answer breaks off in the middle and the connection ends.
 * - `CutJson`: half of the proper answer, as if it were all of it.
 * - `ContentType`: the proper answer under this content type.
 * - `Delay`: the proper answer, later; `Duration.infinity` for never.
 * - `Refuse`: the platform's envelope with this code, and `x-ogw-ratelimit-reset` where `resetSeconds` is given.
 * - `Answer`: exactly this answer, as a gateway or a stranger might give it.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = Data.TaggedEnum<{
  Drop: {}
  Cut: {}
  CutJson: {}
  ContentType: { readonly contentType: string }
  Delay: { readonly duration: Duration.DurationInput }
  Refuse: {
    readonly code: number
    readonly msg: string
    readonly status: number
    readonly resetSeconds?: number | undefined
  }
  Answer: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Answer, ContentType, Cut, CutJson, Delay, Drop, Refuse } = Data.taggedEnum<Fault>()

/**
 * A rate limit as the platform reports it: HTTP 429, or 400 on its older calls (page "频控策略"). The header
 * `x-ogw-ratelimit-limit`, the length of the window in seconds, is 100 as in that page's example.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rateLimit = (options: { readonly resetSeconds: number; readonly status?: 429 | 400 }): Fault =>
  Refuse({
    code: 99991400,
    msg: "request trigger frequency limit",
    status: options.status ?? 429,
    resetSeconds: options.resetSeconds
  })

/**
 * A gateway's error page.
 *
 * @since 0.1.0
 * @category constructors
 */
export const html = (status: number): Fault =>
  Answer({
    status,
    headers: { "content-type": "text/html" },
    body: `<html><head><title>${status}</title></head><body><h1>${status}</h1><hr>nginx</body></html>`
  })

/**
 * An answer of this many bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const oversized = (bytes: number): Fault =>
  Answer({ status: 200, headers: { "content-type": "application/json" }, body: " ".repeat(bytes) })

/**
 * What goes wrong with a push.
 *
 * - `Lost`: it never arrives, and the platform does not know.
 * - `Late`: it is sent only after this time.
 * - `Held`: it is sent after the first delivery of the next push to the same app, so out of order.
 * - `Doubled`: after a success it is sent again, as the same event under a new signature.
 * - `Replayed`: somebody who has listened to the first delivery sends the same bytes with the same headers again.
 * - `Forged`: before it, somebody who does not know the app's secrets sends an event of the same type.
 * - `Tampered`: its first delivery is altered on the way, after it was signed.
 *
 * @since 0.1.0
 * @category models
 */
export type PushFault = Data.TaggedEnum<{
  Lost: {}
  Late: { readonly by: Duration.DurationInput }
  Held: {}
  Doubled: { readonly after: Duration.DurationInput }
  Replayed: { readonly after: Duration.DurationInput }
  Forged: {}
  Tampered: {}
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { Doubled, Forged, Held, Late, Lost, Replayed, Tampered } = Data.taggedEnum<PushFault>()

/**
 * When a fault happens.
 *
 * @since 0.1.0
 * @category rules
 */
export interface Rule<F> {
  readonly fault: F
  /** The calls' paths, or the events' types, that it is for. All where undefined. */
  readonly only: ReadonlyArray<string> | undefined
  readonly when: When
}

type When = Data.TaggedEnum<{
  Next: { readonly count: number }
  Every: { readonly nth: number }
  WithProbability: { readonly probability: number; readonly seed: string | number }
}>

const When = Data.taggedEnum<When>()

interface Options {
  /** Only for this call's path, or this event's type. Default: for all. */
  readonly only?: string | ReadonlyArray<string> | undefined
}

const rule = <F>(fault: F, when: When, options: Options | undefined): Rule<F> => ({
  fault,
  when,
  only: typeof options?.only === "string" ? [options.only] : options?.only
})

/**
 * The next `count` times.
 *
 * @since 0.1.0
 * @category rules
 */
export const next = <F>(count: number, fault: F, options?: Options): Rule<F> =>
  rule(fault, When.Next({ count }), options)

/**
 * Every `nth` time, counted from here: with 5, the 5th, the 10th, …
 *
 * @since 0.1.0
 * @category rules
 */
export const every = <F>(nth: number, fault: F, options?: Options): Rule<F> => rule(fault, When.Every({ nth }), options)

/**
 * With this probability, from 0 to 1. The same seed gives the same sequence.
 *
 * @since 0.1.0
 * @category rules
 */
export const withProbability = <F>(
  probability: number,
  fault: F,
  options: Options & { readonly seed: string | number }
): Rule<F> => rule(fault, When.WithProbability({ probability, seed: options.seed }), options)

const arm = (when: When): Effect.Effect<boolean> => {
  let count = 0
  switch (when._tag) {
    case "Next":
      return Effect.sync(() => count < when.count && ++count > 0)
    case "Every":
      return Effect.sync(() => ++count % when.nth === 0)
    case "WithProbability": {
      const random = Random.make(when.seed)
      return Effect.map(random.next, (n) => n < when.probability)
    }
  }
}

/**
 * The rules with counters at zero: asked for each call or push, they give the fault of the first rule whose turn it
 * is. The rules behind that one are not asked. A fault without a rule goes wrong once.
 *
 * @since 0.1.0
 * @category rules
 */
export const armed = <F extends Fault | PushFault>(faults: ReadonlyArray<F | Rule<F>>) => {
  const armed = faults.map((fault) => {
    const rule = "_tag" in fault ? next(1, fault) : fault
    return { ...rule, isDue: arm(rule.when) }
  })
  return (subject: string): Effect.Effect<F | undefined> =>
    Effect.gen(function*() {
      for (const { fault, isDue, only } of armed) {
        if ((only === undefined || only.includes(subject)) && (yield* isDue)) return fault
      }
      return undefined
    })
}
