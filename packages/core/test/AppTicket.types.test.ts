/** Checked by the compiler: `npm run check`. */
// What is wrong here is the compiler's to say, by the comments that expect it.
// @effect-diagnostics missingEffectContext:off
// @effect-diagnostics floatingEffect:off
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Redacted, Schedule } from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as FeishuApp from "../src/FeishuApp.js"
import type { FeishuApiError, FeishuError, FeishuNetworkError } from "../src/FeishuError.js"
import * as RetryPolicy from "../src/RetryPolicy.js"

const app = FeishuApp.layer({ appId: "cli_a", appSecret: Redacted.make("a secret") })

describe("AppTicket.resend, its type", () => {
  it("fails with exactly the two families and needs exactly the app and a client", () => {
    expectTypeOf(AppTicket.resend).toEqualTypeOf<
      Effect.Effect<void, FeishuNetworkError | FeishuApiError, FeishuApp.FeishuApp | HttpClient.HttpClient>
    >()
  })

  it("keeps that type under any policy", () => {
    expectTypeOf(
      AppTicket.resend.pipe(
        Effect.provideService(
          RetryPolicy.RetryPolicy,
          RetryPolicy.fromSchedule(
            Schedule.recurs(3).pipe(Schedule.whileInput((error: FeishuError) => error.isRetryable))
          )
        )
      )
    ).toEqualTypeOf<typeof AppTicket.resend>()
  })

  it("has no error left once both families are handled", () => {
    const handled = Effect.catchTags(AppTicket.resend, {
      FeishuNetworkError: () => Effect.void,
      FeishuApiError: () => Effect.void
    })
    expectTypeOf<Effect.Effect.Error<typeof handled>>().toEqualTypeOf<never>()
  })

  it("does not run while a layer is left out", () => {
    const run = (_: Effect.Effect<unknown, unknown>) => {}
    // @ts-expect-error: neither the app nor the client is provided
    run(AppTicket.resend)
    // @ts-expect-error: the client is not provided
    run(AppTicket.resend.pipe(Effect.provide(app)))
    // @ts-expect-error: the app is not provided
    run(AppTicket.resend.pipe(Effect.provide(FetchHttpClient.layer)))
    run(AppTicket.resend.pipe(Effect.provide([app, FetchHttpClient.layer])))
  })

  it("takes no schedule that does not take the errors", () => {
    const onlyNumbers = Schedule.recurs(3).pipe(Schedule.whileInput((n: number) => n > 0))
    // @ts-expect-error: this schedule's input is a number
    RetryPolicy.fromSchedule(onlyNumbers)
  })

  it("takes no app secret in the open", () => {
    // @ts-expect-error: it must be Redacted
    const layer = FeishuApp.layer({ appId: "cli_a", appSecret: "a secret" })
    expectTypeOf(layer).not.toBeAny()
  })
})
