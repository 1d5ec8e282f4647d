/** A caller that is interrupted at each step of `AppTicket.get` and `AppTicket.refresh`. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Metric,
  type MetricState,
  Redacted
} from "effect"
import * as AppTicket from "../src/AppTicket.js"
import * as Claims from "../src/Claims.js"
import * as FeishuApp from "../src/FeishuApp.js"
import * as FeishuMetrics from "../src/FeishuMetrics.js"
import * as RetryPolicy from "../src/RetryPolicy.js"
import * as TicketStore from "../src/TicketStore.js"
import { pass, withQuickClock } from "./quickClock.js"
import * as Scripted from "./scripted.js"

const yields = (count: number) => Effect.repeatN(Effect.yieldNow(), count - 1).pipe(Effect.when(() => count > 0))

/** Each operation of the stores takes as many turns of the scheduler. */
const slowed = (turns: number) =>
  Effect.gen(function*() {
    const store = yield* TicketStore.makeMemory()
    const claims = yield* Claims.makeMemory()
    const after = <A, E>(effect: Effect.Effect<A, E>) => Effect.andThen(yields(turns), effect)
    return {
      claims,
      layer: Layer.merge(
        Layer.succeed(TicketStore.TicketStore, { ...store, get: (appId) => after(store.get(appId)) }),
        Layer.succeed(Claims.Claims, {
          claim: (...args) => after(claims.claim(...args)),
          renew: (...args) => after(claims.renew(...args)),
          release: (...args) => after(claims.release(...args)),
          hold: claims.hold
        })
      ),
      store
    }
  })

let apps = 0

const start = (turns: number) =>
  Effect.gen(function*() {
    const appId = `cli_interrupted_${apps++}`
    const waiters = Effect.map(
      Metric.value(Metric.tagged(FeishuMetrics.ticketWaiters, "app_id", appId)),
      (state: MetricState.MetricState.Gauge<number>) => state.value
    )
    const { claims, layer, store } = yield* slowed(turns)
    /** The number of fibers that wait when a resend arrives. */
    const resends: Array<number> = []
    const client = HttpClient.make((request) =>
      Effect.flatMap(waiters, (waiting) => {
        resends.push(waiting)
        return Scripted.ok(request)
      })
    )
    const context = yield* Layer.build(
      AppTicket.layer().pipe(Layer.provide(Layer.mergeAll(
        FeishuApp.layer({ appId, appSecret: Scripted.appSecret }),
        Layer.succeed(HttpClient.HttpClient, client),
        Layer.succeed(RetryPolicy.RetryPolicy, RetryPolicy.none),
        layer
      )))
    )
    const isFree = Effect.map(claims.claim(appId, "resend", Duration.zero), ({ _tag }) => _tag === "Claimed")
    const push = Effect.flatMap(
      DateTime.now,
      (sentAt) => store.put(appId, { value: Redacted.make("a ticket"), sentAt })
    )
    return { service: Context.get(context, AppTicket.AppTicket), isFree, push, resends, waiters }
  })

const test = <A, E>(effect: Effect.Effect<A, E>) =>
  withQuickClock(Effect.provide(effect, Logger.minimumLogLevel(LogLevel.None)))

describe("a caller that is interrupted", () => {
  for (const call of ["get", "refresh"] as const) {
    it.effect(
      `at any step of ${call} leaves no waiter behind and sends no resend for nobody`,
      () =>
        Effect.gen(function*() {
          let sent = 0
          for (let turns = 0; turns < 8; turns++) {
            for (let steps = 0; steps < 60; steps++) {
              const where = `${turns} turns, ${steps} steps`
              yield* Effect.gen(function*() {
                const { isFree, resends, service, waiters } = yield* start(turns)
                const fiber = yield* Effect.fork(service[call])
                yield* yields(steps)
                yield* Fiber.interrupt(fiber)
                yield* pass("1 second")
                assert.strictEqual(yield* waiters, 0, where)
                assert.isAtMost(resends.length, 1, where)
                assert.isFalse(resends.includes(0), where)
                // A claim without its resend would hold back the next caller.
                assert.strictEqual(yield* isFree, resends.length === 0, where)
                sent += resends.length
              }).pipe(Effect.scoped)
            }
          }
          // Some callers were interrupted before the resend, and some after the resend.
          assert.isAbove(sent, 50)
          assert.isBelow(sent, 430)
        }).pipe(test),
      60_000
    )
  }

  it.effect("just before another one calls costs the other one nothing", () =>
    Effect.gen(function*() {
      for (let turns = 0; turns < 5; turns++) {
        for (let steps = 0; steps < 60; steps++) {
          const where = `${turns} turns, ${steps} steps`
          yield* Effect.gen(function*() {
            const { push, resends, service } = yield* start(turns)
            const gone = yield* Effect.fork(service.get)
            yield* yields(steps)
            const stays = yield* Effect.zipLeft(Effect.fork(service.get), Effect.fork(Fiber.interrupt(gone)))
            yield* pass("1 second")
            assert.strictEqual(resends.length, 1, where)
            yield* push
            yield* pass("1 second")
            assert.strictEqual(Redacted.value((yield* Fiber.join(stays)).value), "a ticket", where)
          }).pipe(Effect.scoped)
        }
      }
    }).pipe(test), 60_000)
})
