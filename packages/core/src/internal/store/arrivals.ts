/**
 * Remembers in which memory store of this process a ticket has arrived, because a program that builds a layer twice has two
 * stores, and waits at one for the ticket that arrives in the other.
 */
import type * as Clock from "effect/Clock"
import type { Service as TicketStore } from "../../TicketStore.js"
import { readMonotonicMillis } from "../monotonicMillis.js"

interface Arrival {
  /** The number of the store: some runtimes have no `WeakRef`. */
  readonly store: number
  /** Times of different clocks cannot be compared. */
  readonly clock: Clock.Clock
  /** On the monotonic clock, in milliseconds. */
  readonly at: number
}

/** The memory stores, numbered. */
const memoryStores = new WeakMap<TicketStore, number>()
let stores = 0

/** By app: the last ticket that has arrived in any memory store. */
const last = new Map<string, Arrival>()

export const addMemoryStore = (store: TicketStore): TicketStore => {
  memoryStores.set(store, ++stores)
  return store
}

export const isMemoryStore = (store: TicketStore): boolean => memoryStores.has(store)

export const add = (store: TicketStore, appId: string, clock: Clock.Clock): void =>
  void last.set(appId, { store: memoryStores.get(store) ?? 0, clock, at: readMonotonicMillis(clock) })

/** Returns `true` if `store` is in memory, and a ticket has arrived in another memory store in the last `within` ms. */
export const isElsewhere = (store: TicketStore, appId: string, clock: Clock.Clock, within: number): boolean => {
  const own = memoryStores.get(store)
  const arrival = last.get(appId)
  return own !== undefined && arrival !== undefined && arrival.clock === clock && arrival.store !== own
    && readMonotonicMillis(clock) - arrival.at <= within
}
