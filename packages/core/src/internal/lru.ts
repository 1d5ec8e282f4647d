/** A bounded map that evicts the least recently used entries first. */

interface Entry<V> {
  readonly value: V
  /** The number of the entry's last use. */
  usedAt: number
}

export interface Lru<K, V> {
  /** Returns the value of `key`. Counts as a use. */
  readonly get: (key: K) => V | undefined
  /** Sets the value of `key`. Counts as a use. */
  readonly set: (key: K, value: V) => void
  readonly delete: (key: K) => void
  readonly size: () => number
}

/**
 * A full map evicts this part of its entries at once. So a use costs one assignment, and an eviction, which reads all
 * entries, is rare.
 */
const evictedPart = 1 / 64

/** Makes an empty map. A `capacity` that is not a number or below 1 counts as 1. */
export const make = <K, V>(capacity: number): Lru<K, V> => {
  const most = capacity >= 1 ? Math.floor(capacity) : 1
  const entries = new Map<K, Entry<V>>()
  let uses = 0

  const evict = () => {
    const evicted = entries.size - most + Math.floor(most * evictedPart)
    const oldestFirst = Float64Array.from(entries.values(), ({ usedAt }) => usedAt).toSorted()
    const last = oldestFirst[evicted - 1] ?? 0
    for (const [key, { usedAt }] of entries) if (usedAt <= last) entries.delete(key)
  }

  return {
    get: (key) => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entry.usedAt = ++uses
      return entry.value
    },
    set: (key, value) => {
      entries.set(key, { value, usedAt: ++uses })
      if (entries.size > most) evict()
    },
    delete: (key) => void entries.delete(key),
    size: () => entries.size
  }
}
