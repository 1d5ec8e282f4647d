/** What is measured without sockets, each in a process of its own: the function of web requests, and many apps. */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as ByHand from "./byHand.js"
import { app, appOf, deliver, type Delivery, event, forged, path, unsigned } from "./deliveries.js"
import { fork } from "./fork.js"
import * as Subscription from "./subscription.js"

/** Each delivery has a number of its own in this process. */
let sent = 0

const prepare = (count: number, of = app): Effect.Effect<ReadonlyArray<Delivery>> =>
  Effect.map(Clock.currentTimeMillis, (now) => Arr.makeBy(count, () => deliver(of, event, sent++, now)))

/** Returns the time of each of so many, in microseconds. */
const timed = <E, R>(count: number, effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const begin = process.hrtime.bigint()
    return Effect.map(effect, () => Number(process.hrtime.bigint() - begin) / 1000 / count)
  })

/** In microseconds, of each round: one delivery. */
export interface Web {
  readonly ours: ReadonlyArray<number>
  readonly bare: ReadonlyArray<number>
}

const web = (isQuick: boolean): Effect.Effect<Web> =>
  Effect.gen(function*() {
    const ours = yield* Effect.promise(() => Subscription.makeWeb(app))
    const bare = ByHand.makeWeb(app)
    const size = 500
    const round = (handler: (request: Request) => Promise<Response>) =>
      Effect.flatMap(prepare(size), (deliveries) => {
        const bytes = deliveries.map(({ body, headers }) => ({ method: "POST", headers, body: Buffer.from(body) }))
        return timed(
          size,
          Effect.promise(async () => {
            for (const init of bytes) {
              // oxlint-disable-next-line no-await-in-loop -- one after another
              const { status } = await handler(new Request(`http://127.0.0.1${path}`, init))
              if (status !== 200) throw new Error(`a delivery was answered with ${status}`)
            }
          })
        )
      })
    const both = Effect.all({ bare: round(bare.handler), ours: round(ours.handler) })
    yield* Effect.replicateEffect(both, isQuick ? 10 : 20, { discard: true })
    const rounds = yield* Effect.replicateEffect(both, isQuick ? 15 : 40)
    return { ours: rounds.map(({ ours }) => ours), bare: rounds.map(({ bare }) => bare) }
  })

export const kinds = ["genuine", "forged", "unsigned"] as const
export type Kind = (typeof kinds)[number]

export const counts = [1, 10, 100, 1000] as const

export type Times = Readonly<Record<Kind, ReadonlyArray<number>>>

/** In microseconds, of each round: one delivery of each kind, for the last of so many apps. */
export interface ManyApps {
  readonly anyOf: ReadonlyArray<Times>
  /** By a route for each app. */
  readonly route: Times
}

const requestOf = ({ body, headers }: Delivery): EventDoor.Request => ({
  method: "POST",
  headers,
  body: Effect.succeed(Buffer.from(body))
})

const manyApps = (isQuick: boolean): Effect.Effect<ManyApps> =>
  Effect.gen(function*() {
    const subscriptions = yield* Effect.forEach(
      Arr.makeBy(Math.max(...counts), appOf),
      (app) => Effect.provide(EventSubscription.make(Subscription.options), Subscription.appLayer(app))
    )
    const statuses = { genuine: 200, forged: 401, unsigned: 401 }

    const one = (
      answer: (request: EventDoor.Request) => Effect.Effect<EventDoor.Answer>,
      { count, kind, last }: { readonly kind: Kind; readonly count: number; readonly last: number }
    ) =>
      Effect.flatMap(prepare(count, appOf(last)), (deliveries) => {
        const made = kind === "genuine" ? deliveries : deliveries.map(kind === "forged" ? forged : unsigned)
        const requests = made.map(requestOf)
        return timed(
          count,
          Effect.forEach(requests, (request) =>
            Effect.map(answer(request), ({ status }) => {
              if (status !== statuses[kind]) throw new Error(`a ${kind} delivery was answered with ${status}`)
            }), { discard: true })
        )
      })

    const anyOf = counts.map((count) => {
      const service = EventSubscription.anyOf(Effect.succeed(subscriptions.slice(0, count)))
      return (kind: Kind) =>
        one((request) => EventDoor.answer(service, request), {
          kind,
          last: count - 1,
          count: Math.max(4, Math.round(1000 / count))
        })
    })
    const byId = new Map(subscriptions.map((subscription, n) => [appOf(n).appId, subscription]))
    const findApp = (appId: string) => Effect.succeed(Option.fromNullable(byId.get(appId)))
    const last = subscriptions.length - 1
    const route = (kind: Kind) =>
      one((request) => EventDoor.answerApp(findApp, appOf(last).appId, request), { kind, last, count: 1000 })
    const each = (measure: (kind: Kind) => Effect.Effect<number>) =>
      Effect.all({ genuine: measure("genuine"), forged: measure("forged"), unsigned: measure("unsigned") })
    const contestants = [...anyOf, route]
    // In turns forwards and backwards.
    let isForwards = false
    const round = Effect.suspend(() => {
      isForwards = !isForwards
      return isForwards
        ? Effect.forEach(contestants, each)
        : Effect.map(Effect.forEach(contestants.toReversed(), each), (times) => times.toReversed())
    })
    yield* Effect.replicateEffect(round, isQuick ? 3 : 6, { discard: true })
    const rounds = yield* Effect.replicateEffect(round, isQuick ? 7 : 21)
    const valuesOf = (i: number, kind: Kind) => rounds.map((round) => round[i]?.[kind] ?? NaN)
    const ofContestant = (i: number) => ({
      genuine: valuesOf(i, "genuine"),
      forged: valuesOf(i, "forged"),
      unsigned: valuesOf(i, "unsigned")
    })
    return { anyOf: counts.map((_, i) => ofContestant(i)), route: ofContestant(counts.length) }
  }).pipe(
    Effect.scoped,
    Effect.orDie,
    Effect.provide(Layer.merge(
      TicketStore.layerMemory,
      Logger.replace(Logger.defaultLogger, Logger.make(() => {}))
    ))
  )

const measurements = { web, manyApps }

type Name = keyof typeof measurements

/** Sends the result to the parent. */
export const run = async (name: string, isQuick: boolean) => {
  if (!(name in measurements)) throw new Error(`there is no measurement ${name}`)
  process.send?.(await Effect.runPromise(measurements[name as Name](isQuick) as Effect.Effect<unknown>))
  process.disconnect()
}

/** Measures in a process of its own. */
export const inProcess = <A>(name: Name, isQuick: boolean): Effect.Effect<A> =>
  Effect.scoped(
    Effect.flatMap(fork("measure", name, ...(isQuick ? ["--quick"] : [])), (child) =>
      Effect.async<A>((resume) => {
        child.once("message", (result: A) => resume(Effect.succeed(result)))
        child.once("exit", (code) => resume(Effect.dieMessage(`the measurement of ${name} ended with ${code}`)))
      }))
  )
