/**
 * Measures 10,000 callers that ask for a ticket, and for a tenant's token, while there is none:
 *
 *     npx tsx packages/core/bench/cold.ts
 */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as FeishuApp from "@effect-feishu/core/FeishuApp"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Order from "effect/Order"
import * as Redacted from "effect/Redacted"

const appId = "cli_a1b2c3d4e5f6a7b8"
const callers = 10_000
const rounds = 15

const answers: Readonly<Record<string, object>> = {
  resend: {},
  app_access_token: { app_access_token: "a-1", expire: 7200 },
  tenant_access_token: { tenant_access_token: "t-1", expire: 7200 }
}

/** Answers each call at once, and pushes a ticket 20 ms after a resend. */
const platform = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(TicketStore.TicketStore, (store) => {
    const push = Effect.flatMap(DateTime.now, (sentAt) => store.put(appId, { value: Redacted.make("ticket"), sentAt }))
    return HttpClient.make((request) => {
      const name = request.url.split("/").at(-1) ?? ""
      const answer = HttpClientResponse.fromWeb(request, Response.json({ code: 0, msg: "ok", ...answers[name] }))
      return name === "resend"
        ? Effect.as(Effect.forkDaemon(Effect.delay(push, "20 millis")), answer)
        : Effect.succeed(answer)
    })
  })
)

const services = AccessToken.layer().pipe(
  Layer.provideMerge(AppTicket.layer()),
  Layer.provide(platform),
  Layer.provide([FeishuApp.layer({ appId, appSecret: Redacted.make("an app secret") }), TokenStore.layerMemory]),
  Layer.provide(TicketStore.layerMemory)
)

/** Returns the milliseconds until all callers are served by services that have just been built. */
const round = <A, E>(call: Effect.Effect<A, E, AppTicket.AppTicket | AccessToken.AccessToken>) =>
  Effect.flatMap(Layer.build(Layer.fresh(services)), (context) =>
    Effect.suspend(() => {
      const begin = process.hrtime.bigint()
      return Effect.map(
        Effect.all(Effect.replicate(Effect.provide(call, context), callers), {
          concurrency: "unbounded",
          discard: true
        }),
        () => Number(process.hrtime.bigint() - begin) / 1e6
      )
    })).pipe(Effect.scoped)

const median = (values: ReadonlyArray<number>) => values.toSorted(Order.number)[Math.floor(values.length / 2)] ?? NaN

const main = Effect.gen(function*() {
  const times = yield* Effect.replicateEffect(
    Effect.all([round(AppTicket.get), round(AccessToken.tenant("a"))]),
    rounds
  )
  const [ticket, token] = [times.map(([ticket]) => ticket), times.map(([_, token]) => token)].map(median)
  yield* Effect.sync(() =>
    process.stdout.write(
      `${callers} cold callers: a ticket ${ticket?.toFixed(0)} ms, a token ${token?.toFixed(0)} ms\n`
    )
  )
})

await Effect.runPromise(Effect.provide(main, Logger.remove(Logger.defaultLogger)))
