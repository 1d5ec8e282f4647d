/** Callers that ask for a ticket, or for a tenant's token, at the same time while there is none. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as AppTicket from "@effect-feishu/core/AppTicket"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Child from "../measure/Child.js"
import { alternate, nanosOf } from "../measure/rounds.js"
import { median } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { app, appId, tenantOf } from "./world.js"

const counts = [1, 10, 100, 1_000, 10_000] as const
const pushDelay = 20

const answers: Readonly<Record<string, object>> = {
  resend: {},
  app_access_token: { app_access_token: "a-1", expire: 7200 },
  tenant_access_token: { tenant_access_token: "t-1", expire: 7200 }
}

/** Answers each call at once, pushes a ticket 20 ms after a resend, and counts the calls. */
const platform = (calls: Map<string, number>) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(TicketStore.TicketStore, (store) => {
      const push = Effect.flatMap(
        DateTime.now,
        (sentAt) => store.put(appId, { value: Redacted.make("ticket"), sentAt })
      )
      return HttpClient.make((request) => {
        const name = request.url.split("/").at(-1) ?? ""
        calls.set(name, (calls.get(name) ?? 0) + 1)
        const answer = HttpClientResponse.fromWeb(request, Response.json({ code: 0, msg: "ok", ...answers[name] }))
        return name === "resend"
          ? Effect.as(Effect.forkDaemon(Effect.delay(push, pushDelay)), answer)
          : Effect.succeed(answer)
      })
    })
  )

const services = (calls: Map<string, number>) =>
  AccessToken.layer().pipe(
    Layer.provideMerge(AppTicket.layer()),
    Layer.provide(platform(calls)),
    Layer.provide([app(), TokenStore.layerMemory]),
    Layer.provide(TicketStore.layerMemory)
  )

export interface Round {
  /** Until all callers are served. */
  readonly millis: number
  /** Calls to the platform. */
  readonly calls: number
}

const round = <A, E>(callers: number, call: Effect.Effect<A, E, AppTicket.AppTicket | AccessToken.AccessToken>) =>
  Effect.suspend(() => {
    const calls = new Map<string, number>()
    return Effect.flatMap(Layer.build(services(calls)), (context) =>
      Effect.map(
        nanosOf(
          Effect.all(Effect.replicate(Effect.provide(call, context), callers), {
            concurrency: "unbounded",
            discard: true
          })
        ),
        (nanos): Round => ({ millis: nanos / 1e6, calls: [...calls.values()].reduce((sum, count) => sum + count, 0) })
      ))
  }).pipe(Effect.scoped, Effect.orDie)

/** The rounds by the number of callers. */
type Rounds = Readonly<Record<number, Readonly<Record<"ticket" | "token", ReadonlyArray<Round>>>>>

export const measure = (isQuick: boolean) =>
  Effect.gen(function*() {
    const rounds: Record<number, Record<"ticket" | "token", ReadonlyArray<Round>>> = {}
    for (const callers of counts) {
      rounds[callers] = yield* alternate({
        ticket: round(callers, AppTicket.get),
        token: round(callers, AccessToken.tenant(tenantOf(1)))
      }, isQuick ? { warmUp: 1, rounds: 3 } : { warmUp: 2, rounds: 11 })
    }
    return rounds
  }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Child.measure<Rounds>("cold", isQuick), (rounds) => {
    const of = (callers: number, kind: "ticket" | "token", field: keyof Round) =>
      (rounds[callers]?.[kind] ?? []).map((round) => round[field])
    /** Without the time that the ticket takes to come. */
    const each = (callers: number, kind: "ticket" | "token") =>
      of(callers, kind, "millis").map((millis) => Math.max(0.001, (millis - pushDelay) * 1000 / callers))
    const curve = (kind: "ticket" | "token") => counts.map((callers) => [callers, median(each(callers, kind))] as const)
    return {
      tables: [{
        title:
          `Callers at the same time without a ticket and without a token. The ticket comes ${pushDelay} ms after the resend`,
        head: ["callers", "a ticket, ms", "calls", "a token, ms", "calls"],
        rows: counts.map((callers) => [
          callers.toLocaleString("en"),
          median(of(callers, "ticket", "millis")).toFixed(0),
          `${median(of(callers, "ticket", "calls"))}`,
          median(of(callers, "token", "millis")).toFixed(0),
          `${median(of(callers, "token", "calls"))}`
        ])
      }],
      claims: [
        {
          name: "10,000 cold callers of a ticket: calls to the platform (a resend)",
          values: of(10_000, "ticket", "calls"),
          must: { most: 1 },
          isExact: true,
          digits: 0
        },
        {
          name: "10,000 cold callers of a token: calls to the platform (a resend, and one for each token)",
          values: of(10_000, "token", "calls"),
          must: { most: 3 },
          isExact: true,
          digits: 0
        },
        {
          name: "10,000 cold callers of a token: time for each",
          values: each(10_000, "token"),
          must: { most: 200 },
          unit: "µs",
          digits: 0
        }
      ],
      curves: [{
        file: "cold",
        title: "Callers at the same time, without a ticket and a token",
        x: "callers",
        y: "µs for each caller, without the wait",
        lines: { "a ticket": curve("ticket"), "a token": curve("token") }
      }]
    }
  })
