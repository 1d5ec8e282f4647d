/** The memory for each tenant whose token is known, and for each event that is remembered. In a process with `--expose-gc`. */
import * as AccessToken from "@effect-feishu/core/AccessToken"
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import * as TicketStore from "@effect-feishu/core/TicketStore"
import * as TokenStore from "@effect-feishu/core/TokenStore"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Child from "../measure/Child.js"
import { alternate } from "../measure/rounds.js"
import { median } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import { app as eventApp, deliver, event } from "./doors/deliveries.js"
import * as Subscription from "./doors/subscription.js"
import { app, appId, everyToken, noPlatform, noTicket, tenantOf } from "./world.js"

const tenants = 100_000
const events = 50_000

const heapBytes = Effect.sync(() => {
  if (globalThis.gc === undefined) throw new Error("start Node with --expose-gc")
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
})

/** Returns how many bytes of heap `use` leaves behind in what `make` has made, which is kept until then. */
const growth = <A, E, R, E2, R2>(make: Effect.Effect<A, E, R>, use: (made: A) => Effect.Effect<unknown, E2, R2>) =>
  Effect.gen(function*() {
    const made = yield* make
    const before = yield* heapBytes
    yield* use(made)
    const after = yield* heapBytes
    return { made, bytes: after - before }
  })

const tokenBytes = growth(
  Effect.provide(AccessToken.make(), [app(), noPlatform, noTicket, everyToken]),
  (tokens) => Effect.forEach(Arr.range(1, tenants), (n) => tokens.tenant(tenantOf(n)), { discard: true })
)

const storedBytes = growth(TokenStore.makeMemory(), (store) =>
  Effect.gen(function*() {
    const all = yield* Effect.provide(TokenStore.TokenStore, everyToken)
    for (let n = 1; n <= tenants; n++) {
      const key = { appId, secretHash: "hash", tenantKey: Option.some(tenantOf(n)) }
      const token = yield* all.get(key)
      if (Option.isSome(token)) yield* store.put(key, token.value)
    }
  }))

const eventBytes = growth(
  EventSubscription.make(Subscription.options),
  (subscription) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      for (let n = 0; n < events; n++) {
        const { body, headers } = deliver(eventApp, event, n, now)
        const request = { method: "POST", headers, body: Effect.succeed(Buffer.from(body)) }
        const { status } = yield* EventDoor.answer(subscription, request)
        if (status !== 200) return yield* Effect.dieMessage(`an event was answered with ${status}`)
      }
    })
).pipe(Effect.provide(Layer.merge(Subscription.appLayer(eventApp), TicketStore.layerMemory)))

type Bytes = Readonly<Record<"token" | "stored" | "event", ReadonlyArray<number>>>

export const measure = (isQuick: boolean): Effect.Effect<Bytes> => {
  const each = <E, R>(grown: Effect.Effect<{ readonly bytes: number }, E, R>, count: number) =>
    Effect.orDie(Effect.map(Effect.scoped(grown), ({ bytes }) => bytes / count))
  return alternate({
    token: each(tokenBytes, tenants),
    stored: each(storedBytes, tenants),
    event: each(eventBytes, events)
  }, isQuick ? { warmUp: 1, rounds: 1 } : { warmUp: 1, rounds: 3 })
}

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(
    Child.measure<Bytes>("memory", isQuick, { node: ["--expose-gc"] }),
    ({ event, stored, token }) => ({
      tables: [{
        title: "Heap, in bytes",
        head: ["", "bytes"],
        rows: [
          [
            `each of ${tenants.toLocaleString("en")} tenants whose token AccessToken has in memory`,
            median(token).toFixed(0)
          ],
          [`each of ${tenants.toLocaleString("en")} tokens in TokenStore.layerMemory`, median(stored).toFixed(0)],
          [`each of ${events.toLocaleString("en")} events that a subscription remembers`, median(event).toFixed(0)]
        ]
      }],
      claims: [
        { name: "memory of a tenant's token", values: token, must: { most: 1500 }, unit: "bytes", digits: 0 },
        { name: "memory of a remembered event", values: event, must: { most: 500 }, unit: "bytes", digits: 0 }
      ]
    })
  )
