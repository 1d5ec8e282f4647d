/** `feishu-ticket resend`: asks the platform for a push, and retries by the policy. */
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as RetryPolicy from "@effect-feishu/core/RetryPolicy"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Configuration from "../Configuration.js"
import * as Failure from "../Failure.js"
import * as Network from "../Network.js"
import type * as Options from "../Options.js"
import * as Output from "../Output.js"
import * as Report from "../Report.js"

const policyOf = ({ once, retryFor }: Options.Resend): Effect.Effect<RetryPolicy.Policy, Failure.UsageError> => {
  if (Option.isNone(retryFor)) return Effect.succeed(once ? RetryPolicy.none : RetryPolicy.make())
  if (once) {
    return new Failure.UsageError({
      message: "--once and --retry-for contradict each other: give only one of them"
    })
  }
  return Duration.toMillis(retryFor.value) > 0
    ? Effect.succeed(RetryPolicy.make({ retries: Infinity, totalTimeout: retryFor.value }))
    : new Failure.UsageError({
      message: "--retry-for leaves no time for an attempt: for a single one, give --once"
    })
}

export const run = (options: Options.Resend) =>
  Effect.gen(function*() {
    const since = yield* Clock.currentTimeMillis
    const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - since)
    const { paint, waiting } = yield* Output.Output
    let attempts = 0
    const counted = Effect.map(
      HttpClient.HttpClient,
      HttpClient.tapRequest(() => Effect.sync(() => void attempts++))
    )
    const resend = Effect.gen(function*() {
      const policy = yield* policyOf(options)
      yield* AppTicket.resend.pipe(
        waiting("waiting until the platform accepts the resend"),
        Effect.provideService(RetryPolicy.RetryPolicy, policy),
        Effect.provideServiceEffect(HttpClient.HttpClient, counted)
      )
      const seconds = Duration.format(Duration.millis(yield* elapsed))
      return {
        json: {},
        text: `${paint("green", "✓")} The platform accepted the resend at attempt ${attempts}, after ${seconds}. `
          + "It pushes the ticket to the app's request URL, within 2 minutes."
      }
    })
    yield* resend.pipe(
      Effect.provide([Configuration.layer(options), Network.layer]),
      (effect) =>
        Report.report(effect, {
          json: options.json,
          more: Effect.map(elapsed, (elapsedMs) => ({ attempts, elapsedMs }))
        })
    )
  })
