/**
 * Logs the failures of a store: once for each operation until the operation works again. Counts each failure in the metrics.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Claims from "../../Claims.js"
import * as FeishuMetrics from "../../FeishuMetrics.js"
import type * as TicketStore from "../../TicketStore.js"
import type * as TokenStore from "../../TokenStore.js"
import * as MetricLabels from "../metricLabels.js"
import { monotonicMillis } from "../monotonicMillis.js"

type StoreError = TicketStore.TicketStoreError | TokenStore.TokenStoreError | Claims.ClaimsError

interface Outage {
  readonly since: number
  last: number
  failures: number
}

/** An operation works again if it has not failed for this time. Keeps an operation that fails now and then out of the log. */
const settled = Duration.toMillis("5 seconds")

/** A stream works again if it has not failed for this time, because a stream does not end when it works. */
const restarted = Duration.toMillis("1 minute")
const isStream = (operation: StoreError["operation"]) => operation === "changes"

/** By store, because several services may use the same store, and then by operation and app: the failures now. */
const outages = new WeakMap<object, Map<string, Outage>>()

const labels = new Map<string, ReturnType<typeof MetricLabels.make>>()

const count = (storeName: string, { appId, operation }: StoreError) => {
  const key = `${storeName} ${appId}`
  const byOperation = labels.get(key) ?? MetricLabels.make("operation", { app_id: appId, store: storeName })
  labels.set(key, byOperation)
  FeishuMetrics.storeFailures.unsafeUpdate(1, byOperation(operation))
}

const make = (store: object, storeName: "TicketStore" | "TokenStore" | "Claims") => {
  const failing = outages.get(store) ?? new Map<string, Outage>()
  outages.set(store, failing)

  const failed = (error: StoreError) =>
    Effect.flatMap(monotonicMillis, (now) => {
      count(storeName, error)
      const name = `${error.operation} ${error.appId}`
      const outage = failing.get(name)
      if (outage === undefined || (isStream(error.operation) && now - outage.last > restarted)) {
        failing.set(name, { since: now, last: now, failures: 1 })
        return Effect.logWarning(error.message)
      }
      outage.last = now
      outage.failures++
      return Effect.void
    })

  const worked = (name: string, outage: Outage) =>
    Effect.flatMap(monotonicMillis, (now) => {
      if (now - outage.last < settled || failing.get(name) !== outage) return Effect.void
      failing.delete(name)
      const [operation = "", ...appId] = name.split(" ")
      const lasted = Duration.format(Duration.seconds(Math.round((now - outage.since) / 1000)))
      return Effect.logInfo(
        `${storeName}.${operation} for ${appId.join(" ")} works again after ${lasted} (failures: ${outage.failures})`
      )
    })

  return <A, E extends StoreError>(
    appId: string,
    operation: E["operation"],
    effect: Effect.Effect<A, E>
  ): Effect.Effect<A, E> => {
    const name = `${operation} ${appId}`
    const succeeded = Effect.suspend(() => {
      const outage = failing.get(name)
      return outage === undefined ? Effect.void : worked(name, outage)
    })
    // Adds a step only while an operation fails.
    return Effect.suspend(() => {
      const logged = Effect.tapError(effect, failed)
      return failing.size === 0 ? logged : Effect.tap(logged, succeeded)
    })
  }
}

export const ofTickets = (store: TicketStore.Service): TicketStore.Service => {
  const logged = make(store, "TicketStore")
  return {
    get: (appId) => logged(appId, "get", store.get(appId)),
    put: (appId, ticket) => logged(appId, "put", store.put(appId, ticket)),
    drop: (appId, ticket) => logged(appId, "drop", store.drop(appId, ticket)),
    changes: (appId) =>
      store.changes(appId).pipe(
        Stream.tapError((error) => logged(appId, "changes", Effect.fail(error)))
      )
  }
}

export const ofTokens = (store: TokenStore.Service): TokenStore.Service => {
  const logged = make(store, "TokenStore")
  return {
    get: (key) => logged(key.appId, "get", store.get(key)),
    put: (key, token) => logged(key.appId, "put", store.put(key, token)),
    drop: (key, token) => logged(key.appId, "drop", store.drop(key, token))
  }
}

export const ofClaims = (store: Claims.Service): Claims.Service => {
  const logged = make(store, "Claims")
  return {
    claim: (appId, name, duration) => logged(appId, "claim", store.claim(appId, name, duration)),
    renew: (claim, duration) => logged(claim.appId, "renew", store.renew(claim, duration)),
    release: (claim) => logged(claim.appId, "release", store.release(claim)),
    hold: (appId, name, duration) => logged(appId, "hold", store.hold(appId, name, duration))
  }
}
