/**
 * The faults of calls and of pushes, and the rules of when a fault happens.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"

/**
 * What goes wrong with a call.
 *
 * Under `Drop`, `Refuse` and `Answer` the platform does not act on the call. Under the others it does.
 *
 * - `Drop`: ends the connection without an answer.
 * - `Cut`: sends half of the answer, and ends the connection.
 * - `CutJson`: sends half of the answer as a complete answer.
 * - `ContentType`: sends the answer with this content type.
 * - `Delay`: sends the answer after this time. `Duration.infinity` sends none.
 * - `Refuse`: sends this code and this message as the platform does. Adds `x-ogw-ratelimit-reset` if `resetSeconds` is given.
 * - `Answer`: sends exactly this answer, as a gateway may do.
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
 * Refuses a call as the platform does over a rate limit: with HTTP 429, or 400 for older calls (page "频控策略"). The header
 * `x-ogw-ratelimit-limit` is 100, as in the example of that page.
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
 * Answers a call with the error page of a gateway.
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
 * Answers a call with this number of bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const oversized = (bytes: number): Fault =>
  Answer({ status: 200, headers: { "content-type": "application/json" }, body: " ".repeat(bytes) })

/**
 * What goes wrong with a push.
 *
 * - `Lost`: the event is never delivered, and the platform does not retry.
 * - `Late`: the first delivery is sent after this time.
 * - `Held`: the first delivery is sent after the first delivery of the next push to the same app, so out of order.
 * - `Doubled`: an acknowledged event is sent again after this time, with a new signature.
 * - `Replayed`: an attacker sends the bytes and headers of the first delivery again after this time.
 * - `Forged`: an attacker without the app's secrets sends an event of the same type before the first delivery.
 * - `Tampered`: an attacker changes the signed body of the first delivery.
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
 * A fault, and when the fault happens.
 *
 * @since 0.1.0
 * @category rules
 */
export interface Rule<F> {
  readonly fault: F
  /** The paths of the calls, or the types of the events. `undefined` for all. */
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
  /** The path of the calls, or the type of the events. `:message_id` stands for any segment of a path. Default: all. */
  readonly only?: string | ReadonlyArray<string> | undefined
}

const rule = <F>(fault: F, when: When, options: Options | undefined): Rule<F> => ({
  fault,
  when,
  only: typeof options?.only === "string" ? [options.only] : options?.only
})

/**
 * The fault happens the next `count` times.
 *
 * @since 0.1.0
 * @category rules
 */
export const next = <F>(count: number, fault: F, options?: Options): Rule<F> =>
  rule(fault, When.Next({ count }), options)

/**
 * The fault happens every `nth` time: the 5th time, the 10th time, and so on for 5. Setting the rule starts the count.
 *
 * @since 0.1.0
 * @category rules
 */
export const every = <F>(nth: number, fault: F, options?: Options): Rule<F> => rule(fault, When.Every({ nth }), options)

/**
 * The fault happens with this probability, above 0 and up to 1. The same seed gives the same sequence.
 *
 * @since 0.1.0
 * @category rules
 */
export const withProbability = <F>(
  probability: number,
  fault: F,
  options: Options & { readonly seed: string | number }
): Rule<F> => rule(fault, When.WithProbability({ probability, seed: options.seed }), options)
