/**
 * Deliveries without sockets, in a process of its own: the function of web requests beside one that does the same by hand, a
 * delivery for one of many apps behind one URL, and deliveries of many sizes.
 */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Child from "../measure/Child.js"
import { alternate, nanosOf } from "../measure/rounds.js"
import { median, ratios } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import * as ByHand from "./doors/byHand.js"
import { app, appOf, type Delivery, event, forged, type Make, path, prepare, unsigned } from "./doors/deliveries.js"
import * as Subscription from "./doors/subscription.js"

/** Returns the microseconds for each of so many. */
const timed = <E, R>(count: number, effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(nanosOf(effect), (nanos) => nanos / 1000 / count)

const requestOf = ({ body, headers }: Delivery): EventDoor.Request => ({
  method: "POST",
  headers,
  body: Effect.succeed(Buffer.from(body))
})

type Answer = (request: EventDoor.Request) => Effect.Effect<EventDoor.Answer>

const answered = (answer: Answer, deliveries: ReadonlyArray<Delivery>, status: number) => {
  const requests = deliveries.map(requestOf)
  return timed(
    requests.length,
    Effect.forEach(requests, (request) =>
      Effect.filterOrDieMessage(
        answer(request),
        (answer) => answer.status === status,
        `a delivery was not answered with ${status}`
      ), { discard: true })
  )
}

// The function of web requests

const webs = Effect.gen(function*() {
  const ours = yield* Effect.promise(() => Subscription.makeWeb(app))
  const byHand = ByHand.makeWeb(app)
  const size = 500
  const round = (handler: (request: Request) => Promise<Response>) =>
    Effect.flatMap(prepare(app, event, size), (deliveries) => {
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
  return { byHand: round(byHand.handler), ours: round(ours.handler) }
})

// Many apps

const kinds = ["genuine", "forged", "unsigned"] as const

type Kind = typeof kinds[number]

const statuses: Readonly<Record<Kind, number>> = { genuine: 200, forged: 401, unsigned: 401 }

const counts = [1, 10, 100, 1000] as const

const last = Math.max(...counts) - 1

/** A delivery for the app with this number, which is the last that `answer` asks. */
const forApp = (answer: Answer, number: number, count: number, kind: Kind) =>
  Effect.flatMap(prepare(appOf(number), event, count), (deliveries) =>
    answered(
      answer,
      kind === "genuine" ? deliveries : deliveries.map(kind === "forged" ? forged : unsigned),
      statuses[kind]
    ))

const manyApps = Effect.gen(function*() {
  const subscriptions = yield* Effect.forEach(
    Arr.makeBy(last + 1, appOf),
    (app) => Effect.provide(EventSubscription.make(Subscription.options), Subscription.appLayer(app))
  )
  const anyOf = counts.flatMap((count) => {
    const service = EventSubscription.anyOf(Effect.succeed(subscriptions.slice(0, count)))
    return kinds.map((kind) =>
      [
        `${kind} ${count}`,
        forApp((request) => EventDoor.answer(service, request), count - 1, Math.max(4, Math.round(1000 / count)), kind)
      ] as const
    )
  })
  const byId = new Map(subscriptions.map((subscription, n) => [appOf(n).appId, subscription]))
  const findApp = (appId: string) => Effect.succeed(Option.fromNullable(byId.get(appId)))
  const route = kinds.map((kind) =>
    [
      `${kind} route`,
      forApp((request) => EventDoor.answerApp(findApp, appOf(last).appId, request), last, 1000, kind)
    ] as const
  )
  return Object.fromEntries([...anyOf, ...route])
})

// Many sizes

const bytes = [100, 1_000, 10_000, 100_000, 500_000] as const

/** An event with so many bytes of text. */
const eventOf = (size: number): Make => (app, n, now) => ({
  ...event(app, n, now) as object,
  event: { text: "x".repeat(size) }
})

const sizes = Effect.gen(function*() {
  const subscription = yield* Effect.provide(EventSubscription.make(Subscription.options), Subscription.appLayer(app))
  const byHand = ByHand.make(app)
  const ours: Answer = (request) => EventDoor.answer(subscription, request)
  const theirs: Answer = ({ body, headers }) =>
    Effect.map(Effect.orDie(body), (body) => ({
      status: byHand.take((name) => String(headers[name]), body),
      headers: {},
      body: ""
    }))
  return Object.fromEntries(bytes.flatMap((size) => {
    const count = Math.max(4, Math.min(300, Math.round(1_000_000 / size)))
    const one = (answer: Answer) =>
      Effect.flatMap(prepare(app, eventOf(size), count), (all) => answered(answer, all, 200))
    return [[`ours ${size}`, one(ours)] as const, [`by hand ${size}`, one(theirs)] as const]
  }))
})

// The measurement

type Times = Readonly<Record<string, ReadonlyArray<number>>>

/** In microseconds of each round. */
interface Measured {
  readonly web: Times
  readonly manyApps: Times
  readonly sizes: Times
}

export const measure = (isQuick: boolean): Effect.Effect<Measured, unknown> =>
  Effect.gen(function*() {
    return {
      web: yield* alternate(yield* webs, isQuick ? { warmUp: 10, rounds: 15 } : { warmUp: 20, rounds: 40 }),
      manyApps: yield* alternate(yield* manyApps, isQuick ? { warmUp: 3, rounds: 7 } : { warmUp: 6, rounds: 21 }),
      sizes: yield* alternate(yield* sizes, isQuick ? { warmUp: 2, rounds: 5 } : { warmUp: 4, rounds: 15 })
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(
      TicketStore.layerMemory,
      Logger.replace(Logger.defaultLogger, Logger.make(() => {}))
    ))
  )

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Child.measure<Measured>("in-process", isQuick), ({ manyApps, sizes, web }) => {
    const of = (times: Times, name: string) => times[name] ?? []
    const micros = (times: Times, name: string) => median(of(times, name)).toFixed(1)
    const difference = (kind: Kind, to: string) =>
      of(manyApps, `${kind} ${to}`).map((time, i) => time - (of(manyApps, `${kind} 1`)[i] ?? NaN))
    return {
      tables: [
        {
          title: "A Request and its Response, without sockets",
          head: ["", "µs"],
          rows: [
            ["the same crypto by hand", micros(web, "byHand")],
            ["EventWebHandler", micros(web, "ours")]
          ]
        },
        {
          title: "A delivery for the last of many apps: µs",
          head: ["apps", ...kinds],
          rows: [
            ...counts.map((count) => [
              `anyOf ${count.toLocaleString("en")}`,
              ...kinds.map((kind) => micros(manyApps, `${kind} ${count}`))
            ]),
            [
              `a route for each of ${(last + 1).toLocaleString("en")}`,
              ...kinds.map((kind) => micros(manyApps, `${kind} route`))
            ]
          ]
        },
        {
          title: "An event with a text of so many bytes: µs",
          head: ["bytes", "EventDoor", "by hand"],
          rows: bytes.map((size) => [
            size.toLocaleString("en"),
            micros(sizes, `ours ${size}`),
            micros(sizes, `by hand ${size}`)
          ])
        }
      ],
      claims: [
        {
          name: "EventWebHandler, in process: speed to the same crypto by hand",
          values: ratios(of(web, "byHand"), of(web, "ours")),
          must: { least: 0.45 },
          aim: 0.8
        },
        ...kinds.map((kind) => ({
          name: `anyOf 1,000 apps: time for each app more, ${kind}`,
          values: difference(kind, "1000").map((micros) => micros / 999),
          must: { most: 10 },
          unit: "µs"
        })),
        ...kinds.map((kind) => ({
          name: `a route for each of 1,000 apps: time more than for one app, ${kind}`,
          values: difference(kind, "route"),
          must: { most: 2 },
          unit: "µs"
        })),
        {
          name: "an event of 500 kB: time to the same crypto by hand",
          values: ratios(of(sizes, "ours 500000"), of(sizes, "by hand 500000")),
          must: { most: 2 }
        }
      ],
      curves: [
        {
          file: "apps",
          title: "A delivery for the last of many apps behind one URL (anyOf)",
          x: "apps",
          y: "µs",
          lines: Object.fromEntries(
            kinds.map((
              kind
            ) => [kind, counts.map((count) => [count, median(of(manyApps, `${kind} ${count}`))] as const)])
          )
        },
        {
          file: "body-size",
          title: "An event, by the size of its text",
          x: "bytes",
          y: "µs",
          lines: {
            "EventDoor": bytes.map((size) => [size, median(of(sizes, `ours ${size}`))] as const),
            "by hand": bytes.map((size) => [size, median(of(sizes, `by hand ${size}`))] as const)
          }
        }
      ]
    }
  })
