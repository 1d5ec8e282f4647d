export type Json = Readonly<Record<string, unknown>>

/** Returns `true` for a JSON object, which an array is not. */
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)
