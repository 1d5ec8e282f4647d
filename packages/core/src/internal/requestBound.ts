/** Tells whether a request may wait for what another request has started, and waits where a request may not. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"

/**
 * Returns `true` on Cloudflare Workers. There a timer, a call to the network and the fiber that waits for either belong to
 * the request that started them: they end with the request, and the runtime cancels a request that waits for nothing of
 * its own. So no request may wait for another one's fiber. Memory is shared: a request may look at what others have left.
 */
export const isRequestBound = (): boolean => globalThis.navigator?.userAgent === "Cloudflare-Workers"

const betweenLooks = Duration.millis(5)

/** Waits with timers of the caller's own until `isDone` returns `true`. */
export const lookUntil = (isDone: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.delay(isDone, betweenLooks), { until: identity<boolean> }))
