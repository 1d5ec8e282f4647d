/** Counts by name. */
export type Tally = Record<string, number>

export const add = (tally: Tally, name: string, count = 1): void => {
  tally[name] = (tally[name] ?? 0) + count
}

/** Adds each count of `other` to `tally`. */
export const addAll = (tally: Tally, other: Readonly<Tally>): void => {
  for (const [name, count] of Object.entries(other)) add(tally, name, count)
}
