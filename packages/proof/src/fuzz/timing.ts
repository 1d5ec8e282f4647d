/**
 * Whether the time of a comparison tells how much of a secret somebody has guessed: the test of dudect (Reparaz, Balasch and
 * Verbauwhede, "Dude, is my code constant time?", 2017). Guesses of two classes, wrong from the first character on and wrong in the
 * last character only, are measured in random order. Welch's t tells whether the means of the two classes differ. dudect takes an
 * amount above 10 for a leak. A comparison that does leak is measured beside, which shows that the test can find one.
 */
import * as Effect from "effect/Effect"
import { map as mapValues } from "effect/Record"
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import * as Keys from "../../../cli/src/serve/tokens/Keys.js"
import { constantTimeEquals } from "../../../core/src/internal/webhook/constantTimeEquals.js"
import * as EventCrypto from "../../../core/src/internal/webhook/eventCrypto.js"
import * as Child from "../measure/Child.js"
import { quantile } from "../measure/statistics.js"
import type { Section } from "../report/Section.js"
import * as Dice from "./Dice.js"

const names = [
  "the verification token",
  "the signature of a delivery",
  "a key of the token service",
  // Shows that this test can find a leak.
  "a comparison that leaks"
] as const

type Name = typeof names[number]

const secret = Crypto.createHash("sha256").update("a secret").digest("hex")

/** Returns the same text as the engine keeps a text that came by network, because the engine reads a joined text more slowly. */
const received = (text: string): string => Buffer.from(text).toString("latin1")

/** Guesses of a secret: wrong from the first character on, and wrong in the last character only. */
const guessesOf = (secret: string) => ({
  first: received(secret.replaceAll(/./g, (digit) => digit === "0" ? "1" : "0")),
  last: received(`${secret.slice(0, -1)}${secret.endsWith("0") ? "1" : "0"}`)
})

type Guess = keyof ReturnType<typeof guessesOf>

const leaky = (a: string, b: string): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Compares a guess. */
type Compare = (guess: Guess) => unknown

const compareOf = (secret: string, compare: (text: string) => unknown): Compare => {
  const guesses = guessesOf(secret)
  return (guess) => compare(guesses[guess])
}

const comparisons: Effect.Effect<Readonly<Record<Name, Compare>>> = Effect.gen(function*() {
  const keys = yield* Effect.orDie(Keys.parse(Redacted.make(`first=${secret}\nsecond=${"0".repeat(64)}`), "the test"))
  const headers = {
    first: received(`Bearer ${guessesOf(secret).first}`),
    last: received(`Bearer ${guessesOf(secret).last}`)
  }
  const crypto = EventCrypto.make(Redacted.make("the encrypt key"))
  const body = Buffer.from("{\"encrypt\":\"AAAA\"}")
  const signature = Crypto.createHash("sha256").update("1nthe encrypt key").update(body).digest("hex")
  return {
    "the verification token": compareOf(secret, (text) => constantTimeEquals(text, secret)),
    "the signature of a delivery": compareOf(
      signature,
      (signature) => crypto.isGenuine({ timestamp: "1", nonce: "n", signature, body })
    ),
    "a key of the token service": (guess) => Keys.find(keys, headers[guess]),
    "a comparison that leaks": compareOf(secret, (text) => leaky(text, secret))
  }
})

/** Each measurement is of so many comparisons. */
const batch = 16

const measured = (compare: Compare, guess: Guess): number => {
  const begin = process.hrtime.bigint()
  for (let i = 0; i < batch; i++) compare(guess)
  return Number(process.hrtime.bigint() - begin)
}

/** Welch's t of two samples. */
const welch = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const statistics = (values: ReadonlyArray<number>) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
    return { mean, error: variance / values.length }
  }
  const [x, y] = [statistics(a), statistics(b)]
  return (x.mean - y.mean) / Math.sqrt(x.error + y.error)
}

const tOf = (compare: Compare, count: number, seed: number): number => {
  const dice = Dice.make(seed)
  const times: Record<Guess, Array<number>> = { first: [], last: [] }
  for (let i = -count / 10; i < count; i++) {
    const guess = dice.chance(0.5) ? "first" : "last"
    const time = measured(compare, guess)
    if (i >= 0) times[guess].push(time)
  }
  // The longest tenth is about the machine: interrupts and garbage.
  const crop = quantile([...times.first, ...times.last], 0.9)
  return Math.abs(welch(times.first.filter((time) => time < crop), times.last.filter((time) => time < crop)))
}

type Values = Readonly<Record<Name, ReadonlyArray<number>>>

export const measure = (isQuick: boolean): Effect.Effect<Values> =>
  Effect.map(comparisons, (comparisons) => {
    const of = (compare: Compare) =>
      Array.from({ length: isQuick ? 3 : 5 }, (_, seed) => tOf(compare, isQuick ? 20_000 : 200_000, seed))
    return mapValues(comparisons, of)
  })

export const section = (isQuick: boolean): Effect.Effect<Section> =>
  Effect.map(Child.measure<Values>("fuzz-timing", isQuick), (values) => ({
    tables: [{
      title: "Comparisons: |t| of guesses that are wrong at the beginning and at the end",
      head: ["", "|t| of each round"],
      rows: names.map((name) => [name, values[name].map((t) => t.toFixed(1)).join(" ")])
    }],
    claims: names.map((name) => ({
      name: `time of comparing ${name}: |t|`,
      values: values[name],
      must: name === "a comparison that leaks" ? { least: 20 } : { most: 10 },
      digits: 1,
      isExact: true
    }))
  }))
