/** The faults of a run: of calls, of pushes, and of the machines on which the app runs. */
import * as Fault from "@effect-feishu/emulator/Fault"

/** Of the emulator, each with a probability. The seed gives the same sequence again. */
export interface OfEmulator {
  readonly call?: Fault.Fault
  readonly push?: Fault.PushFault
}

/** Of the app's own world. */
export type OfWorld =
  | "restart"
  | "store"
  | "slow store"
  | "interrupted callers"
  | "tickets invalidated"
  | "tokens invalidated"

const call = (fault: Fault.Fault): OfEmulator => ({ call: fault })
const push = (fault: Fault.PushFault): OfEmulator => ({ push: fault })

const all = {
  "call dropped": call(Fault.Drop()),
  "answer cut": call(Fault.Cut()),
  "JSON cut": call(Fault.CutJson()),
  "other content type": call(Fault.ContentType({ contentType: "text/plain" })),
  "answer late by 5 s": call(Fault.Delay({ duration: "5 seconds" })),
  "no answer": call(Fault.Delay({ duration: "1 day" })),
  "internal error": call(Fault.Refuse({ code: 1551, msg: "internal error", status: 500 })),
  "rate limit": call(Fault.rateLimit({ resetSeconds: 20 })),
  "gateway page": call(Fault.html(502)),
  "redirect": call(Fault.Answer({ status: 302, headers: { location: "https://example.com/" }, body: "" })),
  "too large": call(Fault.oversized(2 * 1024 * 1024)),
  "push lost": push(Fault.Lost()),
  "push late by 1 min": push(Fault.Late({ by: "1 minute" })),
  "push held": push(Fault.Held()),
  "push doubled": push(Fault.Doubled({ after: "20 seconds" })),
  "push replayed": push(Fault.Replayed({ after: "3 minutes" })),
  "push forged": push(Fault.Forged()),
  "push tampered": push(Fault.Tampered()),
  "restart": "restart",
  "store": "store",
  "slow store": "slow store",
  "interrupted callers": "interrupted callers",
  "tickets invalidated": "tickets invalidated",
  "tokens invalidated": "tokens invalidated"
} as const satisfies Readonly<Record<string, OfEmulator | OfWorld>>

export type Name = keyof typeof all

export const names = Object.keys(all) as ReadonlyArray<Name>

export const isName = (name: string): name is Name => name in all

/** The faults of the platform and of the network to the platform. */
export const ofPlatform: ReadonlyArray<Name> = names.filter((name) => typeof all[name] !== "string")

/** Each alone, and each pair. */
export const combinations: ReadonlyArray<ReadonlyArray<Name>> = [
  [],
  ...names.map((name) => [name]),
  ...names.flatMap((first, i) => names.slice(i + 1).map((second) => [first, second]))
]

const ofEmulator = (names: ReadonlyArray<Name>): ReadonlyArray<OfEmulator> =>
  names.flatMap((name) => {
    const fault: OfEmulator | OfWorld = all[name]
    return typeof fault === "string" ? [] : [fault]
  })

/** The rules for the emulator. */
export const rulesOf = (names: ReadonlyArray<Name>, seed: number) => {
  const rule = <F>(fault: F, n: number) => Fault.withProbability(0.25, fault, { seed: `${seed}/${n}` })
  const faults = ofEmulator(names)
  return {
    faults: faults.flatMap(({ call }, n) => call === undefined ? [] : [rule(call, n)]),
    pushFaults: faults.flatMap(({ push }, n) => push === undefined ? [] : [rule(push, n)])
  }
}

/** Tells whether the world has this fault. */
export const hasFault = (names: ReadonlyArray<Name>, fault: OfWorld): boolean => names.includes(fault)
