/** A delivery that is proven to be the platform's, and for one of the apps. */
import * as EventDoor from "@effect-feishu/core/EventDoor"
import * as EventHttpApp from "@effect-feishu/core/EventHttpApp"
import type { EventRefused } from "@effect-feishu/core/EventRefused"
import * as EventSubscription from "@effect-feishu/core/EventSubscription"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ServedApp } from "../ServedApp.js"
import * as Delivered from "./Delivered.js"
import type * as Forward from "./Forward.js"

/** The part of a `ServedApp` that takes deliveries. */
export type Receiving = Pick<ServedApp, "app" | "subscription">

/** By the id of the app. Has at least one app. */
export type Apps = ReadonlyMap<string, Receiving>

/** A delivery that is proven. */
export interface Proven extends Delivered.Delivered {
  readonly served: Receiving
  readonly headers: Forward.Headers
  readonly body: Uint8Array
  /** The address of the other end of the connection. */
  readonly peer: Option.Option<string>
  /** In milliseconds since 1970. */
  readonly receivedAt: number
}

/** Returns the app that the delivery is proven to be for, or the most helpful refusal. */
const appOf = (apps: Apps, delivery: EventSubscription.Delivery): Effect.Effect<Receiving, EventRefused> =>
  Effect.suspend(() => {
    let proven: Receiving | undefined
    const noting = function*() {
      for (const served of apps.values()) {
        yield {
          receive: served.subscription.receive,
          prove: (delivery: EventSubscription.Delivery) =>
            Effect.tap(served.subscription.prove(delivery), () => Effect.sync(() => void (proven = served)))
        }
      }
    }
    return Effect.flatMap(
      EventSubscription.anyOf(Effect.sync(noting)).prove(delivery),
      () => proven === undefined ? Effect.dieMessage("a delivery is proven for no app") : Effect.succeed(proven)
    )
  })

/** Reads and proves a request. */
export const prove = (
  apps: Apps,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Proven, EventRefused, Scope.Scope> =>
  Effect.gen(function*() {
    const receivedAt = yield* Clock.currentTimeMillis
    const refusal = EventDoor.admit(request)
    if (refusal !== undefined) return yield* refusal
    const headers: Forward.Headers = { ...request.headers }
    const body = yield* EventHttpApp.readBody(request)
    const served = yield* appOf(apps, { headers, body })
    const delivered = yield* Delivered.read(body, served.app.encryptKey)
    if (Option.isNone(delivered)) return yield* Effect.dieMessage("a delivery that is proven cannot be read")
    return { ...delivered.value, served, headers, body, peer: request.remoteAddress, receivedAt }
  })
