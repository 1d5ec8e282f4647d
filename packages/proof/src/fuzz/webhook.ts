/**
 * Sends changed deliveries through all doors. No door may crash, hang, or act on a delivery whose sender did not know the app's
 * secrets, and all doors must answer with the same status.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Delivery, isGenuine, make } from "./deliveries.js"
import * as Dice from "./Dice.js"
import { type Door, open } from "./doors.js"
import type { Examine } from "./Finding.js"

/** A door that takes longer hangs. */
const longest = "10 seconds"

const show = ({ body, headers, method }: Delivery): string =>
  JSON.stringify({ method, headers, body: Buffer.from(body.subarray(0, 2000)).toString("latin1"), length: body.length })

const expected = new Set([200, 400, 401, 405, 413, 415])

interface Seen {
  readonly door: string
  readonly status: number
  readonly acted: boolean
}

/** Returns what is wrong with the answers to a delivery, or `undefined`. */
const problemOf = (seen: ReadonlyArray<Seen>, genuine: boolean): string | undefined => {
  const [first] = seen
  for (const { acted, door, status } of seen) {
    if (acted && !genuine) return `${door} acted on a delivery that is not genuine`
    // A handler answers 500 if the payload does not fit what it was declared with.
    if (!expected.has(status) && !(genuine && status === 500)) return `${door} answered ${status}`
    if (status !== first?.status || acted !== first.acted) {
      return `the doors differ: ${
        seen.map((seen) => `${seen.door} ${seen.status}${seen.acted ? " acted" : ""}`).join(", ")
      }`
    }
  }
  return undefined
}

const through = (door: Door, delivery: Delivery): Effect.Effect<Seen, string> =>
  Effect.suspend(() => {
    const before = door.actions()
    return Effect.tryPromise({
      try: () => door.answer(delivery),
      catch: (error) => `${door.name} failed: ${String(error)}`
    }).pipe(
      Effect.timeoutFail({ duration: longest, onTimeout: () => `${door.name} hangs` }),
      Effect.map(({ status }) => ({ door: door.name, status, acted: door.actions() > before }))
    )
  })

/** Examines the delivery of a seed, until the scope ends. */
export const examine: Effect.Effect<Examine, never, Scope.Scope> = Effect.gen(function*() {
  const doors = { encrypted: yield* open(true), plain: yield* open(false) }
  return (seed) =>
    Effect.gen(function*() {
      const dice = Dice.make(seed)
      const isEncrypted = dice.chance(0.7)
      const now = yield* Clock.currentTimeMillis
      // Few events have ids of their own, so that what is remembered does not grow.
      const delivery = make(dice.below(1000), isEncrypted, now, dice)
      const genuine = isGenuine(delivery, isEncrypted, now)
      const seen = yield* Effect.either(
        Effect.forEach(isEncrypted ? doors.encrypted : doors.plain, (door) => through(door, delivery))
      )
      const input = show(delivery)
      if (seen._tag === "Left") return { happened: [], problem: seen.left, input }
      const [first] = seen.right
      return {
        happened: [
          `answered with ${first?.status}`,
          ...(genuine ? ["genuine"] : []),
          ...(first?.acted === true ? ["a subscription acted"] : [])
        ],
        problem: problemOf(seen.right, genuine),
        input
      }
    })
})
