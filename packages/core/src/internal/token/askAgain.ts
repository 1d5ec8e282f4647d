/** Asks for resends while fibers wait for a ticket, and says how long they have waited. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { FeishuError } from "../../FeishuError.js"
import { monotonicMillis } from "../monotonicMillis.js"
import type { Resending } from "./resending.js"

/** The time between two log lines of a wait. */
const progressEvery = Duration.seconds(15)

const inSeconds = (millis: number): string => Duration.format(Duration.seconds(Math.round(millis / 1000)))

/** Says every 15 s how long the wait has been. */
export const logProgress = Effect.flatMap(monotonicMillis, (since) =>
  Effect.flatMap(
    Effect.delay(monotonicMillis, progressEvery),
    (now) => Effect.logInfo(`still waiting for an app ticket, for ${inSeconds(now - since)} so far`)
  ).pipe(Effect.forever))

/** Says why the platform is not asked now. Another process may have asked, and only that process knows the answer. */
const heldBack = (failure: FeishuError | undefined): string => {
  switch (failure?._tag) {
    case undefined:
      return "was asked lately"
    case "FeishuApiError":
      return "refused lately"
    case "FeishuNetworkError":
      return "could not be reached lately"
  }
}

/** Asks for a resend, and asks again as soon as the next resend may be sent. */
export const forever = <R>(
  ask: Effect.Effect<Duration.Duration, FeishuError, R>,
  { failureAt, heldBackFor }: Pick<Resending<FeishuError, R>, "failureAt" | "heldBackFor">
) =>
  Effect.gen(function*() {
    const left = yield* ask
    if (Duration.lessThanOrEqualTo(left, Duration.zero)) return
    const now = yield* monotonicMillis
    if (heldBackFor(now) !== undefined) {
      yield* Effect.logInfo(
        `the platform ${heldBack(failureAt(now))}, and is asked again in ${
          inSeconds(Duration.toMillis(left))
        } unless a ticket comes`
      )
    }
    yield* Effect.sleep(left)
  }).pipe(Effect.forever)
