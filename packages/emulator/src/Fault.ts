/**
 * What goes wrong with a call, for once, instead of its proper answer.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"

/**
 * - `Drop`: the connection ends before any answer.
 * - `Cut`: the proper answer breaks off in the middle and the connection ends.
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
export const { $is, $match, Answer, Cut, Delay, Drop, Refuse } = Data.taggedEnum<Fault>()

/**
 * A rate limit as the platform reports it: HTTP 429, or 400 on its older calls (page "频控策略").
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
