/** Remembers names until they expire, and forgets the oldest if there are too many. Each step takes constant time. */

export interface ExpiringNames {
  /** Returns the id of the holder and the milliseconds that remain, or `undefined` if the name is free. */
  readonly get: (name: string, now: number) => { readonly id: string; readonly left: number } | undefined
  readonly set: (name: string, id: string, end: number) => void
  readonly delete: (name: string) => void
}

interface Entry {
  readonly name: string
  id: string
  end: number
}

export const make = (max: number): ExpiringNames => {
  const entries = new Map<string, Entry>()
  /**
   * The entries in the order in which their names were set, the oldest at `first`. Also has entries that were deleted or
   * replaced. A queue, because the first key of a `Map` takes long to find after many deletions.
   */
  let queue: Array<Entry> = []
  let first = 0

  const forgetOldestWhile = (isForgotten: (entry: Entry) => boolean) => {
    for (let oldest = queue[first]; oldest !== undefined; oldest = queue[++first]) {
      if (entries.get(oldest.name) !== oldest) continue
      if (!isForgotten(oldest)) break
      entries.delete(oldest.name)
    }
    if (queue.length - entries.size > entries.size + 1000) {
      queue = queue.slice(first).filter((entry) => entries.get(entry.name) === entry)
      first = 0
    }
  }

  return {
    get: (name, now) => {
      forgetOldestWhile(({ end }) => end <= now)
      const entry = entries.get(name)
      return entry === undefined || entry.end <= now ? undefined : { id: entry.id, left: entry.end - now }
    },
    set: (name, id, end) => {
      const newest = queue.at(-1)
      if (newest?.name === name && entries.get(name) === newest) {
        newest.id = id
        newest.end = end
        return
      }
      const entry = { name, id, end }
      entries.set(name, entry)
      queue.push(entry)
      if (entries.size > max) forgetOldestWhile(() => entries.size > max)
    },
    delete: (name) => void entries.delete(name)
  }
}
