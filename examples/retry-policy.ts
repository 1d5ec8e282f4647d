/** Other retries than the default: another policy for a region of code, and a Schedule of one's own in its place. */
import { AppTicket, FeishuApp, FeishuClient, type FeishuError, RetryPolicy } from "@effect-feishu/core"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Schedule } from "effect"

// At start-up: give up soon. Whatever runs inside has this policy, and nothing outside.
const quick = AppTicket.resend.pipe(
  Effect.provideService(RetryPolicy.RetryPolicy, RetryPolicy.make({ retries: 2, totalTimeout: "3 seconds" }))
)

// A Schedule of one's own. It alone decides: this one goes on only while it makes sense to.
const steady = RetryPolicy.fromSchedule(
  Schedule.spaced("100 millis").pipe(
    Schedule.intersect(Schedule.recurs(20)),
    Schedule.whileInput((error: FeishuError.FeishuError) => error.isRetryable)
  )
)

// The default waits, and a look at each error on the way.
const watched = RetryPolicy.schedule({ baseDelay: "50 millis" }).pipe(
  Schedule.tapInput((error: FeishuError.FeishuError) => Console.log(`Tried again after ${error._tag}`))
)

const program = Effect.gen(function*() {
  yield* quick
  yield* Console.log("Accepted under the quick policy.")
  yield* AppTicket.resend.pipe(Effect.provideService(RetryPolicy.RetryPolicy, steady))
  yield* Console.log("Accepted under the steady schedule.")
  yield* AppTicket.resend.pipe(
    Effect.provideService(RetryPolicy.RetryPolicy, { ...RetryPolicy.make(), schedule: watched })
  )
  yield* Console.log("Accepted under the watched schedule.")
})

program.pipe(
  Effect.provide([FeishuApp.layerConfig(), FeishuClient.layerFetch]),
  NodeRuntime.runMain
)
