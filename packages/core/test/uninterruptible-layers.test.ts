/** Layers that are built inside `Effect.uninterruptible`, as in the acquisition of a resource: their scopes end. */
import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  Deferred,
  Effect,
  ExecutionStrategy,
  Exit,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Scope
} from "effect"
import * as AccessToken from "../src/AccessToken.js"
import * as AppTicket from "../src/AppTicket.js"
import * as EventHandler from "../src/EventHandler.js"
import * as EventSubscription from "../src/EventSubscription.js"
import * as TicketStore from "../src/TicketStore.js"
import * as TokenStore from "../src/TokenStore.js"
import * as Deliveries from "./deliveries.js"
import * as Scripted from "./scripted.js"

const hanging = Scripted.make(Scripted.hang)

const stores = Layer.mergeAll(
  TicketStore.layerMemory,
  TokenStore.layerMemory,
  hanging.layer,
  Logger.minimumLogLevel(LogLevel.None)
)

/** Builds a layer in an uninterruptible region, uses the service, and ends the scope while the use goes on. */
const build = <A, E, S>(layer: Layer.Layer<A, E>, use: (context: Context.Context<A>) => Effect.Effect<S, unknown>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const context = yield* Effect.uninterruptible(Layer.buildWithScope(layer, scope))
    const fiber = yield* Effect.fork(use(context))
    yield* Effect.sleep("20 millis")
    assert.isTrue((yield* Fiber.status(fiber))._tag !== "Done", "the service is in use")
    yield* Scope.close(scope, Exit.void)
    yield* Fiber.interrupt(fiber)
  }).pipe(Effect.scoped, Effect.timeout("5 seconds"))

describe("A layer that is built in an uninterruptible region", () => {
  it.live("ends while AppTicket waits for a ticket", () =>
    build(
      AppTicket.layer().pipe(Layer.provide([Scripted.app, stores])),
      (context) => Context.get(context, AppTicket.AppTicket).get
    ))

  it.live("ends while AccessToken waits for a token", () =>
    build(
      AccessToken.layer().pipe(Layer.provide(AppTicket.layer()), Layer.provide([Scripted.app, stores])),
      (context) => Context.get(context, AccessToken.AccessToken).tenant("tenant_1")
    ))

  it.live("ends while a handler runs", () =>
    Effect.gen(function*() {
      const running = yield* Deferred.make<void>()
      const handler = EventHandler.all(() => Effect.andThen(Deferred.succeed(running, undefined), Effect.never))
      const delivery = Deliveries.genuine(Deliveries.event2(), yield* Clock.currentTimeMillis)
      yield* build(
        EventSubscription.layer({ handlers: [handler] }).pipe(Layer.provide([Deliveries.app(), stores])),
        (context) => Context.get(context, EventSubscription.EventSubscription).receive(delivery)
      )
      yield* Deferred.await(running)
    }))
})
